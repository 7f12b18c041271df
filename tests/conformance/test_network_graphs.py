"""Every architecture on every kind of tensor: its graph is accepted, and answers as the form does for any rows."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from luban import states
from luban.batch import Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms.network import Network
from luban.protocols import Shape, State, Work
from luban.runtime import graph
from models.networks import NEEDED

SHAPES = {
    "vector": Shape("vector", (12,)),
    "image": Shape("image", (3, 28, 28), 1, (120.0,) * 3, (60.0,) * 3),
    "tokens": Shape("tokens", (100,), 51),
    "words": Shape("words", (100, 4, 100, 2, 2), 51),
    # Longer than the exporter's example, of no power of two, and what the small encoder of sounds reads.
    "sequence": Shape("sequence", (2,), 93, (0.0,) * 2, (1.0,) * 2),
}
NETWORKS = [
    (name, kind)
    for name in registry.names("models")
    if registry.find("models", name).trainer == "gradient" and "multiclass" in registry.find("models", name).tasks
    for kind in sorted(registry.find("models", name).takes)
]
TAGGING = sorted({name for name, _ in NETWORKS if "tagging" in registry.find("models", name).tasks})


def rows(shape: Shape, count: int) -> Tensors:
    random = np.random.default_rng(count)
    if shape.kind == "vector":
        return Tensors({"part": random.normal(size=(count, *shape.size)).astype(np.float32)})
    if shape.kind == "image":
        return Tensors({"part": random.integers(0, 255, (count, *shape.size)).astype(np.uint8)})
    lengths = np.r_[shape.longest, random.integers(1, shape.longest + 1, count - 1)]
    if shape.kind == "tokens":
        return Tensors({"part": Ragged.of([random.integers(5, 100, n).astype(np.int32) for n in lengths])})
    if shape.kind == "words":
        return Tensors(
            {"part": Ragged.of([random.integers(2, 100, (n, *shape.inner)).astype(np.int32) for n in lengths])}
        )
    return Tensors({"part": Ragged.of([random.normal(size=(n, *shape.size)).astype(np.float32) for n in lengths])})


def network(name: str, kind: str, task: str = "multiclass") -> Network:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = Work(task, 3, 100, 0, shapes={"part": SHAPES[kind]})
    model = registry.find("models", name)
    needed = NEEDED.get(name, {})
    module = model.build(work, model.Settings(**needed))
    weights = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    return Network(name, needed, work, weights, "softmax")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), NETWORKS)
def test_a_graph_is_accepted_and_answers_as_its_network(
    name: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    form = network(name, kind)
    data = graph.build(form, 0, 3, form.work.shapes)
    assert capfd.readouterr() == ("", ""), "what exports says nothing"
    model = onnx.load_model_from_string(data)
    assert not model.functions and {opset.domain for opset in model.opset_import} <= {"", "ai.onnx.ml"}
    one = rows(SHAPES[kind], 1)
    for some in (one, one[np.array([0, 0])], rows(SHAPES[kind], 9)):
        compared = graph.parity(form, data, some, form.work.shapes)
        assert compared.difference < 1e-4
        assert compared.flips == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", TAGGING)
def test_a_graph_answers_each_step_as_its_network(name: str) -> None:
    form = network(name, "words", "tagging")
    data = graph.build(form, 0, 3, form.work.shapes)
    nothing = Ragged.of([np.zeros((1, 6), np.int32)])
    for some in (*(rows(SHAPES["words"], count) for count in (1, 9)), Tensors({"part": nothing})):
        compared = graph.parity(form, data, some, form.work.shapes)
        assert (compared.difference < 1e-4, compared.flips) == (True, 0)
    ours = form.outputs(rows(SHAPES["words"], 9))
    assert isinstance(ours, Ragged) and ours.values.shape[1] == 3
    np.testing.assert_allclose(ours.values.sum(axis=1), 1.0)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_state_gives_the_network_again(kind: str) -> None:
    name = next(name for name, takes in NETWORKS if takes == kind)
    form = network(name, kind)
    again = Network.rebuild(states.from_bytes(states.to_bytes("network", form.state()))[1])
    some = rows(SHAPES[kind], 5)
    np.testing.assert_array_equal(again.outputs(some), form.outputs(some))


def damaged(form: Network, **values) -> State:
    state = form.state()
    return State({**state.values, **values}, state.arrays)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model": "os"}, "'os' is not an architecture of this luban"),
        ({"model": "linear"}, "'linear' is not an architecture"),
        ({"model": 3}, "does not name its architecture"),
        ({"settings": {"channels": [10**9]}}, "cannot be built"),
        ({"settings": {"surprise": 1}}, "cannot be built"),
        ({"settings": {"channels": [32, 64]}}, "its weights lack|instead of"),
        ({"link": "identity2"}, "'link' is 'identity2'"),
        ({"link": "binary"}, "does not follow 3 outputs"),
        ({"scale": float("inf")}, "'scale' is inf"),
        ({"work": {}}, "not told as luban tells it"),
        ({"more": 1}, "it has 'more'"),
    ],
)
def test_a_state_that_no_network_wrote_is_refused(values, told) -> None:
    with pytest.raises(BundleError, match=told):
        Network.rebuild(damaged(network("cnn", "image"), **values))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": [3, 28]}, "a shape that luban does not know"),
        ({"size": [3, 28, 10**9]}, "a tensor has the shape"),
        ({"kind": "video"}, "a shape that luban does not know"),
        ({"longest": 0}, "a tensor has the shape"),
        ({"center": ["a", 0.0, 0.0]}, "standardised by what is no number"),
    ],
)
def test_a_shape_that_no_feature_gives_is_refused(change, told) -> None:
    form = network("cnn", "image")
    work = form.state().values["work"]
    shape = {**work["shapes"]["part"], **change}
    with pytest.raises(BundleError, match=told):
        Network.rebuild(damaged(form, work={**work, "shapes": {"part": shape}}))


def test_weights_of_another_size_or_type_are_refused() -> None:
    form = network("cnn", "image")
    state = form.state()
    name = next(name for name, array in state.arrays.items() if array.dtype == np.float32 and array.ndim > 1)
    for array, told in ((state.arrays[name][:-1], "has the shape"), (state.arrays[name].astype(np.float64), "float64")):
        with pytest.raises(BundleError, match=told):
            Network.rebuild(State(state.values, {**state.arrays, name: array}))
    with pytest.raises(BundleError, match="lack"):
        Network.rebuild(State(state.values, {key: value for key, value in state.arrays.items() if key != name}))
