"""Graphs that are made fast in memory: fused ones say the same, rounded ones nearly, and pieces hold every row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from luban import collate
from luban.batch import Ragged, Tensors
from luban.core.errors import UsageError
from luban.forms.affine import Affine
from luban.forms.network import Network, build
from luban.origins import configs
from luban.protocols import Shape, Work
from luban.runtime import answering, first_step, fusing, graph, quantizing
from origins import tiny

torch = pytest.importorskip("torch")

WIDE = {**tiny.CONFIG, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 192, "num_hidden_layers": 2}
SPECIAL = {f"{mark}_token_id": 0 for mark in ("pad", "bos", "eos", "cls", "sep")}
SETTINGS = {"origin": {**tiny.ORIGIN, "config": WIDE}}
SHAPES: Mapping[str, Shape] = {"text": Shape("tokens", (133,), 40)}


def texts(rows: int) -> Tensors:
    random = np.random.default_rng(3)
    return Tensors(
        {"text": Ragged.of([random.integers(5, 133, n).astype(np.int32) for n in random.integers(2, 40, rows)])}
    )


@pytest.fixture(scope="module")
def network() -> Network:
    work = Work("multiclass", 3, 100, 0, shapes=SHAPES)
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in build("pretrained-text", SETTINGS, work).state_dict().items()}
    return Network("pretrained-text", SETTINGS, work, weights, "softmax")


@pytest.fixture(scope="module")
def drawn(network: Network) -> bytes:
    return graph.build(network, network.width, network.output_width, SHAPES)


def test_a_fused_graph_says_the_same(network: Network, drawn: bytes) -> None:
    kinds = kinds_of(fusing.fused(onnx.load_model_from_string(drawn)))
    # One with its mask and one without, of which one is run; the mask is looked at once.
    assert kinds["MultiHeadAttention"] == 2 * kinds["If"] == 2 * WIDE["num_hidden_layers"]
    assert kinds["ReduceMax"] == 1
    assert kinds["Gelu"] == WIDE["num_hidden_layers"]
    assert not kinds["IsNaN"] + kinds["Erf"]
    answer = answering.from_onnx(drawn, width=network.width, shapes=SHAPES)
    rows = texts(50)
    np.testing.assert_allclose(answer(rows), network.outputs(rows), atol=1e-5)


def kinds_of(model: onnx.ModelProto) -> Counter[str]:
    nodes = list(model.graph.node)
    inner = [each for node in nodes for attribute in node.attribute for each in attribute.g.node]
    return Counter(node.op_type for node in [*nodes, *inner])


def leaves_out(drawn: bytes, lengths: list[int]) -> bool:
    """Whether attention reads its mask, for rows of these lengths."""
    model = fusing.fused(onnx.load_model_from_string(drawn))
    (asked,) = {node.input[0] for node in model.graph.node if node.op_type == "If"}
    model.graph.output.append(onnx.helper.make_tensor_value_info(asked, onnx.TensorProto.BOOL, []))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    tokens = np.full((len(lengths), max(lengths)), 7)
    return bool(session.run([asked], {"text": tokens, "text.lengths": np.array(lengths)})[0])


def test_a_mask_is_read_where_it_leaves_something_out(drawn: bytes) -> None:
    assert leaves_out(drawn, [9, 8])
    assert not leaves_out(drawn, [9, 9])
    assert not leaves_out(drawn, [5])


def test_an_answer_is_the_same_without_the_mask(network: Network, drawn: bytes) -> None:
    answer = answering.from_onnx(drawn, width=network.width, shapes=SHAPES)
    words = np.random.default_rng(5).integers(5, 133, 9).astype(np.int32)
    alone = answer(Tensors({"text": Ragged.of([words])}))
    beside = answer(Tensors({"text": Ragged.of([words, words[:8]])}))
    np.testing.assert_allclose(alone[0], beside[0], atol=1e-6)


def test_a_rounded_layer_is_what_whole_numbers_give() -> None:
    random = np.random.default_rng(2)
    weight, rows = (random.normal(size=size).astype(np.float32) for size in ((160, 128), (30, 160)))
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["product"]),
        onnx.helper.make_node("Gelu", ["product"], ["y"], domain=fusing.DOMAIN),
    ]
    ends = [
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, width])]
        for name, width in (("x", 160), ("y", 128))
    ]
    made = onnx.helper.make_graph(nodes, "layer", *ends, [onnx.numpy_helper.from_array(weight, "w")])
    sets = [onnx.helper.make_operatorsetid("", 18), onnx.helper.make_operatorsetid(fusing.DOMAIN, 1)]
    rounded = quantizing.quantized(onnx.helper.make_model(made, opset_imports=sets, ir_version=9))
    assert kinds_of(rounded)["FastGelu"] == 1
    session = onnxruntime.InferenceSession(rounded.SerializeToString(), providers=["CPUExecutionProvider"])
    said = session.run(None, {"x": rows})[0]

    numbers, scales = quantizing.rows_of(weight.T)
    step = (max(rows.max(), 0) - min(rows.min(), 0)) / np.float32(255)
    zero = np.rint(-rows.min() / step)
    whole = np.clip(np.rint(rows / step) + zero, 0, 255) - zero
    product = (whole.astype(np.int64) @ numbers.T.astype(np.int64)) * step * scales
    wanted = product / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (product + 0.044715 * product**3)))
    np.testing.assert_allclose(said, wanted, atol=1e-4, rtol=1e-4)


def test_a_graph_of_all_layers_says_the_same() -> None:
    settings = {"origin": {**SETTINGS["origin"], "summary": "layers"}}
    work = Work("multiclass", 3, 100, 0, shapes=SHAPES)
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in build("pretrained-text", settings, work).state_dict().items()}
    form = Network("pretrained-text", settings, work, weights, "softmax")
    answer = answering.from_onnx(graph.build(form, form.width, 3, SHAPES), width=form.width, shapes=SHAPES)
    rows = texts(20)
    np.testing.assert_allclose(answer(rows), form.outputs(rows), atol=1e-5)
    last = Network("pretrained-text", SETTINGS, work, weights, "softmax").outputs(rows)
    assert np.abs(last - form.outputs(rows)).max() > 0.01


def first_of(kind: str) -> Network:
    """A network in which the state of the first mark stands for a text."""
    named = {"distilbert": {"dim": 128, "n_heads": 4, "hidden_dim": 192, "n_layers": 2}, "modernbert": SPECIAL}
    config = {**WIDE, "model_type": kind, **named.get(kind, {})}
    settings = {"origin": {**tiny.ORIGIN, "config": config}, "summary": "first"}
    work = Work("multiclass", 3, 100, 0, shapes=SHAPES)
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in build("pretrained-text", settings, work).state_dict().items()}
    return Network("pretrained-text", settings, work, weights, "softmax")


@pytest.mark.parametrize("kind", configs.ENCODERS)
def test_the_first_state_is_the_same_where_the_last_layer_makes_no_other(kind: str) -> None:
    form = first_of(kind)
    data = graph.build(form, form.width, 3, SHAPES)
    fused = fusing.fused(onnx.load_model_from_string(data))
    narrowed = first_step.narrowed(fused)
    assert kinds_of(narrowed)["Slice"] > kinds_of(fused)["Slice"]
    rows = texts(50)
    for precision, near in (("float32", 1e-5), ("int8", 0.05)):
        answer = answering.from_onnx(data, width=form.width, shapes=SHAPES, precision=precision)
        np.testing.assert_allclose(answer(rows), form.outputs(rows), atol=near)


def test_of_the_last_layer_one_step_is_calculated(drawn: bytes) -> None:
    form = first_of("bert")
    data = graph.build(form, form.width, 3, SHAPES)
    rows, steps = 2, 9
    assert steps_of(first_step.narrowed(fusing.fused(onnx.load_model_from_string(data))), rows, steps) == [steps, 1]
    # Where all states answer, all of them are calculated.
    fused = fusing.fused(onnx.load_model_from_string(drawn))
    assert first_step.narrowed(fused) is fused
    assert steps_of(fused, rows, steps) == [steps, steps]


@pytest.mark.parametrize("kind", configs.ENCODERS)
def test_where_one_step_asks_no_keys_are_made(kind: str) -> None:
    form = first_of(kind)
    fused = fusing.fused(onnx.load_model_from_string(graph.build(form, form.width, 3, SHAPES)))
    before, after = (kinds_of(each)["MultiHeadAttention"] // 2 for each in (fused, first_step.narrowed(fused)))
    # Of two kinds the scores know of places too, so that their attentions are no node of their own; and layers of
    # ALBERT share their matrices, which are no constants of a layer.
    assert before == (0 if kind in ("modernbert", "mpnet") else WIDE["num_hidden_layers"])
    assert after == max(before - (kind != "albert"), 0)


def attending(heads: int, *, biased: bool, masked: bool) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """A graph that answers by the first step of an attention in which the steps x look at each other."""
    random = np.random.default_rng(heads)
    size = 8
    constants = {name: random.normal(size=(size, size)).astype(np.float32) for name in ("query", "key", "value")}
    constants |= {"bias": random.normal(size=size).astype(np.float32), "always": np.array(True), "first": np.array(0)}
    nodes = [NODE("MatMul", ["x", name], [f"{name}s"]) for name in ("query", "key", "value")]
    nodes += [NODE("Add", ["values", "bias"], ["biased"])] if biased else []
    parts = ["querys", "keys", "biased" if biased else "values", *(["", "", "mask"] if masked else [])]
    asking = NODE("MultiHeadAttention", parts, ["said"], domain=fusing.DOMAIN, num_heads=heads, scale=0.7)
    branch = onnx.helper.make_graph(
        [asking], "all", [], [onnx.helper.make_tensor_value_info("said", onnx.TensorProto.FLOAT, [None, None, size])]
    )
    nodes += [
        NODE("If", ["always"], ["y"], then_branch=branch, else_branch=branch),
        NODE("Gather", ["y", "first"], ["answer"], axis=1),
    ]
    sizes = {"x": ["rows", "steps", size], **({"mask": ["rows", 1, "steps", "steps"]} if masked else {})}
    made = onnx.helper.make_graph(
        nodes, "attention",
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, each) for name, each in sizes.items()],
        [onnx.helper.make_tensor_value_info("answer", onnx.TensorProto.FLOAT, ["rows", size])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    sets = [onnx.helper.make_operatorsetid("", 18), onnx.helper.make_operatorsetid(fusing.DOMAIN, 1)]
    return onnx.helper.make_model(made, opset_imports=sets, ir_version=9), constants


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_one_step_looks_as_an_attention_written_out_does(heads: int, biased: bool, masked: bool) -> None:
    model, constants = attending(heads, biased=biased, masked=masked)
    narrowed = first_step.narrowed(model)
    assert not kinds_of(narrowed)["MultiHeadAttention"]
    random = np.random.default_rng(7)
    rows = random.normal(size=(3, 5, 8)).astype(np.float32)
    left_out = np.arange(5) >= np.array([5, 2, 4])[:, None]
    mask = np.where(left_out[:, None, None, :], np.float32(-1e9), 0).repeat(5, axis=2)
    given = {"x": rows, **({"mask": mask} if masked else {})}
    session = onnxruntime.InferenceSession(narrowed.SerializeToString(), providers=["CPUExecutionProvider"])
    said = session.run(None, given)[0]

    for row in range(3):
        own = rows[row][~left_out[row]] if masked else rows[row]
        keys, values = own @ constants["key"], own @ constants["value"] + (constants["bias"] if biased else 0)
        asks, size = rows[row, 0] @ constants["query"], 8 // heads
        for start in range(0, 8, size):
            head = slice(start, start + size)
            shares = np.exp(0.7 * keys[:, head] @ asks[head])
            wanted = (shares / shares.sum()) @ values[:, head]
            np.testing.assert_allclose(said[row, head], wanted, rtol=1e-4, atol=1e-5)


def steps_of(model: onnx.ModelProto, rows: int, steps: int) -> list[int]:
    """Of how many steps each layer applies its activation."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "Gelu"]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {"text": np.full((rows, steps), 7), "text.lengths": np.array([steps] * rows)}
    return [said.shape[1] for said in session.run(names, given)]


