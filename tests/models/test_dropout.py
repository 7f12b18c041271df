"""Dropout by bytes: the share that is asked is left out, scaled so that the mean stays, and so is its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from luban.models._dropout import Dropout, cheaper


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_share_that_is_asked_is_left_out_at_every_place_of_a_draw(share: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    found = Dropout(share)(torch.ones(400_003, dtype=kind))
    assert found.dtype == kind
    assert found.float().mean().item() == pytest.approx(1.0, abs=0.02)
    for place in range(8):
        assert (found[place::8] == 0).float().mean().item() == pytest.approx(share, abs=0.006)


def test_neighbours_are_left_out_independently() -> None:
    torch.manual_seed(0)
    gone = (Dropout(0.1)(torch.ones(400_000)) == 0).double()
    for apart in (1, 2, 7, 8, 9):
        both = torch.corrcoef(torch.stack([gone[:-apart], gone[apart:]]))[0, 1]
        assert abs(both.item()) < 0.01


def test_a_gradient_goes_where_a_number_went() -> None:
    torch.manual_seed(0)
    values = torch.randn(30, 7, requires_grad=True)
    found = Dropout(0.25)(values)
    found.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad != 0, found != 0)
    assert torch.allclose(values.grad[found != 0], torch.tensor(256 / 192))


def test_the_random_state_of_torch_decides_and_answers_leave_nothing_out() -> None:
    part, values = Dropout(0.3), torch.randn(50)
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(part(values))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert part.eval()(values) is values


@pytest.mark.parametrize("share", [0.0, 0.001, 1.0])
def test_a_share_that_bytes_cannot_tell_is_left_to_torch(share: float) -> None:
    torch.manual_seed(0)
    mine = Dropout(share)(torch.ones(10_000))
    torch.manual_seed(0)
    assert torch.equal(mine, nn.Dropout(share)(torch.ones(10_000)))


def test_it_stands_in_the_place_of_every_dropout_of_a_module() -> None:
    module = nn.Sequential(nn.Dropout(0.2), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3)))
    cheaper(module)
    assert [part.p for part in module.modules() if type(part) is Dropout] == [0.2, 0.3]
    assert not any(type(part) is nn.Dropout for part in module.modules())
