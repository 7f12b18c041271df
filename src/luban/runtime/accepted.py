"""Which ONNX models luban runs: those that its own forms draw. Checked before any library may execute them.

A model of a stranger can name files, carry functions and loops, or hold tree references that native code follows
without looking. So the list of operators and the layout of trees are here in the code, and what is not on it is
refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from luban.batch import Array
from luban.core.errors import BundleError

INPUTS, OUTPUTS = "inputs", "outputs"
OPERATOR_SETS = {"": 18, "ai.onnx.ml": 3}
MOST_BYTES = 512 << 20
MOST_CELLS = 1 << 26
"""No row may need an intermediate tensor of more numbers than this."""

_TREES = "TreeEnsembleRegressor"
OPERATORS = {
    "": frozenset(
        [
            "Add",
            "ArgMax",
            "Cast",
            "Concat",
            "Div",
            "Equal",
            "Exp",
            "Gather",
            "Greater",
            "Identity",
            "LessOrEqual",
            "Log",
            "MatMul",
            "Max",
            "Min",
            "Mul",
            "Neg",
            "Pow",
            "ReduceMax",
            "Relu",
            "Sigmoid",
            "Softmax",
            "Sqrt",
            "Sub",
            "Tanh",
            "TopK",
        ]
    ),
    "ai.onnx.ml": frozenset({_TREES}),
}
_NUMBERS = {TensorProto.FLOAT: 4, TensorProto.DOUBLE: 8, TensorProto.INT64: 8}
_ATTRIBUTES = {
    onnx.AttributeProto.INT,
    onnx.AttributeProto.INTS,
    onnx.AttributeProto.FLOAT,
    onnx.AttributeProto.FLOATS,
    onnx.AttributeProto.STRING,
    onnx.AttributeProto.STRINGS,
}


def check(data: bytes, *, width: int | None = None, outputs: int | None = None) -> int:
    """Raises BundleError unless `data` is an ONNX model as luban writes them, for these numbers of inputs and outputs.

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
    given = _check_ends(graph, width, outputs)
    _check_names(graph)
    for node in graph.node:
        _check_node(node, given)
    return _widest(model)


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


def _check_names(graph: Any) -> None:
    """Every tensor is made once, before it is used."""
    known = {INPUTS}
    makers = [*([tensor.name] for tensor in graph.initializer), *(node.output for node in graph.node)]
    for names in makers:
        for name in names:
            if name in known or not name:
                raise _refused(f"the tensor '{name[:40]}' is made twice")
            known.add(name)
    made = {INPUTS, *(tensor.name for tensor in graph.initializer)}
    for node in graph.node:
        missing = [name for name in node.input if name not in made]
        if missing:
            raise _refused(f"the tensor '{missing[0][:40]}' is used before it is made")
        made.update(node.output)


def _check_node(node: Any, width: int) -> None:
    if node.op_type not in OPERATORS.get(node.domain, frozenset()):
        raise _refused(f"the operator '{node.domain[:40]}:{node.op_type[:40]}' is not one that luban uses")
    for attribute in node.attribute:
        if attribute.type not in _ATTRIBUTES or attribute.ref_attr_name:
            raise _refused(f"the operator '{node.op_type}' has an attribute of a kind that is not used")
    if node.op_type == _TREES:
        _check_trees(node, width)
    elif sum(len(a.ints) + len(a.floats) + len(a.strings) for a in node.attribute) > 16:
        raise _refused(f"the operator '{node.op_type}' has more attributes than it needs")


_TREE_ATTRIBUTES = {
    "n_targets",
    "aggregate_function",
    "post_transform",
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_values",
    "nodes_modes",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
}


