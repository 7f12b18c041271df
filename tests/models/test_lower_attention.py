"""Attention as it is learned in bfloat16: beside torch's steps one by one, there and back, with the same dropout."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from luban.models import _lower_attention
from luban.models._dropout import LEVELS, kept

ROWS, HEADS, STEPS, WIDTH = 3, 2, 7, 4
SCALING = WIDTH**-0.5


def drawn(seed: int, kind: torch.dtype) -> list[Tensor]:
    """Query, key and value as `transformers` gives them: views of (rows, steps, heads x width)."""
    random = torch.Generator().manual_seed(seed)
    return [
        torch.randn(ROWS, STEPS, HEADS * WIDTH, generator=random, dtype=torch.float64).to(kind).requires_grad_()
        for _ in range(3)
    ]


def split(flat: list[Tensor]) -> list[Tensor]:
    return [each.view(ROWS, STEPS, HEADS, WIDTH).transpose(1, 2) for each in flat]


def mask(kind: torch.dtype = torch.float32) -> Tensor:
    """The second row has five steps, the third two."""
    own = torch.arange(STEPS) < torch.tensor([STEPS, 5, 2])[:, None]
    return torch.zeros(ROWS, 1, 1, STEPS, dtype=kind).masked_fill_(~own[:, None, None], torch.finfo(kind).min)


def slow(flat: list[Tensor], stays: Tensor, scaling: float = SCALING) -> Tensor:
    """The same in float64, one operation behind the other. stays: what the weights are multiplied by."""
    query, key, value = (each.double() for each in split(flat))
    scores = query @ key.transpose(2, 3) * scaling + mask(torch.float64)
    return ((scores.softmax(-1) * stays) @ value).transpose(1, 2)


def own(flat: list[Tensor], dropout: float, **more: float) -> Tensor:
    found, none = _lower_attention.attention(nn.Identity(), *split(flat), mask(), dropout, **more)
    assert none is None
    return found


def multiplied(dropout: float, seed: int) -> Tensor:
    """What dropout by bytes multiplies each weight by, with this seed."""
    if not dropout:
        return torch.ones(())
    torch.manual_seed(seed)
    stays, larger = kept((ROWS * HEADS, STEPS, STEPS), dropout, torch.float64)
    return (stays * larger).view(ROWS, HEADS, STEPS, STEPS)


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5])
def test_it_is_the_slow_one_up_to_rounding_there_and_back(dropout: float) -> None:
    flat, weight = drawn(0, torch.bfloat16), torch.randn(ROWS, STEPS, HEADS, WIDTH)
    torch.manual_seed(7)
    found = own(flat, dropout)
    assert found.dtype == torch.bfloat16 and found.shape == (ROWS, STEPS, HEADS, WIDTH) and found.is_contiguous()
    known = slow(flat, multiplied(dropout, 7))
    assert torch.allclose(found.double(), known, atol=0.03)
    gradients = torch.autograd.grad((found.float() * weight).sum(), flat)
    right = torch.autograd.grad((known * weight).sum(), flat)
    for one, other in zip(gradients, right, strict=True):
        assert (one.double() - other.double()).norm() < 0.02 * other.double().norm()


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_its_way_back_is_the_gradient_of_its_way_there(dropout: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, where rounding hides nothing."""
    monkeypatch.setattr(_lower_attention, "_LOWER", torch.float64)
    monkeypatch.setattr(_lower_attention, "_WIDER", torch.float64)
    flat = drawn(1, torch.float64)

    def once(*given: Tensor) -> Tensor:
        torch.manual_seed(3)
        return own(list(given), dropout)

    assert torch.allclose(once(*flat), slow(flat, multiplied(dropout, 3)), atol=1e-12)
    assert torch.autograd.gradcheck(once, flat)


def test_scores_are_scaled_as_asked_and_padding_is_not_looked_at() -> None:
    flat = drawn(2, torch.bfloat16)
    assert torch.allclose(own(flat, 0.0, scaling=0.1).double(), slow(flat, torch.ones(()), 0.1), atol=0.03)
    found = own(flat, 0.0)
    with torch.no_grad():
        for each in flat[1:]:
            each[2, 2:] = 100.0
    assert torch.equal(own(flat, 0.0)[2, :2], found[2, :2])


def test_the_share_that_is_asked_is_left_out_and_nothing_in_the_mean() -> None:
    torch.manual_seed(0)
    alike = torch.zeros(64, 4, 32, 8, dtype=torch.bfloat16)
    values = torch.ones_like(alike)
    found = _lower_attention.attention(nn.Identity(), alike, alike, values, None, 0.5)[0].float()
    assert found.mean().item() == pytest.approx(1.0, abs=0.01)
    # 32 alike weights of which half are left out.
    assert found.var().item() == pytest.approx(1 / 32, rel=0.05)


def test_a_share_that_bytes_cannot_tell_is_left_to_torch() -> None:
    torch.manual_seed(0)
    alike = torch.zeros(8, 4, 32, 8, dtype=torch.bfloat16)
    values = torch.ones_like(alike)
    little = _lower_attention.attention(nn.Identity(), alike, alike, values, None, 0.1 / LEVELS)[0].float()
    assert little.mean().item() == pytest.approx(1.0, abs=0.01)
    assert not _lower_attention.attention(nn.Identity(), alike, alike, values, None, 1.0)[0].any()
