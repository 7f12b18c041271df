"""Which ONNX models luban runs: those that its own forms draw. Checked before any library may execute them.

A model of a stranger can name files, carry functions and loops, or hold tree references that native code follows
without looking. So the list of operators and the layout of trees are here in the code, and what is not on it is
refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from luban.core.errors import BundleError
from luban.protocols import Shape
from luban.runtime import sizing, tree_ensembles

INPUTS, OUTPUTS = "inputs", "outputs"
ROWS = "rows"
OPERATOR_SETS = {"": 18, "ai.onnx.ml": 3}
MOST_BYTES = 512 << 20
MOST_CELLS = 1 << 26
"""No row may need an intermediate tensor of more numbers than this."""

OPERATORS = {
    "": frozenset([
        "Add", "ArgMax", "Cast", "Concat", "Div", "Equal", "Exp", "Gather", "Greater", "Identity",
        "LessOrEqual", "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Pow", "ReduceMax", "Relu", "Sigmoid",
        "Softmax", "Sqrt", "Sub", "Tanh", "TopK",
    ]),
    "ai.onnx.ml": frozenset({tree_ensembles.OPERATOR}),
}  # fmt: skip
NETWORK_OPERATORS: frozenset[str] = frozenset().union(
    # layers
    {"AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "GRU", "Gemm", "GlobalAveragePool",
     "InstanceNormalization", "LSTM", "LayerNormalization", "MaxPool", "RNN"},
    # activations
    {"Elu", "Erf", "LeakyRelu", "LogSoftmax", "Selu", "Softplus"},
    # numbers
    {"Abs", "Clip", "Cos", "CumSum", "Floor", "Mod", "Reciprocal", "ReduceMean", "ReduceMin", "ReduceSum",
     "Sign", "Sin"},
    # questions
    {"And", "GreaterOrEqual", "IsNaN", "Less", "Not", "Or", "Where"},
    # places
    {"ConstantOfShape", "Expand", "Flatten", "GatherElements", "GatherND", "Pad", "Range", "Reshape", "Shape",
     "Slice", "Split", "Squeeze", "Tile", "Transpose", "Trilu", "Unsqueeze"},
)  # fmt: skip
"""What the graphs of networks need besides. None of them runs a graph of its own, or reads anything but tensors."""
_NUMBERS = {
    TensorProto.FLOAT: 4,
    TensorProto.DOUBLE: 8,
    TensorProto.INT64: 8,
    TensorProto.INT32: 4,
    TensorProto.UINT8: 1,
    TensorProto.BOOL: 1,
}
LENGTHS = ".lengths"
_ELEMENTS = {
    "vector": TensorProto.FLOAT,
    "image": TensorProto.UINT8,
    "sequence": TensorProto.FLOAT,
    "tokens": TensorProto.INT64,
    "words": TensorProto.INT64,
}
_ATTRIBUTES = {
    onnx.AttributeProto.INT,
    onnx.AttributeProto.INTS,
    onnx.AttributeProto.FLOAT,
    onnx.AttributeProto.FLOATS,
    onnx.AttributeProto.STRING,
    onnx.AttributeProto.STRINGS,
}


Ends = dict[str, tuple[int, tuple[int | str, ...]]]
"""The tensors that go into a graph: element type and sizes by name. Sizes that vary are named."""


def ends_of(width: int, shapes: Mapping[str, Shape] | None) -> Ends:
    """What goes into the graph of a form: one matrix, or the tensors of these shapes.

    >>> ends_of(0, {"notes": Shape("tokens", (100,), 9)})["notes.lengths"][1]
    ('rows',)
    """
    if shapes is None:
        return {INPUTS: (TensorProto.FLOAT, (ROWS, width))}
    ends: Ends = {}
    for place, (name, shape) in enumerate(sorted(shapes.items())):
        if not shape.ragged:
            ends[name] = (_ELEMENTS[shape.kind], (ROWS, *shape.inner))
            continue
        ends[name] = (_ELEMENTS[shape.kind], (ROWS, f"length{place}", *shape.inner))
        ends[name + LENGTHS] = (TensorProto.INT64, (ROWS,))
    return ends


def check(
    data: bytes,
    *,
    width: int | None = None,
    outputs: int | None = None,
    shapes: Mapping[str, Shape] | None = None,
) -> int:
    """Raises BundleError unless `data` is an ONNX model as luban writes them, for these numbers of inputs and outputs.

    shapes: of the tensors that go in instead of one matrix.
    Returns how many numbers a row needs at most at the same time.
    """
    if len(data) > MOST_BYTES:
        raise _refused(f"it has {len(data)} bytes, more than {MOST_BYTES}")
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        raise _refused("it is not an ONNX file") from None
    if model.functions or model.training_info:
        raise _refused("it has functions of its own")
    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions != OPERATOR_SETS or len(model.opset_import) != len(versions):
        raise _refused(f"its operators are of {versions or 'no version'}, not of {OPERATOR_SETS}")
    graph = model.graph
    if graph.sparse_initializer or graph.quantization_annotation:
        raise _refused("it has tensors of a kind that is not used")
    for tensor in graph.initializer:
        _check_tensor(tensor)
    given = _check_ends(graph, width, outputs) if shapes is None else _check_tensors(graph, outputs, shapes)
    _check_names(graph)
    for node in graph.node:
        _check_node(node, given)
    longest = {} if shapes is None else {f"length{p}": s.longest for p, (_, s) in enumerate(sorted(shapes.items()))}
    return _widest(model, {ROWS: 1, **longest})


def _check_tensor(tensor: Any) -> None:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise _refused(f"the tensor '{tensor.name[:40]}' lies in another file")
    size = _NUMBERS.get(tensor.data_type)
    if size is None or tensor.HasField("segment"):
        raise _refused(f"the tensor '{tensor.name[:40]}' has a type that is not used")
    cells = 1
    for length in tensor.dims:
        if length < 0:
            raise _refused(f"the tensor '{tensor.name[:40]}' has a negative size")
        cells *= length
    if cells * size != len(tensor.raw_data):
        raise _refused(f"the tensor '{tensor.name[:40]}' is not of the size that it says")


def _check_ends(graph: Any, width: int | None, outputs: int | None) -> int:
    """One tensor goes in and one comes out; how many numbers a row of the first has."""
    found = {}
    for what, ends, name, kind, expected in (
        ("input", graph.input, INPUTS, TensorProto.FLOAT, width),
        ("output", graph.output, OUTPUTS, TensorProto.DOUBLE, outputs),
    ):
        if len(ends) != 1 or ends[0].name != name or ends[0].type.tensor_type.elem_type != kind:
            raise _refused(f"it must have one {what} named '{name}'")
        shape = ends[0].type.tensor_type.shape.dim
        if len(shape) != 2 or shape[0].dim_param != "rows" or not shape[1].HasField("dim_value"):
            raise _refused(f"its {what} must be of the shape (rows, a number)")
        found[what] = int(shape[1].dim_value)
        if expected is not None and found[what] != expected:
            raise _refused(f"its {what} has {found[what]} numbers a row instead of {expected}")
    return found["input"]


def _check_tensors(graph: Any, outputs: int | None, shapes: Mapping[str, Shape]) -> int:
    """The tensors of these shapes go in, and one comes out: a line a row, or for each of its steps.

    Trees have no place in such a graph: 0 inputs.
    """
    wanted = {**ends_of(0, shapes), OUTPUTS: (TensorProto.DOUBLE, (ROWS, outputs))}
    steps = [sizes[1] for _, sizes in wanted.values() if len(sizes) > 1 and str(sizes[1]).startswith("length")]
    found = {}
    for end in (*graph.input, *graph.output):
        dims = end.type.tensor_type.shape.dim
        sizes = tuple(dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dims)
        found[end.name] = (end.type.tensor_type.elem_type, sizes)
    if OUTPUTS in found:
        # Of a graph that answers each step of its one ragged part the steps are an axis more.
        sizes = found[OUTPUTS][1]
        per_step = (steps[0],) if len(sizes) == 3 and len(steps) == 1 else ()
        last = sizes[-1] if outputs is None and sizes and isinstance(sizes[-1], int) else outputs
        wanted[OUTPUTS] = (TensorProto.DOUBLE, (ROWS, *per_step, last))
    if found != wanted or len(graph.output) != 1 or len(graph.input) != len(wanted) - 1:
        raise _refused(f"its tensors are {_told(found)} instead of {_told(wanted)}")
    return 0


def _told(ends: Any) -> str:
    return ", ".join(f"{name[:40]} {sizes}" for name, (_, sizes) in sorted(ends.items()))[:200]


def _check_names(graph: Any) -> None:
    """Every tensor is made once, before it is used. An optional tensor that is left out has no name."""
    given = {end.name for end in graph.input}
    known = set(given)
    makers = [*([tensor.name] for tensor in graph.initializer), *(node.output for node in graph.node)]
    for names in makers:
        for name in names:
            if name in known:
                raise _refused(f"the tensor '{name[:40]}' is made twice")
            if name:
                known.add(name)
    made = {*given, *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        missing = [name for name in node.input if name and name not in made]
        if missing:
            raise _refused(f"the tensor '{missing[0][:40]}' is used before it is made")
        made.update(node.output)


def _check_node(node: Any, width: int) -> None:
    known = OPERATORS.get(node.domain, frozenset()) | (frozenset() if node.domain else NETWORK_OPERATORS)
    if node.op_type not in known:
        raise _refused(f"the operator '{node.domain[:40]}:{node.op_type[:40]}' is not one that luban uses")
    for attribute in node.attribute:
        if attribute.type not in _ATTRIBUTES or attribute.ref_attr_name:
            raise _refused(f"the operator '{node.op_type}' has an attribute of a kind that is not used")
    if node.op_type == tree_ensembles.OPERATOR:
        problem = tree_ensembles.problem(node, width, INPUTS)
        if problem is not None:
            raise _refused(problem)
    elif sum(len(a.ints) + len(a.floats) + len(a.strings) for a in node.attribute) > 16:
        raise _refused(f"the operator '{node.op_type}' has more attributes than it needs")


def _widest(model: Any, sizes: Mapping[str, int]) -> int:
    """The largest number of values that a row needs in one tensor, by inferring the shapes of all.

    sizes: of the named ones: one row, and of what varies in length the longest row.
    """
    shapes = sizing.shapes_of(model, sizes)
    widest = 1
    for name, shape in shapes.items():
        if shape is None:
            raise _refused(f"the size of the tensor '{name[:40]}' is not known")
        cells = math.prod(shape)
        if cells > MOST_CELLS:
            raise _refused(f"the tensor '{name[:40]}' would hold {cells} numbers a row")
        widest = max(widest, cells)
    return widest


def _refused(problem: str) -> BundleError:
    return BundleError(f"the ONNX model is not run: {problem}.")
