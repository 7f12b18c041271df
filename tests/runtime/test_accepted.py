"""Only ONNX models that luban's own forms draw are run; every other one is refused before any library executes it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from forms.examples import ROWS, WIDTH, examples
from luban.core.errors import BundleError
from luban.runtime import accepted, answering, graph


def model_of(name: str) -> Any:
    form = examples()[name]
    return onnx.load_model_from_string(graph.build(form, form.width, form.output_width))


def trees(model: Any) -> Any:
    return next(node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor")


def attribute(model: Any, name: str) -> Any:
    return next(entry for entry in trees(model).attribute if entry.name == name)


def set_first(name: str, value: Any) -> Callable[[Any], None]:
    """A change of the first number of a list of the trees."""

    def change(model: Any) -> None:
        given = attribute(model, name)
        (given.strings if given.strings else given.ints)[0] = value

    return change


def drop_last(name: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        given = attribute(model, name)
        del (given.ints or given.floats or given.strings)[-1]

    return change


def without(name: str) -> Callable[[Any], None]:
    return lambda model: trees(model).attribute.remove(attribute(model, name))


TREES: dict[str, tuple[Callable[[Any], None], str]] = {
    "feature beyond the inputs": (set_first("nodes_featureids", WIDTH), "an input that does not exist"),
    "feature below zero": (set_first("nodes_featureids", -1), "an input that does not exist"),
    "tree that starts at one": (set_first("nodes_treeids", 1), "not in order"),
    "node with another number": (set_first("nodes_nodeids", 5), "wrong number"),
    "child that is its own parent": (set_first("nodes_truenodeids", 0), "does not exist"),
    "child beyond its tree": (set_first("nodes_truenodeids", 7), "does not exist"),
    "child below zero": (set_first("nodes_falsenodeids", -3), "does not exist"),
    "two parents": (set_first("nodes_truenodeids", 2), "no parent, or two"),
    "mode that is not used": (set_first("nodes_modes", b"BRANCH_GT"), "of a kind that is not used"),
    "root that is a leaf": (set_first("nodes_modes", b"LEAF"), "of a kind that is not used"),
    "value of another tree": (set_first("target_treeids", 99), "does not exist"),
    "value of an inner node": (set_first("target_nodeids", 0), "a leaf that does not exist"),
    "value of no node": (set_first("target_nodeids", 99), "a leaf that does not exist"),
    "output beyond the last": (set_first("target_ids", 3), "an output that does not exist"),
    "output below zero": (set_first("target_ids", -1), "an output that does not exist"),
    "thresholds cut short": (drop_last("nodes_values"), "different lengths"),
    "modes cut short": (drop_last("nodes_modes"), "different lengths"),
    "weights cut short": (drop_last("target_weights"), "different lengths"),
    "no modes": (without("nodes_modes"), "not written as luban writes them"),
    "maximum instead of sum": (
        lambda model: setattr(attribute(model, "aggregate_function"), "s", b"MAX"),
        "not summed",
    ),
    "softmax after the sum": (lambda model: setattr(attribute(model, "post_transform"), "s", b"SOFTMAX"), "not summed"),
    "a list twice": (
        lambda model: trees(model).attribute.append(copy.deepcopy(attribute(model, "nodes_values"))),
        "not written as luban writes them",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_trees_that_lead_astray_are_refused(name: str) -> None:
    change, told = TREES[name]
    model = model_of("trees-softmax")
    change(model)
    with pytest.raises(BundleError, match=f"the ONNX model is not run: .*{told}"):
        accepted.check(model.SerializeToString())


def _external(model: Any) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    entry = model.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"


def _node(model: Any, operator: str, **attributes: Any) -> None:
    model.graph.node.insert(0, helper.make_node(operator, ["inputs"], ["unused"], **attributes))


def _loop(model: Any) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.insert(0, helper.make_node("If", ["inputs"], ["unused"], then_branch=body, else_branch=body))


def _swap(model: Any) -> None:
    first, last = copy.deepcopy(model.graph.node[0]), copy.deepcopy(model.graph.node[-1])
    model.graph.node[0].CopyFrom(last)
    model.graph.node[-1].CopyFrom(first)


def _tensor(model: Any, values: Any) -> None:
    name = model.graph.initializer[0].name
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, name))


def _wide(model: Any) -> None:
    """A product whose rows would hold more numbers than any may."""
    wide = numpy_helper.from_array(np.zeros((1, accepted.MOST_CELLS + 1), dtype=np.int64), "wide")
    wide.ClearField("raw_data")
    model.graph.initializer.append(wide)


MODELS: dict[str, tuple[Callable[[Any], None], str]] = {
    "a tensor in another file": (_external, "lies in another file"),
    "a tensor of another size": (
        lambda m: setattr(m.graph.initializer[0], "raw_data", b"x"),
        "of the size that it says",
    ),
    "a tensor of text": (lambda m: _tensor(m, np.array(["a"], dtype=object)), "a type that is not used"),
    "a tensor of half precision": (lambda m: _tensor(m, np.zeros(2, np.float16)), "a type that is not used"),
    "a tensor of a negative size": (lambda m: m.graph.initializer[0].dims.__setitem__(0, -1), "a negative size"),
    "a tensor that is announced and not there": (_wide, "of the size that it says"),
    "a tensor twice": (lambda m: m.graph.initializer.append(m.graph.initializer[0]), "is made twice"),
    "a sparse tensor": (lambda m: m.graph.sparse_initializer.add(), "a kind that is not used"),
    "a function of its own": (lambda m: m.functions.add(), "functions of its own"),
    "training information": (lambda m: m.training_info.add(), "functions of its own"),
    "an operator of a stranger": (lambda m: _node(m, "Evil", domain="com.stranger"), "not one that luban uses"),
    "an operator that is not used": (lambda m: _node(m, "Det"), "not one that luban uses"),
    "a branch": (_loop, "not one that luban uses"),
    "an attribute that holds a tensor": (
        lambda m: _node(m, "Neg", value=numpy_helper.from_array(np.zeros(1))),
        "an attribute of a kind that is not used",
    ),
    "very many attributes": (lambda m: _node(m, "Neg", many=list(range(50))), "more attributes than it needs"),
    "nodes before what they use": (_swap, "used before it is made"),
    "a newer set of operators": (lambda m: setattr(m.opset_import[0], "version", 99), "its operators are of"),
    "one more set of operators": (
        lambda m: m.opset_import.append(helper.make_operatorsetid("com.stranger", 1)),
        "its operators are of",
    ),
    "another name of the input": (lambda m: setattr(m.graph.input[0], "name", "x"), "one input named 'inputs'"),
    "two outputs": (lambda m: m.graph.output.append(m.graph.output[0]), "one output named 'outputs'"),
    "an output of float32": (
        lambda m: setattr(m.graph.output[0].type.tensor_type, "elem_type", TensorProto.FLOAT),
        "one output named 'outputs'",
    ),
    "an input of no width": (
        lambda m: m.graph.input[0].type.tensor_type.shape.dim[1].ClearField("dim_value"),
        r"of the shape \(rows, a number\)",
    ),
    "an input of another width": (
        lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 9),
        "its shapes do not fit together",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_a_stranger_are_refused(name: str) -> None:
    change, told = MODELS[name]
    model = model_of("affine-softmax")
    change(model)
    with pytest.raises(BundleError, match=f"the ONNX model is not run: .*{told}"):
        accepted.check(model.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a model", b"\x08\x0a"])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="the ONNX model is not run"):
        accepted.check(data)


def test_every_cut_is_refused() -> None:
    data = model_of("affine-softmax").SerializeToString()
    for length in range(0, len(data), 7):
        with pytest.raises(BundleError):
            accepted.check(data[:length])


@pytest.mark.parametrize("name", ["affine-softmax", "trees-softmax", "neighbours-distance", "kernel-votes"])
def test_a_changed_byte_is_refused_or_answers_or_fails_and_never_more(name: str) -> None:
    """What is still accepted after a change may answer otherwise; it does not crash."""
    data = model_of(name).SerializeToString()
    random = np.random.default_rng(0)
    for _ in range(150):
        changed = bytearray(data)
        changed[random.integers(len(data))] = random.integers(256)
        try:
            answers = answering.from_onnx(bytes(changed))(ROWS)
        except BundleError:
            continue
        assert answers.shape[0] == len(ROWS)


def test_too_large_a_model_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    data = model_of("affine-softmax").SerializeToString()
    monkeypatch.setattr(accepted, "MOST_BYTES", len(data) - 1)
    with pytest.raises(BundleError, match="bytes, more than"):
        accepted.check(data)


def test_a_row_may_not_need_more_numbers_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = model_of("kernel-votes").SerializeToString()
    needed = accepted.check(data)
    assert needed >= 9
    monkeypatch.setattr(accepted, "MOST_CELLS", needed - 1)
    with pytest.raises(BundleError, match=f"would hold {needed} numbers a row"):
        accepted.check(data)


@pytest.mark.parametrize(("width", "outputs", "told"), [(4, 3, "its input has 3"), (3, 4, "its output has 3")])
def test_a_model_of_another_shape_than_the_bundle_says_is_refused(width: int, outputs: int, told: str) -> None:
    data = model_of("affine-softmax").SerializeToString()
    accepted.check(data, width=3, outputs=3)
    with pytest.raises(BundleError, match=told):
        accepted.check(data, width=width, outputs=outputs)


def test_every_operator_that_forms_draw_is_let_through() -> None:
    drawn = {
        (node.domain, node.op_type)
        for form in examples().values()
        if form.kind != "density"
        for node in onnx.load_model_from_string(graph.build(form, form.width, form.output_width)).graph.node
    }
    assert drawn <= {(domain, operator) for domain, operators in accepted.OPERATORS.items() for operator in operators}
    assert len(drawn) > 20
