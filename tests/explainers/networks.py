"""Networks on columns of every kind, and their subjects, taken apart as `luban explain` does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import torch

from luban.batch import Array, Ragged, dense
from luban.core import registry
from luban.data.tensor_preprocessor import TensorPreprocessor
from luban.evidence.explanation import Scale
from luban.forms.network import Network
from luban.protocols import Encoder, Inside, Subject, Work
from luban.recipe.recipe import Features
from luban.runtime import masking
from luban.schema.schema import Column, Schema

KINDS = {"a": "number", "town": "category", "note": "text", "pulse": "series", "picture": "image", "said": "words"}
WORDS = ("goal", "match", "team", "cup", "shares", "market", "bank", "profit", "unbelievable", "Überraschung")


def rows(count: int = 40, seed: int = 0) -> pl.DataFrame:
    """A column of each kind; regions of pictures differ, and rows differ in length."""
    random = np.random.default_rng(seed)
    notes = [" ".join(random.choice(WORDS, random.integers(4, 9))) for _ in range(count)]
    pulses = [random.normal(size=random.integers(5, 12)).tolist() for _ in range(count)]
    pictures = np.repeat(np.repeat(random.integers(0, 255, (count, 4, 4)), 5, 1), 5, 2).astype(np.uint8)
    return pl.DataFrame(
        {
            "a": random.normal(size=count),
            "town": random.choice(["Ulm", "Bonn", "Kiel"], count),
            "note": notes,
            "pulse": pulses,
            "picture": pl.Series(pictures),
            "said": [" ".join(random.choice(WORDS, 4)) for _ in range(count)],
        }
    )


def encoder_of(frame: pl.DataFrame, **settings: Any) -> TensorPreprocessor:
    columns = tuple(Column(n, KINDS[n], "input", "", str(frame[n].dtype)) for n in frame.columns)
    return TensorPreprocessor.fit(frame, Schema(columns), Features(category_floor=2, **settings))


def form_of(
    encoder: TensorPreprocessor,
    model: str,
    *,
    outputs: int = 3,
    task: str = "multiclass",
    link: str = "softmax",
    **asked: Any,
) -> Network:
    """A network with fresh weights, larger than usual, so that its answers differ."""
    torch.manual_seed(3)
    found = registry.find("models", model)
    work = Work(task, outputs, 40, encoder.width, shapes=encoder.shapes)
    settings = found.Settings(**asked)
    module = found.build(work, settings).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5).add_(0.05 * torch.randn_like(parameter))
    weights = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
    return Network(model, settings.model_dump(), work, weights, link)


def subject_of(
    frame: pl.DataFrame,
    encoder: Encoder,
    form: Any,
    *,
    place: int = 0,
    step: int = -1,
    most: int = 6,
    background: pl.DataFrame | None = None,
    scale: Scale = "probability",
    task: str = "multiclass",
) -> Subject:
    """Of the first row of a frame."""
    row = frame[:1]
    reference = masking.usual(encoder, frame) if background is None else background
    taken = masking.taken_apart(row, encoder, reference, most)

    def score(answers: Any) -> Array:
        if isinstance(answers, Ragged):
            return np.asarray(answers.values[answers.offsets[:-1] + step, place])
        return dense(answers)[:, place]

    def values(coalitions: Array, games: Array) -> Array:
        found = np.zeros((len(coalitions), 1))
        for number in range(len(reference)):
            mixed = masking.mixture(taken, coalitions, reference[number : number + 1])
            found[:, 0] += score(form.outputs(encoder.transform(mixed))) / len(reference)
        return found

    return Subject(
        frame=row,
        units=(taken.units,),
        cuts=(dict(taken.cuts),),
        numbers=(0,),
        values=values,
        answer=lambda rows, game: score(form.outputs(encoder.transform(rows))),
        said=lambda rows: dense(form.outputs(encoder.transform(rows))).argmax(axis=1).tolist(),
        scale=scale,
        task=task,
        inside=Inside(lambda: form, encoder, np.array([place]), np.array([step]), reference),
    )