def _check_trees(node: Any, width: int) -> None:
    """Trees are numbered from 0 one after the other, and so are the nodes of each, parents before children."""
    given = {attribute.name: attribute for attribute in node.attribute}
    if set(given) != _TREE_ATTRIBUTES or len(node.attribute) != len(given) or list(node.input) != [INPUTS]:
        raise _refused("its trees are not written as luban writes them")
    if given["aggregate_function"].s != b"SUM" or given["post_transform"].s != b"NONE":
        raise _refused("its trees are not summed")

    def numbers(name: str) -> Array:
        return np.array(given[name].ints, dtype=np.int64)

    tree, number = numbers("nodes_treeids"), numbers("nodes_nodeids")
    feature, left, right = numbers("nodes_featureids"), numbers("nodes_truenodeids"), numbers("nodes_falsenodeids")
    modes = np.array(given["nodes_modes"].strings, dtype=object)
    count = len(tree)
    lengths = {len(number), len(feature), len(left), len(right), len(modes), len(given["nodes_values"].floats)}
    if count == 0 or lengths != {count}:
        raise _refused("its trees have lists of different lengths")
    if tree[0] != 0 or not np.isin(np.diff(tree), (0, 1)).all():
        raise _refused("its trees are not in order")
    starts = np.searchsorted(tree, np.arange(tree[-1] + 1))
    sizes = np.diff(np.append(starts, count))
    if (number != np.arange(count) - starts[tree]).any() or (feature < 0).any() or (feature >= width).any():
        raise _refused("a tree node has a wrong number, or looks at an input that does not exist")
    leaf = modes == b"LEAF"
    if not (leaf | (modes == b"BRANCH_LEQ")).all() or (left[leaf] != 0).any() or (right[leaf] != 0).any():
        raise _refused("a tree node is of a kind that is not used")
    inner = ~leaf
    children = np.concatenate([(starts[tree] + child)[inner] for child in (left, right)])
    below, size = np.concatenate([left[inner], right[inner]]), np.tile(sizes[tree][inner], 2)
    if (below <= np.tile(number[inner], 2)).any() or (below >= size).any():
        raise _refused("a tree node leads to a node that does not exist")
    if len(np.unique(children)) != len(children) or len(children) + len(starts) != count:
        raise _refused("a tree node has no parent, or two")
    _check_targets(given, numbers, starts, sizes, leaf)


def _check_targets(given: Any, numbers: Any, starts: Array, sizes: Array, leaf: Array) -> None:
    """Every value belongs to a leaf that exists, and adds to an output that exists."""
    tree, number, output = numbers("target_treeids"), numbers("target_nodeids"), numbers("target_ids")
    targets = given["n_targets"].i
    lengths = {len(number), len(output), len(given["target_weights"].floats)}
    if lengths != {len(tree)} or not len(tree) or not 1 <= targets <= MOST_CELLS:
        raise _refused("its leaves have lists of different lengths")
    if (tree < 0).any() or (tree >= len(starts)).any() or (output < 0).any() or (output >= targets).any():
        raise _refused("a leaf belongs to a tree or an output that does not exist")
    if (number < 0).any() or (number >= sizes[tree]).any() or not leaf[starts[tree] + number].all():
        raise _refused("a value belongs to a leaf that does not exist")


def _widest(model: Any) -> int:
    """The largest number of values that a row needs in one tensor, by inferring the shapes of all."""
    try:
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True).graph
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise _refused(f"its shapes do not fit together ({str(error)[:80]!r})") from None
    shapes = {value.name: value.type.tensor_type.shape.dim for value in (*graph.value_info, *graph.output)}
    widest = int(graph.input[0].type.tensor_type.shape.dim[1].dim_value)
    for node in graph.node:
        for name in node.output:
            cells = 1
            for place, length in enumerate(shapes.get(name, [None])):
                known = length is not None and length.HasField("dim_value")
                if not known and place > 0:
                    raise _refused(f"the size of the tensor '{name[:40]}' is not known")
                cells *= int(length.dim_value) if known else 1
            if cells > MOST_CELLS:
                raise _refused(f"the tensor '{name[:40]}' would hold {cells} numbers a row")
            widest = max(widest, cells)
    return widest


def _refused(problem: str) -> BundleError:
    return BundleError(f"the ONNX model is not run: {problem}.")
