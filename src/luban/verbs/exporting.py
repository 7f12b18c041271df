"""From a form to the graph that answers in its place, where the two are shown to agree on real rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban.batch import Tensors
from luban.core.errors import BundleError
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Form, NoGraph, Shape
from luban.recipe.recipe import Candidate
from luban.runtime import answering, graph
from luban.runtime.answering import Answering
from luban.training.unit import Training, by_gradient

CLOSE = 1e-5
"""How far an answer of the graph may lie from the form's, relative to the largest answer above 1."""
COMPARED = 5_000
"""Rows that both answer, at most: every test row up to that, then training rows."""


@dataclass(frozen=True)
class Exported:
    """The graph, or why there is none. parity: how it compared with the form."""

    data: bytes | None
    reason: str
    parity: graph.Parity | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"answers_by": "onnx" if self.data is not None else "native", "reason": self.reason}
        if self.parity is not None:
            document["parity"] = vars(self.parity)
        return document


def export(form: Form, training: Training) -> Exported:
    """The ONNX graph of a form, kept only where it agrees with the form on rows of the training."""
    shapes = shapes_of(training)
    try:
        data = graph.build(form, form.width, form.output_width, shapes)
    except NoGraph as reason:
        return Exported(None, str(reason))
    rows = np.concatenate([training.test, np.flatnonzero(training.folds[0] >= -1)])[:COMPARED]
    try:
        compared = graph.parity(form, data, training.batch.inputs[np.sort(rows)], shapes)
    except BundleError as refused:
        # A graph that would be refused when the bundle is opened is none; the model that was trained stays.
        return Exported(None, refused.message.rstrip("."))
    if compared.flips or compared.difference > CLOSE:
        why = f"its graph differs by {compared.difference:.1e}, with {compared.flips} other answers"
        return Exported(None, why, compared)
    return Exported(data, f"agrees with the form on {compared.rows:,} rows", compared)


def findings(exported: Exported, candidates: Sequence[Candidate]) -> tuple[Finding, ...]:
    """What is wrong with how rows are answered: one finding where torch has to, which says why; else none.

    candidates: of the models whose outputs make the answer. Those that are no network answer from arrays of their own,
    which needs no torch and takes no longer.
    """
    networks = sorted({candidate.model for candidate in candidates if by_gradient(candidate)})
    if exported.data is not None or not networks:
        return ()
    compared = exported.parity
    signal = Signal("ONNX graphs that answer as the network does", 0.0, 1.0, 0)
    if compared is not None:
        signal = Signal("largest difference of the graph's answers", compared.difference, CLOSE, compared.rows)
    text = (
        f"torch answers for {' and '.join(networks)}, since there is no ONNX graph to do it: {exported.reason}. The "
        "answers are the network's own, but take longer, and whoever predicts needs the extra `nets`. Another --model "
        "may have a graph."
    )
    return (Finding("no-onnx-graph", "warning", Where(), signal, text),)


def answering_of(exported: Exported, form: Form, training: Training) -> Answering:
    """What answers: the graph where there is one, else the form."""
    if exported.data is None:
        return answering.from_form(form)
    shapes = shapes_of(training)
    return answering.from_onnx(exported.data, width=form.width, outputs=form.output_width, shapes=shapes)


def shapes_of(training: Training) -> Mapping[str, Shape] | None:
    """The shapes of the tensors that go into the model, or None where one matrix does."""
    return training.work.shapes if isinstance(training.batch.inputs, Tensors) else None
