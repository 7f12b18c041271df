"""One call: rows in, outputs out. Behind it an ONNX model or a form; the caller need not know which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import onnx
import onnxruntime

from luban import collate
from luban.batch import Array, Inputs, PerRow, joined, matrix
from luban.core.errors import BundleError, UsageError
from luban.protocols import Form, Shape
from luban.runtime import accepted, first_step, fusing, quantizing
from luban.runtime.quantizing import Precision

Answering: TypeAlias = Callable[[Inputs], PerRow]
"""(rows, outputs) float64 for (rows, width) inputs; or a sequence for each row, where a form answers so."""

_CELLS = 1 << 21
"""How many numbers of a tensor are made at once, so that memory stays flat as rows grow."""
SMALLER = 2
"""Rows that vary in length are answered in pieces so many times smaller: their numbers stay near the processor."""
_FATAL = 4


def from_onnx(
    data: bytes,
    *,
    width: int | None = None,
    outputs: int | None = None,
    shapes: Mapping[str, Shape] | None = None,
    threads: int = 1,
    precision: Precision = "float32",
) -> Answering:
    """What answers by an ONNX model, given as bytes: no path of a bundle reaches the runtime.

    width, outputs: how many numbers a row of inputs and of outputs must have; None accepts any.
    shapes: of the tensors that go in instead of one matrix.
    precision: what it calculates in; int8 is for the large products of networks alone (`quantizing`).
    Raises BundleError for a model that luban would not write (`accepted`).
    """
    widest = accepted.check(data, width=width, outputs=outputs, shapes=shapes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    # Memory goes from piece to piece. No plan of it is kept for each of their sizes.
    options.enable_mem_pattern = False
    made = _made_fast(data, precision)
    try:
        session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - onnxruntime has no common base class for its errors
        raise BundleError(f"the ONNX model does not load ({type(error).__name__}).") from None
    [gives] = session.get_outputs()
    size = max(1, _CELLS // widest)
    if shapes is not None:
        if len(gives.shape) == 3:
            return _of_steps(session, _Pieces(shapes, size))
        return _of_tensors(session, gives.shape[1], _Pieces(shapes, size))
    [takes] = session.get_inputs()

    def answer(inputs: Inputs) -> Array:
        given = matrix(inputs)
        if given.ndim != 2 or given.shape[1] != takes.shape[1]:
            raise ValueError(f"a model of {takes.shape[1]} inputs was given the shape {tuple(given.shape)}.")
        rows = int(inputs.shape[0])
        result = np.empty((rows, gives.shape[1]))
        for start in range(0, rows, size):
            piece = given[start : start + size]
            dense = np.ascontiguousarray(piece.toarray() if hasattr(piece, "toarray") else piece, dtype=np.float32)
            result[start : start + size] = session.run(None, {takes.name: dense})[0]
        return result

    return answer


def _made_fast(data: bytes, precision: Precision) -> bytes:
    """The same model for the runtime alone, where there is something in it that can be fused, or is to be int8."""
    if precision == "float32" and not fusing.concerns(data):
        return data
    fused = first_step.narrowed(fusing.fused(onnx.load_model_from_string(data)))
    if precision == "int8":
        if not quantizing.concerns(fused):
            raise no_int8()
        fused = quantizing.quantized(fused)
    return bytes(fused.SerializeToString())


def no_int8() -> UsageError:
    """What is said where a model has nothing to calculate in int8."""
    return UsageError(
        "this model has no large products of a network in an ONNX graph, which alone can be int8.",
        where="--precision int8",
        fix="leave --precision out",
    )


@dataclass(frozen=True)
class _Pieces:
    """Which rows are answered together. size: so many rows are, where all are as long as any may be."""

    shapes: Mapping[str, Shape]
    size: int

    def of(self, lengths: Array | None, rows: int) -> list[Array]:
        """The numbers of the rows; rows of like length together, for padding is work for nothing."""
        order = np.arange(rows) if lengths is None else np.argsort(lengths, kind="stable")
        only = next(iter(self.shapes.values()))
        if lengths is None or len(self.shapes) > 1:
            return [order[start : start + self.size] for start in range(0, rows, self.size)]
        # Tensors grow with the steps at least, so that shorter rows may be more.
        return collate.pieces(order, lengths, max(self.size * only.longest // SMALLER, 1))


def _of_tensors(session: onnxruntime.InferenceSession, outputs: int, pieces: _Pieces) -> Answering:
    names = [end.name for end in session.get_inputs()]

    def answer(inputs: Inputs) -> Array:
        rows = int(inputs.shape[0])
        result = np.empty((rows, outputs))
        for numbers in pieces.of(collate.lengths(inputs), rows):
            tensors = collate.to_numpy(inputs, numbers)
            result[numbers] = session.run(None, {name: tensors[name] for name in names})[0]
        return result

    return answer


def _of_steps(session: onnxruntime.InferenceSession, pieces: _Pieces) -> Answering:
    """Answers each step of the one ragged part."""
    names = [end.name for end in session.get_inputs()]

    def answer(inputs: Inputs) -> PerRow:
        steps = collate.answered(inputs)
        found, order = [], []
        for numbers in pieces.of(collate.lengths(inputs), len(steps)) or [np.arange(0)]:
            tensors = collate.to_numpy(inputs, numbers)
            given = session.run(None, {name: tensors[name] for name in names})[0]
            found.append(collate.unpadded(given, steps[numbers]))
            order.append(numbers)
        return joined(found)[np.argsort(np.concatenate(order), kind="stable")]

    return answer


def from_form(form: Form) -> Answering:
    """What answers by a form itself."""
    return form.outputs
