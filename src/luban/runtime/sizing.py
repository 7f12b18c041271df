"""How large each tensor of an ONNX model becomes, found without running it.

ONNX infers most shapes by itself. Where a size is calculated within the graph, from the shape of another tensor, these
few whole numbers are calculated here, and it infers again with them as constants.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from luban.batch import Array
from luban.core.errors import BundleError

PASSES = 40
"""Rounds of inference at most: each layer whose size follows from that of the layer before takes one."""
MOST = 4_096
"""Numbers of a tensor up to which it may be a size."""


def shapes_of(model: Any, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...] | None]:
    """The shape of each tensor that goes in or is made, by name; None where it cannot be told.

    sizes: of the dimensions that have a name.
    Raises BundleError for shapes that do not fit together, and for a dimension whose name is not known.
    """
    told = _told(model, sizes)
    names = [
        *(end.name for end in told.graph.input),
        *(name for node in told.graph.node for name in node.output if name),
    ]
    known: dict[str, Array] = {}
    shapes: dict[str, tuple[int, ...] | None] = {}
    for _ in range(PASSES):
        shapes = _inferred(told)
        found = _calculated(told, shapes, known)
        if not found or all(shapes.get(name) is not None for name in names):
            break
        known |= found
        _make_constant(told, found)
    return {name: known[name].shape if name in known else shapes.get(name) for name in names}


def _told(model: Any, sizes: Mapping[str, int]) -> Any:
    """A copy of the model whose named sizes are numbers."""
    told = onnx.ModelProto()
    told.CopyFrom(model)
    del told.graph.value_info[:]
    for end in (*told.graph.input, *told.graph.output):
        for dim in end.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                if dim.dim_param not in sizes:
                    raise _refused(f"the size '{dim.dim_param[:40]}' of '{end.name[:40]}' is not known")
                dim.dim_value = sizes[dim.dim_param]
    return told


def _inferred(model: Any) -> dict[str, tuple[int, ...] | None]:
    try:
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True, data_prop=True).graph
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise _refused(f"its shapes do not fit together ({str(error)[:80]!r})") from None
    found: dict[str, tuple[int, ...] | None] = {}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shape = value.type.tensor_type.shape
        whole = value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in shape.dim)
        found[value.name] = tuple(dim.dim_value for dim in shape.dim) if whole else None
    found.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    return found


def _calculated(
    model: Any, shapes: Mapping[str, tuple[int, ...] | None], known: Mapping[str, Array]
) -> dict[str, Array]:
    """The sizes that can be calculated now and were not before."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if np.prod(t.dims, dtype=float) <= MOST}
    values |= known
    found = {}
    for node in model.graph.node:
        if len(node.output) != 1 or node.domain or node.op_type not in CALCULATIONS or node.output[0] in known:
            continue
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Shape":
            shape = shapes.get(node.input[0])
            if shape is None:
                continue
            inputs = [np.array(shape, dtype=np.int64)]
        elif all(name in values and values[name].dtype.kind in "iub" for name in node.input):
            inputs = [values[name] for name in node.input]
        else:
            continue
        if attributes.get("to", TensorProto.INT64) not in _TYPES:
            # What becomes a fraction is no size.
            continue
        try:
            result = np.asarray(CALCULATIONS[node.op_type](inputs, attributes))
        except (ValueError, IndexError, TypeError, ZeroDivisionError, KeyError):
            raise _refused(f"the operator '{node.op_type}' cannot calculate a size") from None
        if result.size <= MOST and result.dtype.kind in "iub":
            values[node.output[0]] = found[node.output[0]] = result
    return found


def _make_constant(model: Any, found: Mapping[str, Array]) -> None:
    """Puts constants in the place of the nodes whose results are known."""
    kept = [node for node in model.graph.node if not (len(node.output) == 1 and node.output[0] in found)]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(np.array(a, order="C"), name) for name, a in found.items())


def _axes(inputs: Sequence[Array]) -> tuple[int, ...]:
    return tuple(int(axis) for axis in np.atleast_1d(inputs[1]))


def _unsqueeze(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return np.expand_dims(inputs[0], _axes(inputs))


def _squeeze(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return np.squeeze(inputs[0], _axes(inputs) if len(inputs) > 1 else None)


def _slice(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    values, starts, ends = inputs[:3]
    axes = inputs[3] if len(inputs) > 3 else np.arange(len(starts))
    steps = inputs[4] if len(inputs) > 4 else np.ones(len(starts), np.int64)
    places: list[Any] = [slice(None)] * values.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        places[int(axis)] = slice(int(start), int(end), int(step))
    return values[tuple(places)]


def _cast(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    return inputs[0].astype(_TYPES[attributes["to"]])


def _division(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    if not inputs[1].all():
        raise ValueError("a size is divided by zero")
    # ONNX cuts towards zero.
    return np.asarray(np.trunc(inputs[0] / inputs[1]), dtype=inputs[0].dtype)


def _modulo(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> Array:
    if not inputs[1].all():
        raise ValueError("a size is divided by zero")
    return np.asarray(np.mod(inputs[0], inputs[1]))


def _of_two(function: Callable[[Array, Array], Array]) -> Callable[[Sequence[Array], Mapping[str, Any]], Array]:
    return lambda inputs, attributes: function(inputs[0], inputs[1])


_TYPES = {TensorProto.INT64: np.int64, TensorProto.INT32: np.int32, TensorProto.BOOL: np.bool_}
CALCULATIONS: dict[str, Callable[[Sequence[Array], Mapping[str, Any]], Array]] = {
    "Add": _of_two(np.add),
    "And": _of_two(np.logical_and),
    "Cast": _cast,
    "Concat": lambda inputs, attributes: np.concatenate(list(inputs), axis=attributes["axis"]),
    "Div": _division,
    "Equal": _of_two(np.equal),
    "Gather": lambda inputs, attributes: np.take(inputs[0], inputs[1], axis=attributes.get("axis", 0)),
    "Less": _of_two(np.less),
    "Max": lambda inputs, attributes: functools.reduce(np.maximum, inputs),
    "Min": lambda inputs, attributes: functools.reduce(np.minimum, inputs),
    "Mod": _modulo,
    "Mul": _of_two(np.multiply),
    "Not": lambda inputs, attributes: np.logical_not(inputs[0]),
    "Or": _of_two(np.logical_or),
    "Reshape": lambda inputs, attributes: inputs[0].reshape(tuple(int(n) for n in inputs[1])),
    "Shape": lambda inputs, attributes: inputs[0][attributes.get("start", 0) : attributes.get("end", len(inputs[0]))],
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": _of_two(np.subtract),
    "Unsqueeze": _unsqueeze,
    "Where": lambda inputs, attributes: np.where(*inputs),
}
"""The operators with which graphs calculate sizes: on a few whole numbers, none can take long or grow."""


def _refused(problem: str) -> BundleError:
    return BundleError(f"the ONNX model is not run: {problem}.")
