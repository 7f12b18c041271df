"""Subjects of real models on small tables, whose values are what the model answers to rows that are written anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array, Batch
from luban.core import registry
from luban.data.preprocessor import Preprocessor
from luban.evidence.explanation import Scale, Unit
from luban.explainers import _coalition
from luban.protocols import Encoder, Form, Inside, Subject, Work
from luban.recipe.recipe import Features
from luban.schema.schema import Column, Schema


def table(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    """Numbers, some of them missing, and a category of several outputs."""
    random = np.random.default_rng(seed)
    numbers = {name: random.normal(size=rows) for name in ("a", "b", "c", "d")}
    frame = pl.DataFrame({**numbers, "town": random.choice(["Ulm", "Bonn", "Kiel"], rows)})
    return frame.with_columns(
        pl.when(pl.Series(random.random(rows) < 0.1)).then(None).otherwise(pl.col("d")).alias("d")
    )


def target(frame: pl.DataFrame) -> Array:
    """What the columns make together: products, so that units interact."""
    a, b, c = (frame[name].to_numpy() for name in "abc")
    town = (frame["town"] == "Ulm").to_numpy()
    return np.asarray(a * b + 2 * town * (c > 0) + a + frame["d"].fill_null(0).to_numpy())


def learned(
    model: str, frame: pl.DataFrame, values: Array, task: str = "regression", **asked: Any
) -> tuple[Encoder, Form]:
    """The encoder and the form of a model on these rows."""
    kinds = {name: "number" if frame[name].dtype.is_numeric() else "category" for name in frame.columns}
    schema = Schema(tuple(Column(n, k, "input", "", str(frame[n].dtype)) for n, k in kinds.items()))
    encoder = Preprocessor.fit(frame, schema, Features(category_floor=2))
    inputs = encoder.transform(frame)
    outputs = 1 if task == "regression" else int(values.max()) + 1
    work = Work(task, outputs, len(frame), encoder.width)
    found = registry.find("models", model)
    form = found.fit(Batch(inputs, values), work, found.Settings(**asked), seed=0, threads=1)
    return encoder, form


def subject(
    frame: pl.DataFrame,
    encoder: Encoder,
    form: Form,
    *,
    places: Sequence[int] = (0,),
    background: pl.DataFrame | None = None,
    scale: Scale = "value",
    moved: Callable[[Array], Array] = lambda answers: answers,
    task: str = "regression",
) -> Subject:
    """Of the rows in `frame`, whose columns all are units; places: of each game, or one for all.

    moved: from (rows, outputs) answers to what is explained of them.
    """
    reference = usual(encoder, frame) if background is None else background
    where = np.broadcast_to(np.array(places), len(frame)).astype(np.int64)
    units = tuple(tuple(Unit(n, n, str(row[n])) for n in frame.columns) for row in frame.iter_rows(named=True))

    def values(coalitions: Array, games: Array) -> Array:
        found = np.empty((len(coalitions), len(games)))
        for place, game in enumerate(games.tolist()):
            mixed = mixtures(frame[game], coalitions, reference)
            answers = moved(np.asarray(form.outputs(encoder.transform(mixed))))
            found[:, place] = answers[:, where[game]].reshape(len(coalitions), -1).mean(axis=1)
        return found

    def answer(rows: pl.DataFrame, game: int) -> Array:
        return moved(np.asarray(form.outputs(encoder.transform(rows))))[:, where[game]]

    return Subject(
        frame=frame,
        units=units,
        cuts=tuple({} for _ in units),
        numbers=tuple(range(len(frame))),
        values=values,
        answer=answer,
        said=lambda rows: moved(np.asarray(form.outputs(encoder.transform(rows)))).argmax(axis=1).tolist(),
        scale=scale,
        task=task,
        inside=Inside(lambda: form, encoder, where, np.full(len(frame), -1), reference),
    )


def usual(encoder: Encoder, frame: pl.DataFrame) -> pl.DataFrame:
    known = encoder.baselines()
    return pl.DataFrame([pl.Series(name, [known[name]], dtype=kind) for name, kind in frame.schema.items()])


def mixtures(row: pl.DataFrame, coalitions: Array, reference: pl.DataFrame) -> pl.DataFrame:
    """For each coalition the rows of the reference with the row's values in the columns that stay."""
    others = np.tile(np.arange(len(reference)), len(coalitions)) + 1
    stays = np.repeat(coalitions, len(reference), axis=0)
    columns = [
        pl.concat([row[name], reference[name]]).gather(np.where(stays[:, number], 0, others))
        for number, name in enumerate(row.columns)
    ]
    return pl.DataFrame(columns)


def enumerated(asked: Subject) -> Array:
    """(games, units): Shapley values of every coalition, which the engine gives exactly."""
    return _coalition.attribute(asked.values, asked.count, len(asked.units), calls=2**asked.count).values


def log_odds(answers: Array) -> Array:
    return np.asarray(np.log(answers) - np.log(1 - answers))


def centred(answers: Array) -> Array:
    logs = np.log(answers)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
