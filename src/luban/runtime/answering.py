"""One call: rows in, outputs out. Behind it an ONNX model or a form; the caller need not know which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import onnxruntime

from luban import collate
from luban.batch import Array, Inputs, PerRow, joined
from luban.core.errors import BundleError
from luban.protocols import Form, Shape
from luban.runtime import accepted

Answering: TypeAlias = Callable[[Inputs], PerRow]
"""(rows, outputs) float64 for (rows, width) inputs; or a sequence for each row, where a form answers so."""

_CELLS = 1 << 21
"""How many numbers of a tensor are made at once, so that memory stays flat as rows grow."""
_FATAL = 4


def from_onnx(
    data: bytes,
    *,
    width: int | None = None,
    outputs: int | None = None,
    shapes: Mapping[str, Shape] | None = None,
    threads: int = 1,
) -> Answering:
    """What answers by an ONNX model, given as bytes: no path of a bundle reaches the runtime.

    width, outputs: how many numbers a row of inputs and of outputs must have; None accepts any.
    shapes: of the tensors that go in instead of one matrix.
    Raises BundleError for a model that luban would not write (`accepted`).
    """
    widest = accepted.check(data, width=width, outputs=outputs, shapes=shapes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    # Pieces of rows come in few sizes; an arena would keep the largest of each for good.
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime has no common base class for its errors
        raise BundleError(f"the ONNX model does not load ({type(error).__name__}).") from None
    [gives] = session.get_outputs()
    size = max(1, _CELLS // widest)
    if shapes is not None:
        if len(gives.shape) == 3:
            return _of_steps(session, size)
        return _of_tensors(session, gives.shape[1], size)
    [takes] = session.get_inputs()

    def answer(inputs: Inputs) -> Array:
        if inputs.ndim != 2 or inputs.shape[1] != takes.shape[1]:
            raise ValueError(f"a model of {takes.shape[1]} inputs was given the shape {tuple(inputs.shape)}.")
        rows = int(inputs.shape[0])
        result = np.empty((rows, gives.shape[1]))
        for start in range(0, rows, size):
            piece = inputs[start : start + size]
            dense = np.ascontiguousarray(piece.toarray() if hasattr(piece, "toarray") else piece, dtype=np.float32)
            result[start : start + size] = session.run(None, {takes.name: dense})[0]
        return result

    return answer


def _of_tensors(session: onnxruntime.InferenceSession, outputs: int, size: int) -> Answering:
    names = [end.name for end in session.get_inputs()]

    def answer(inputs: Inputs) -> Array:
        rows = int(inputs.shape[0])
        result = np.empty((rows, outputs))
        lengths = collate.lengths(inputs)
        # Rows of like length together: padding is work for nothing.
        order = np.arange(rows) if lengths is None else np.argsort(lengths, kind="stable")
        for start in range(0, rows, size):
            numbers = order[start : start + size]
            tensors = collate.to_numpy(inputs, numbers)
            result[numbers] = session.run(None, {name: tensors[name] for name in names})[0]
        return result

    return answer


def _of_steps(session: onnxruntime.InferenceSession, size: int) -> Answering:
    """Answers each step of the one ragged part."""
    names = [end.name for end in session.get_inputs()]

    def answer(inputs: Inputs) -> PerRow:
        steps = collate.answered(inputs)
        # Rows of like length together: padding is work for nothing.
        order = np.argsort(steps, kind="stable")
        found = []
        for start in range(0, max(len(order), 1), size):
            numbers = order[start : start + size]
            tensors = collate.to_numpy(inputs, numbers)
            given = session.run(None, {name: tensors[name] for name in names})[0]
            found.append(collate.unpadded(given, steps[numbers]))
        return joined(found)[np.argsort(order, kind="stable")]

    return answer


def from_form(form: Form) -> Answering:
    """What answers by a form itself."""
    return form.outputs
