"""Attention and the transformers made of it, compared with their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from luban.core.errors import UsageError
from luban.models._attention import Attention, rotated
from luban.recipe.recipe import Candidate
from luban.training.settings import settings
from models import references
from models.networks import SHAPES, alone, inputs, network, weights
from models.references import under


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_its_definition(rotary: bool, causal: bool) -> None:
    torch.manual_seed(0)
    layer, x = Attention(8, 2, rotary=rotary), torch.randn(1, 5, 8)
    wanted = references.attention(
        x[0].double().numpy(), x[0].double().numpy(), weights(layer), 2, rotary=rotary, causal=causal
    )
    assert layer(x, causal=causal)[0].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_cross_attention_is_its_definition_and_never_looks_at_padding() -> None:
    torch.manual_seed(0)
    layer, asking, asked = Attention(8, 4), torch.randn(1, 5, 8), torch.randn(1, 7, 8)
    own = torch.arange(7)[None, :] < 4
    wanted = references.attention(asking[0].double().numpy(), asked[0, :4].double().numpy(), weights(layer), 4)
    assert layer(asking, asked, own)[0].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_attention_without_rotation_is_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs, x = Attention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(2, 5, 8)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
    assert torch.allclose(ours(x), theirs(x, x, x)[0], atol=1e-6)


def test_a_rotation_keeps_lengths_and_makes_products_depend_on_distance_alone() -> None:
    frequencies = torch.tensor([1.0, 0.1])
    query, key = (rotated(torch.randn(4).repeat(12, 1), frequencies) for _ in range(2))
    assert torch.allclose(query.norm(dim=1), query[0].norm().expand(12), atol=1e-5)
    products = query @ key.T
    assert products[2, 5].item() == pytest.approx(products[7, 10].item(), abs=1e-5)
    assert products[2, 5].item() != pytest.approx(products[2, 6].item(), abs=1e-3)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("kind", ["tokens", "sequence"])
def test_the_encoder_is_its_definition(kind: str, positions: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network("transformer", shapes, positions=positions)
    w, tensors = weights(module), inputs(shapes)
    for row in range(4):
        values = alone(tensors, row)["part"][0].numpy()
        if kind == "tokens":
            x = w["encoders.0.steps.read.weight"][values]
        else:
            steps = (values.astype(np.float64) - SHAPES[kind].center) / SHAPES[kind].spread
            x = references.linear(steps, under(w, "encoders.0.project"))
        if positions == "learned":
            x = x + w["encoders.0.places.table.weight"][: len(x)]
        for layer in (0, 1):
            x = references.block(x, under(w, f"encoders.0.blocks.{layer}"), 2, rotary=positions == "rotary")
        x = references.layer_norm(x, under(w, "encoders.0.norm"))
        assert module.states(tensors)["part"][row, : len(x)].detach().numpy() == pytest.approx(x, abs=1e-5)
        wanted = references.linear(x.mean(axis=0), under(w, "head"))
        assert module(tensors)[row].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_rows_longer_than_all_places_that_were_learned_are_answered() -> None:
    shapes = {"part": SHAPES["tokens"]}
    module = network("transformer", shapes, positions="learned")
    assert module(inputs(shapes, (30, 2))).isfinite().all()


@pytest.mark.parametrize("summary", ["mean", "class"])
def test_the_vision_transformer_is_its_definition(summary: str) -> None:
    shapes = {"photo": SHAPES["image"]}
    module = network("vision-transformer", shapes, patch=5, summary=summary)
    w, tensors = weights(module), inputs(shapes)
    centre, spread = (np.reshape(side, (3, 1, 1)) for side in (SHAPES["image"].center, SHAPES["image"].spread))
    x = np.pad((tensors["photo"][0].double().numpy() - centre) / spread, ((0, 0), (0, 1), (0, 3)))
    patches = [x[:, 5 * i : 5 * i + 5, 5 * j : 5 * j + 5].flatten() for i in range(2) for j in range(3)]
    project = w["encoders.0.project.weight"].reshape(16, -1)
    tokens = np.array(patches) @ project.T + w["encoders.0.project.bias"]
    if summary == "class":
        tokens = np.concatenate([w["encoders.0.token"][0], tokens])
    tokens = tokens + w["encoders.0.places.table.weight"]
    for layer in (0, 1):
        tokens = references.block(tokens, under(w, f"encoders.0.blocks.{layer}"), 2)
    line = references.layer_norm(tokens[0] if summary == "class" else tokens.mean(axis=0), under(w, "encoders.0.norm"))
    wanted = references.linear(line, under(w, "head"))
    assert module(tensors)[0].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_the_tabular_transformer_is_its_definition() -> None:
    shapes = {"table": SHAPES["vector"]}
    module = network("tabular-transformer", shapes)
    w, tensors = weights(module), inputs(shapes)
    x = tensors["table"][2].double().numpy()
    tokens = x[:, None] * w["encoders.0.weight"] + w["encoders.0.bias"]
    tokens = np.concatenate([w["encoders.0.token"][0], tokens])
    for layer in (0, 1):
        tokens = references.block(tokens, under(w, f"encoders.0.blocks.{layer}"), 2)
    wanted = references.linear(references.layer_norm(tokens[0], under(w, "encoders.0.norm")), under(w, "head"))
    assert module(tensors)[2].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_a_width_that_the_heads_cannot_share_is_refused() -> None:
    with pytest.raises(
        UsageError, match="the setting 'heads' cannot be 4: the width, 20, should be a multiple of twice the heads"
    ):
        settings(Candidate(model="transformer", settings={"width": 20}))
