"""From rows as people have them to answers: schema check, encoding, the form or its graph, the task's decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from luban.batch import Answers, Array, Inputs, PerRow, Ragged, dense
from luban.bundle.bundle import Stored, rebuild_form
from luban.core import registry
from luban.data import encoders, readable
from luban.data.check import conform
from luban.protocols import Arranging, Asking, Encoder, Pairing, Spanning, State, Tagging, Target, Task
from luban.recipe.recipe import Features, Recipe
from luban.runtime import answering
from luban.runtime.quantizing import Precision
from luban.schema.schema import Schema
from luban.training import question, spanning, writing
from luban.training.conformal import Conformal

if TYPE_CHECKING:
    import polars as pl

SLICE = 16_384
"""Rows that are answered at once: memory stays flat however long the data is."""
COPIED = "copied"
"""The baseline that says what it reads."""


@final
@dataclass(frozen=True)
class Answerer:
    """Answers rows. Final; made once, used for any number of rows.

    classes: the names of the codes that answers hold; empty for values.
    windows: the recipe by which rows become windows of series, where the task asks for that; else None.
    baseline: what the simplest model says, whose name is `baseline_model`. features: how texts are read.
    at_once: rows that are answered together.
    """

    schema: Schema
    preprocessor: Encoder
    outputs: Callable[[Inputs], PerRow]
    task: Task
    classes: tuple[str, ...]
    threshold: float | None
    conformal: Conformal | None
    windows: Recipe | None = None
    baseline: tuple[Any, ...] = ()
    baseline_model: str = ""
    features: Features = field(default_factory=Features)
    at_once: int = SLICE

    @classmethod
    def of(cls, stored: Stored, *, threads: int = 1, precision: Precision = "float32") -> Self:
        """The answerer of a stored bundle: its ONNX graph where it has one, else its form.

        Raises UsageError where it has nothing to calculate in int8.
        """
        facts = stored.facts
        preprocessor = encoders.rebuild(stored.preprocessor)
        if stored.runtime is not None:
            shapes = encoders.shapes(preprocessor)
            outputs = answering.from_onnx(
                stored.runtime, width=preprocessor.width, shapes=shapes, threads=threads, precision=precision
            )
        elif precision == "int8":
            raise answering.no_int8()
        else:
            outputs = answering.from_form(rebuild_form(stored))
        conformal = facts.get("conformal")
        task = registry.find("tasks", facts["task"])
        if isinstance(task, Asking):
            task = question.of_targets(task, facts["targets"])
        if isinstance(task, Tagging):
            task = task.of_tags(tuple(facts["classes"]))
        forecast = isinstance(task, Arranging)
        return cls(
            schema=stored.schema,
            preprocessor=preprocessor,
            outputs=outputs,
            task=task.asked(stored.recipe) if forecast else task,
            classes=tuple(facts["classes"]),
            threshold=facts.get("threshold"),
            conformal=Conformal.from_json(conformal) if conformal else None,
            windows=stored.recipe if forecast else None,
            baseline=tuple(facts.get("baseline") or ()),
            baseline_model=str(facts.get("baseline_model", task.baseline)),
            features=stored.recipe.features,
        )

    def answers(self, frame: pl.DataFrame, *, where: str = "the rows", first_row: int = 0) -> Answers:
        """The answers for a table of rows. Raises DataError that names place, column and row where one does not fit."""
        return self.said(self.read(frame, where=where, first_row=first_row))

    def read(self, frame: pl.DataFrame, *, where: str = "the rows", first_row: int = 0) -> pl.DataFrame:
        """Rows as the preprocessor reads them. Raises DataError that names place, column and row where one cannot."""
        rows = conform(frame, self.schema, where=where, first_row=first_row)
        states = encoders.states(self.preprocessor)
        readable.demand(rows, self.schema.inputs, states, where=where, first_row=first_row)
        return rows

    def said(self, rows: pl.DataFrame) -> Answers:
        """The answers for rows that are as the preprocessor reads them."""
        return self.task.answers(self.outputs(self.preprocessor.transform(rows)), self.threshold)

    @property
    def simplest_reads(self) -> bool:
        """Whether what the baseline says depends on the row: on its words, or all of its texts."""
        return isinstance(self.task, Tagging | Spanning | Pairing) or self.baseline_model == COPIED

    def simplest(self, frame: pl.DataFrame) -> Answers:
        """What a baseline that reads says of rows. Raises BundleError where it is not one."""
        rows = conform(frame, self.schema, where="the rows")
        if self.baseline_model == COPIED:
            letters = writing.letters(rows[self.schema.inputs[0].name], self.features)
            return self.task.answers(registry.find("forms", COPIED)().outputs(letters))
        if isinstance(self.task, Spanning):
            words, *common = self.baseline
            overlap = registry.find("forms", self.baseline_model).rebuild(State({"words": words, "common": common}))
            return self.task.answers(overlap.outputs(spanning.letters(rows)))
        inputs = self.preprocessor.transform(rows)
        if isinstance(self.task, Pairing):
            scale, offset, *common = self.baseline
            told = State({"scale": scale, "offset": offset, "common": common})
            return self.task.answers(registry.find("forms", self.baseline_model).rebuild(told).outputs(inputs))
        state = State({"outputs": len(self.classes)}, {"codes": np.array(self.baseline, np.int64)})
        lookup = registry.find("forms", "lookup").rebuild(state)
        return self.task.answers(lookup.outputs(inputs), self.threshold)

    def stream(self, slices: Iterator[pl.DataFrame], *, where: str) -> Iterator[tuple[pl.DataFrame, Answers]]:
        """Each slice of rows with its answers."""
        first_row = 0
        for rows in slices:
            yield rows, self.answers(rows, where=where, first_row=first_row)
            first_row += len(rows)

    def named(self, prediction: PerRow) -> list[Any]:
        """Predictions as a person reads them: class names, lists of labels, cluster numbers, values, or texts.

        Of a sequence of codes a list of class names for each row.
        """
        if isinstance(prediction, Ragged):
            if not self.classes:
                return prediction.texts()
            names = [self.classes[code] for code in prediction.values]
            return [names[low:high] for low, high in pairwise(prediction.offsets.tolist())]
        if not self.classes:
            return [value.item() for value in prediction]
        if prediction.ndim == 2:
            return [[self.classes[i] for i in row.nonzero()[0]] for row in prediction]
        return [self.classes[code] for code in prediction]

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets where there are several, else none."""
        found: tuple[Target, ...] = getattr(self.task, "targets", ())
        return found

    def of_targets(self, answers: Answers) -> dict[str, list[Any]]:
        """The predictions for each of several targets, by its name."""
        parts = zip(self.targets, answers.parts, strict=True)
        return {
            each.name: [each.classes[code] if each.classes else code for code in dense(part.prediction).tolist()]
            for each, part in parts
        }

    def columns(self, answers: Answers) -> Mapping[str, list[Any] | Array]:
        """The answers as the columns of a table: `prediction`, then probabilities by class, or `low` and `high`.

        Of several targets `prediction_<target>`, and `probability_<target>_<class>`. Of pieces of a text also `begin`,
        where each begins, and `probability`.
        """
        if answers.parts:
            several: dict[str, list[Any] | Array] = {}
            for (name, said), each, part in zip(
                self.of_targets(answers).items(), self.targets, answers.parts, strict=True
            ):
                several[f"prediction_{name}"] = said
                if part.probabilities is not None:
                    given = dense(part.probabilities)
                    several |= {f"probability_{name}_{c}": given[:, i] for i, c in enumerate(each.classes)}
            return several
        named = self.named(answers.prediction)
        if answers.places is not None:
            begins, sure = answers.places.T
            return {"prediction": named, "begin": begins.astype(np.int64), "probability": sure}
        if isinstance(answers.prediction, Ragged):
            return {"prediction": [" ".join(row) for row in named] if self.classes else named}
        if self.classes and answers.prediction.ndim == 2:
            named = ["|".join(labels) for labels in named]
        columns: dict[str, list[Any] | Array] = {"prediction": named}
        if answers.probabilities is not None:
            shares = dense(answers.probabilities)
            names = self.classes or tuple(str(number) for number in range(shares.shape[1]))
            columns |= {f"probability_{name}": shares[:, i] for i, name in enumerate(names)}
        elif self.conformal is not None:
            columns["low"], columns["high"] = self.conformal.intervals(answers.prediction)
        return columns
