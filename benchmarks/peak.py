"""How fast a core multiplies matrices at all, and so how little time an encoder's texts can take on it.

The peak is measured beside what is judged by it, as the quickest of several tries: products of 256 tokens with matrices
of an encoder, which onnxruntime keeps packed, in float32 and in int8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

TOKENS = 256
TRIES, REPEATS = 5, 10


@dataclass(frozen=True)
class Work:
    """Operations, additions and multiplications, of texts in an encoder, without any padding.

    fixed: of products with its matrices. attention: of the products of states with each other, and of one that asks.
    """

    fixed: float
    attention: float

    def least(self, float32: float, fixed: float | None = None) -> float:
        """CPU seconds if nothing but products took time. float32, fixed: operations a second; fixed as float32 if none.

        >>> Work(6.0, 2.0).least(2.0), Work(6.0, 2.0).least(2.0, 6.0)
        (4.0, 2.0)
        """
        return self.fixed / (fixed or float32) + self.attention / float32


def work(
    lengths: Sequence[int], layers: int, width: int, between: int, heads: int, last: Literal["all", "first"] = "all"
) -> Work:
    """What texts of these many tokens need in layers of attention and two products, whose inner width is `between`.

    last: the states of the last layer that are made. The first alone meets all tokens without keys and values: each of
    its heads is turned by their matrices.

    >>> work([2, 3], 1, 4, 8, 2), work([2, 3], 1, 4, 8, 2, last="first")
    (Work(fixed=1280.0, attention=208.0), Work(fixed=384.0, attention=288.0))
    """
    sizes = np.asarray(lengths, np.float64)
    tokens, pairs, texts = sizes.sum(), (sizes**2).sum(), len(sizes)
    whole = layers if last == "all" else layers - 1
    of_state = 2 * (2 * width * width + 2 * width * between)
    of_pair, of_keys = 4 * width, 2 * (2 * width * width)
    fixed = whole * (of_state + of_keys) * tokens
    attention = whole * of_pair * pairs
    if last == "first":
        fixed += of_state * texts
        attention += of_keys * texts + heads * of_pair * tokens
    return Work(float(fixed), float(attention))


def measured(width: int, between: int) -> tuple[float, float]:
    """Operations a second of one thread in float32, and in int8."""
    random = np.random.default_rng(0)
    rows, matrix = (random.integers(-99, 99, shape) for shape in ((TOKENS, width), (width, between)))
    exact = _product("MatMul", matrix.astype(np.float32))
    whole = _product("MatMulInteger", matrix.astype(np.int8))
    cases = {exact: rows.astype(np.float32), whole: (rows + 128).astype(np.uint8)}
    seconds: dict[Any, list[float]] = {each: [] for each in cases}
    for _ in range(TRIES):
        for session, given in cases.items():
            session.run(None, {"rows": given})
            began = time.process_time()
            for _ in range(REPEATS):
                session.run(None, {"rows": given})
            seconds[session].append((time.process_time() - began) / REPEATS)
    operations = 2 * TOKENS * width * between
    return operations / min(seconds[exact]), operations / min(seconds[whole])


def _product(operator: str, matrix: Any) -> Any:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    floats = operator == "MatMul"
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT) if floats else (TensorProto.UINT8, TensorProto.INT32)
    takes, gives = (
        helper.make_tensor_value_info(name, kind, [TOKENS, size])
        for name, kind, size in zip(("rows", "out"), kinds, matrix.shape, strict=True)
    )
    node = helper.make_node(operator, ["rows", "matrix"], ["out"])
    graph = helper.make_graph([node], "product", [takes], [gives], [numpy_helper.from_array(matrix, "matrix")])
    model = helper.make_model(graph, opset_imports=[helper.make_operatorsetid("", 18)], ir_version=9)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