def layer(*nodes: Any, constants: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A graph that reads x (rows, steps, 3) and answers by the first step of what the nodes make, which is called y."""
    tensors = {"first": np.array(0), **constants}
    made = onnx.helper.make_graph(
        [*nodes, onnx.helper.make_node("Gather", ["y", "first"], ["answer"], axis=1)],
        "layer",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["rows", "steps", 3])],
        [onnx.helper.make_tensor_value_info("answer", onnx.TensorProto.FLOAT, ["rows", 3])],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    sets = [onnx.helper.make_operatorsetid("", 18)]
    return onnx.helper.make_model(made, opset_imports=sets, ir_version=9)


NODE = onnx.helper.make_node


@pytest.mark.parametrize(
    ("nodes", "constants", "narrow"),
    [
        ([NODE("Mul", ["x", "w"], ["y"])], {"w": np.ones(3, np.float32)}, True),
        ([NODE("MatMul", ["x", "w"], ["y"])], {"w": np.ones((3, 3), np.float32)}, True),
        # Each step has a weight of its own here.
        ([NODE("Mul", ["x", "w"], ["y"])], {"w": np.arange(12, dtype=np.float32).reshape(1, 4, 3)}, False),
        # Steps are added up, so each counts.
        ([NODE("MatMul", ["w", "x"], ["y"])], {"w": np.ones((4, 4), np.float32)}, False),
        ([NODE("CumSum", ["x", "axis"], ["z"]), NODE("Relu", ["z"], ["y"])], {"axis": np.array(1)}, True),
        ([NODE("Split", ["x"], ["y", "z"], axis=1, num_outputs=2)], {}, False),
        # Steps are made equal in size together.
        ([NODE("LayerNormalization", ["x", "w"], ["y"], axis=1)], {"w": np.ones(3, np.float32)}, False),
        ([NODE("LayerNormalization", ["x", "w"], ["y"], axis=-1)], {"w": np.ones(3, np.float32)}, True),
        # Another one reads all steps.
        ([NODE("Relu", ["x"], ["z"]), NODE("Softmax", ["z"], ["y"], axis=1)], {}, False),
    ],
)
def test_a_step_is_left_out_only_where_no_other_needs_it(
    nodes: list[Any], constants: dict[str, np.ndarray], narrow: bool
) -> None:
    model = layer(*nodes, constants=constants)
    narrowed = first_step.narrowed(model)
    assert (narrowed is not model) == narrow
    rows = np.random.default_rng(4).normal(size=(2, 4, 3)).astype(np.float32)
    whole, one = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"x": rows}
        )
        for each in (model, narrowed)
    )
    np.testing.assert_allclose(one[0], whole[0], rtol=1e-6)


def test_a_first_column_of_rows_without_steps_is_no_first_step() -> None:
    nodes = [
        NODE("MatMul", ["x", "w"], ["z"]),
        NODE("Relu", ["z"], ["y"]),
        NODE("Gather", ["y", "first"], ["answer"], axis=1),
    ]
    ends = [
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes)]
        for name, sizes in (("x", ["rows", 3]), ("answer", ["rows"]))
    ]
    tensors = {"first": np.array(0), "w": np.ones((3, 3), np.float32)}
    given = [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "rows", *ends, given), opset_imports=[onnx.helper.make_operatorsetid("", 18)]
    )
    assert first_step.narrowed(model) is model


def test_queries_that_are_the_keys_too_stay_whole() -> None:
    """One step asks; all are asked, though by the same name."""
    asking = NODE("MultiHeadAttention", ["z", "z", "x"], ["said"], domain=fusing.DOMAIN, num_heads=1)
    branch = onnx.helper.make_graph(
        [asking], "all", [], [onnx.helper.make_tensor_value_info("said", onnx.TensorProto.FLOAT, [None, None, 3])]
    )
    nodes = [NODE("MatMul", ["x", "w"], ["z"]), NODE("If", ["always"], ["y"], then_branch=branch, else_branch=branch)]
    model = layer(*nodes, constants={"w": np.eye(3, dtype=np.float32) + 1, "always": np.array(True)})
    model.opset_import.append(onnx.helper.make_operatorsetid(fusing.DOMAIN, 1))
    rows = np.random.default_rng(4).normal(size=(2, 4, 3)).astype(np.float32)
    whole, one = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"x": rows}
        )
        for each in (model, first_step.narrowed(model))
    )
    np.testing.assert_allclose(one[0], whole[0], rtol=1e-5)


def test_a_rounded_graph_says_nearly_the_same(network: Network, drawn: bytes) -> None:
    answer = answering.from_onnx(drawn, width=network.width, shapes=SHAPES, precision="int8")
    rows = texts(50)
    difference = np.abs(answer(rows) - network.outputs(rows)).max()
    assert 0 < difference < 0.05


def test_rounded_numbers_are_as_near_as_half_a_step() -> None:
    weights = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    numbers, scales = quantizing.rows_of(weights)
    assert (np.abs(numbers * scales[:, None] - weights) <= scales[:, None] * 0.5001).all()


def test_a_model_without_large_products_has_no_int8() -> None:
    form = Affine(np.eye(3), np.zeros(3), "softmax")
    with pytest.raises(UsageError, match="no large products"):
        answering.from_onnx(graph.build(form, 3, 3), precision="int8")


@pytest.mark.parametrize("most", [1, 100, 10_000])
def test_pieces_hold_each_row_once_and_little_padding(most: int) -> None:
    lengths = np.random.default_rng(1).integers(1, 500, 300)
    pieces = collate.pieces(np.argsort(lengths, kind="stable"), lengths, most)
    assert sorted(np.concatenate(pieces).tolist()) == list(range(300))
    for piece in pieces:
        longest = int(lengths[piece].max())
        assert len(piece) == 1 or len(piece) * longest <= most
        assert longest <= lengths[piece].min() * collate.SPREAD + collate.SPREAD_STEPS


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("most", [1, 60, 256, 5_000])
def test_pieces_cost_about_the_least_that_any_would(most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, (5, 40, 300)[seed % 3], 40)
    pieces = collate.pieces(np.argsort(lengths, kind="stable"), lengths, most)
    assert sum(cost_of(lengths[piece]) for piece in pieces) <= 1.002 * least_cost(np.sort(lengths), most)


def cost_of(lengths: np.ndarray) -> float:
    masked = 1 + collate.MASK * bool(lengths.min() < lengths.max())
    return float(len(lengths) * lengths.max() * masked + collate.PIECE)


def least_cost(ordered: np.ndarray, most: int) -> float:
    """What the best pieces cost: every beginning of a last piece is tried."""
    least = [0.0]
    for end in range(1, len(ordered) + 1):
        tried = [
            least[first] + cost_of(ordered[first:end])
            for first in range(end)
            if (end - first == 1 or (end - first) * ordered[end - 1] <= most)
            and ordered[end - 1] <= ordered[first] * collate.SPREAD + collate.SPREAD_STEPS
        ]
        least.append(min(tried))
    return least[-1]


def test_rows_that_are_equally_long_are_answered_without_others() -> None:
    lengths = np.array([40] * 12 + [41] * 12)
    pieces = collate.pieces(np.arange(24), lengths, 256)
    assert [len(set(lengths[piece])) for piece in pieces] == [1] * 4


def test_no_rows_are_no_pieces() -> None:
    assert collate.pieces(np.arange(0), np.zeros(0, np.int64), 256) == []
