"""Graphs that are made fast in memory: fused ones say the same, rounded ones nearly, and pieces hold every row once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnx
import pytest

from luban import collate
from luban.batch import Ragged, Tensors
from luban.core.errors import UsageError
from luban.forms.affine import Affine
from luban.forms.network import Network, build
from luban.protocols import Shape, Work
from luban.runtime import answering, fusing, graph, quantizing
from origins import tiny

torch = pytest.importorskip("torch")

WIDE = {**tiny.CONFIG, "hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 192, "num_hidden_layers": 2}
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
    kinds = Counter(node.op_type for node in fusing.fused(onnx.load_model_from_string(drawn)).graph.node)
    assert kinds["MultiHeadAttention"] == WIDE["num_hidden_layers"]
    assert kinds["Gelu"] == WIDE["num_hidden_layers"]
    assert not kinds["IsNaN"] + kinds["Erf"]
    answer = answering.from_onnx(drawn, width=network.width, shapes=SHAPES)
    rows = texts(50)
    np.testing.assert_allclose(answer(rows), network.outputs(rows), atol=1e-5)


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
