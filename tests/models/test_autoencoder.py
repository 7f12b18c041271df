"""An autoencoder compared with its definition; its four kinds, and what it makes of rows unlike those it learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from luban.models.autoencoder.network import PATCH, without
from luban.protocols import Shape
from models import references
from models.networks import SHAPES, inputs, network, weights
from models.references import under

BOTH = {"photo": SHAPES["image"], "table": SHAPES["vector"]}


def test_of_vectors_it_is_its_definition() -> None:
    shapes = {"table": SHAPES["vector"]}
    module, tensors = network("autoencoder", shapes, 1, units=(7, 6), code=2, activation="tanh"), inputs(shapes)
    w, x = weights(module), tensors["table"].double().numpy()
    found = x
    for layer in (0, 4):
        found = np.tanh(references.linear(found, under(w, f"ways.0.there.layers.{layer}")))
    code = references.linear(found, under(w, "to_code"))
    found = np.tanh(references.linear(code, under(w, "from_code.0")))
    drawn = references.linear(
        np.tanh(references.linear(found, under(w, "ways.0.here.layers.0"))), under(w, "ways.0.draw")
    )
    assert module.encode(tensors).detach().numpy() == pytest.approx(code, abs=1e-5)
    assert module.reconstruct(tensors)["table"].detach().numpy() == pytest.approx(drawn, abs=1e-5)
    wanted = np.square(x - drawn).mean(axis=1)
    assert module.score(tensors).detach().numpy() == pytest.approx(wanted, abs=1e-5)
    assert module(tensors)[:, 0].detach().numpy() == pytest.approx(wanted, abs=1e-5)


def test_images_are_drawn_by_transposed_convolutions_in_their_own_units() -> None:
    shapes = {"photo": SHAPES["image"]}
    module, tensors = network("autoencoder", shapes, 1, channels=(3,), code=4), inputs(shapes)
    w, shape = weights(module), SHAPES["image"]
    centre, spread = (np.reshape(side, (3, 1, 1)) for side in (shape.center, shape.spread))
    x = (tensors["photo"][0].double().numpy() - centre) / spread
    relu = references.ACTIVATIONS["relu"]
    found = relu(references.convolution(x, under(w, "ways.0.there.0"), stride=2)).flatten()
    found = relu(references.linear(references.linear(found, under(w, "to_code")), under(w, "from_code.0")))
    maps, kernel = found.reshape(3, 5, 6), w["ways.0.here.0.weight"]
    # Each place spreads its kernel over the larger image, two steps from its neighbour's.
    drawn = np.zeros((3, 12, 14))
    for before, i, j in np.ndindex(*maps.shape):
        drawn[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += maps[before, i, j] * kernel[before]
    drawn = (drawn[:, 1:10, 1:13] + w["ways.0.here.0.bias"][:, None, None]) * spread + centre
    assert module.reconstruct(tensors)["photo"][0].detach().numpy() == pytest.approx(drawn, abs=1e-3)


def test_parts_of_several_kinds_have_one_code_and_are_each_drawn() -> None:
    module, tensors = network("autoencoder", BOTH, 1, code=3), inputs(BOTH)
    assert module.encode(tensors).shape == (4, 3)
    drawn = module.reconstruct(tensors)
    assert {name: part.shape for name, part in drawn.items()} == {n: tensors[n].shape for n in BOTH}


@pytest.mark.parametrize("kind", ["denoising", "variational"])
def test_chance_is_there_while_it_trains_and_gone_when_it_answers(kind: str) -> None:
    module, tensors = network("autoencoder", BOTH, 1, kind=kind), inputs(BOTH)
    assert torch.equal(module(tensors), module(tensors))
    module.train()
    assert not torch.allclose(module(tensors), module(tensors))
    plain = network("autoencoder", BOTH, 1).train()
    assert torch.equal(plain(tensors), plain(tensors))


def test_the_loss_of_a_variational_row_is_its_error_and_its_divergence() -> None:
    shapes = {"table": SHAPES["vector"]}
    weighed, free = (
        network("autoencoder", shapes, 1, kind="variational", divergence=weight, code=2).train()
        for weight in (0.7, 0.0)
    )
    tensors = inputs(shapes)
    mean, log_variance = (side.detach() for side in free.to_code(free.ways[0](tensors["table"])).chunk(2, dim=1))
    normal = torch.distributions.Normal
    apart = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0)).mean(dim=1)
    losses = []
    for module in (weighed, free):
        torch.manual_seed(3)  # the same random codes
        losses.append(module(tensors)[:, 0])
    assert torch.allclose(losses[0] - losses[1], 0.7 * apart, atol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "denoising", "variational"])
def test_rows_unlike_those_it_learned_score_higher(kind: str) -> None:
    """Rows on a line in five dimensions; the strange ones lie as far out, but off it."""
    shapes = {"table": Shape("vector", (5,))}
    settings: dict[str, Any] = {"kind": kind, "code": 1, "units": (16,), "noise": 0.1, "divergence": 0.01}
    module = network("autoencoder", shapes, 1, **settings).train()
    direction = torch.tensor([1.0, -1.0, 0.5, 2.0, 0.0])
    known = torch.randn(256, 1) * direction
    optimizer = torch.optim.AdamW(module.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        module({"table": known}).mean().backward()
        optimizer.step()
    module.eval()
    strange = torch.randn(256, 5) * direction.norm() / 5**0.5
    assert module.score({"table": strange}).median() > 4 * module.score({"table": known}).quantile(0.9)


def test_a_masked_one_sees_whole_patches_of_images_and_some_numbers_of_vectors() -> None:
    torch.manual_seed(0)
    image = without(torch.ones(50, 3, 9, 12), 0.5)
    assert set(image.unique().tolist()) == {0.0, 1.0}
    assert (image == image[:, :1]).all(), "all channels of a patch are hidden together"
    corners = image[:, 0, ::PATCH, ::PATCH]
    spread = corners.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)[:, :9, :12]
    assert (image[:, 0] == spread).all()
    assert corners.mean().item() == pytest.approx(0.5, abs=0.06)
    assert without(torch.ones(4_000, 3), 0.25).mean().item() == pytest.approx(0.75, abs=0.02)


def test_a_masked_one_is_judged_by_what_was_hidden_from_it_too() -> None:
    module, tensors = network("autoencoder", BOTH, 1, kind="masked", hidden=0.9), inputs(BOTH)
    whole = module(tensors)
    assert torch.equal(whole, network("autoencoder", BOTH, 1)(tensors)), "when it answers nothing is hidden"
    torch.manual_seed(0)
    assert not torch.equal(module.train()(tensors), whole)
