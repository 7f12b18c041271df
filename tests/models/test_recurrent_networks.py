"""Elman's network, LSTM and GRU compared with their equations, in both directions and stacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from luban.models._recurrent import CELLS, recurrence
from models import references
from models.networks import SHAPES, alone, inputs, network, weights
from models.references import under

EQUATIONS: dict[str, Any] = {"rnn": references.elman, "lstm": references.lstm, "gru": references.gru}


@pytest.mark.parametrize("summary", ["mean", "max", "last"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", EQUATIONS)
def test_it_is_its_equations(cell: str, bidirectional: bool, summary: str) -> None:
    shapes = {"part": SHAPES["sequence"]}
    module = network(cell, shapes, layers=2, bidirectional=bidirectional, summary=summary)
    w, tensors, step = weights(module), inputs(shapes), EQUATIONS[cell]
    found = module.states(tensors)["part"].detach().numpy()
    for row in range(4):
        values = alone(tensors, row)["part"][0].double().numpy()
        x = (values - SHAPES["sequence"].center) / SHAPES["sequence"].spread
        for layer in (0, 1):
            onward = step(x, under(w, f"encoders.0.onward.{layer}"))
            backwards = (
                step(x[::-1], under(w, f"encoders.0.from_end.{layer}"))[::-1] if bidirectional else onward[:, :0]
            )
            x = np.concatenate([onward, backwards], axis=1)
        assert found[row, : len(x)] == pytest.approx(x, abs=1e-5)
        assert (found[row, len(x) :] == 0).all()
        last = np.concatenate([onward[-1], backwards[0]])
        line = {"mean": x.mean(axis=0), "max": x.max(axis=0), "last": last}[summary]
        wanted = references.linear(line, under(w, "head"))
        assert module(tensors)[row].detach().numpy() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("cell", EQUATIONS)
def test_its_states_are_those_of_packed_rows(cell: str) -> None:
    shapes = {"part": SHAPES["sequence"]}
    module, tensors = network(cell, shapes), inputs(shapes)
    encoder = module.encoders[0]
    theirs = CELLS[cell](2, 6, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for suffix, layer in (("", encoder.onward[0]), ("_reverse", encoder.from_end[0])):
            for name, tensor in layer.named_parameters():
                getattr(theirs, name + suffix).copy_(tensor)
    steps = encoder.steps(tensors["part"], torch.arange(9)[None, :] < tensors["part.lengths"][:, None])
    packed = pack_padded_sequence(steps, tensors["part.lengths"], batch_first=True, enforce_sorted=False)
    wanted, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    assert torch.allclose(module.states(tensors)["part"], wanted, atol=1e-6)


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_fresh_recurrent_weights_are_orthogonal_within_each_gate(cell: str, gates: int) -> None:
    layer = recurrence(cell, 3, 5)
    blocks = layer.weight_hh_l0.detach().split(5)
    assert len(blocks) == gates
    for block in blocks:
        assert torch.allclose(block @ block.T, torch.eye(5), atol=1e-5)


def test_a_fresh_lstm_remembers() -> None:
    layer = recurrence("lstm", 3, 2)
    assert (layer.bias_ih_l0 + layer.bias_hh_l0).tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
