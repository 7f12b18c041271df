"""In training the last layer makes its first state alone where that answers: the same is learned from less."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from luban.models import _first_alone
from luban.models._pretrained_encoder import PretrainedEncoder
from luban.origins import configs
from luban.recipe.recipe import Train
from luban.training import gathering
from origins import tiny

KINDS: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 16},
    "distilbert": {"dim": 16, "n_heads": 2, "hidden_dim": 24, "n_layers": 2},
    "modernbert": {"global_attn_every_n_layers": 1, "pad_token_id": 0},
}
ABLE = {"bert", "camembert", "electra", "mpnet", "roberta", "xlm-roberta"}
"""Kinds whose layers are built as those of BERT."""
LENGTHS = torch.tensor([9, 5, 2])


def encoder(kind: str, summary: str = "first") -> PretrainedEncoder:
    torch.manual_seed(0)
    config = {**tiny.CONFIG, "model_type": kind, "hidden_dropout_prob": 0.0, "dropout": 0.0, **KINDS.get(kind, {})}
    return PretrainedEncoder(config, (0, 1, 2, 3, 4), summary, unit=False, dropout=0.0, attention_dropout=0.0).train()


def tokens() -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    drawn = torch.randint(5, 100, (3, 9), generator=draw, dtype=torch.int32)
    return torch.where(torch.arange(9) < LENGTHS[:, None], drawn, 0)


def learned(reads: PretrainedEncoder) -> tuple[torch.Tensor, dict[str, torch.Tensor], list[int]]:
    """The vectors, the gradient of each weight, and how many states went through the end of the last layer."""
    states: list[int] = []
    layers = getattr(getattr(reads.body, "encoder", None), "layer", None)
    if isinstance(layers, torch.nn.ModuleList):
        layers[-1].output.register_forward_hook(lambda part, given, found: states.append(found.shape[1]))
    vectors = reads(tokens(), LENGTHS)
    vectors.square().sum().backward()
    gradients = {name: weight.grad for name, weight in reads.named_parameters() if weight.grad is not None}
    return vectors.detach(), gradients, states


@pytest.mark.parametrize("kind", configs.ENCODERS)
def test_vectors_and_gradients_are_those_of_the_whole_layer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, gradients, states = learned(encoder(kind))
    assert states == ([1] if kind in ABLE else [])
    monkeypatch.setattr(_first_alone, "choose", lambda body, alone: None)
    wanted, all_gradients, all_states = learned(encoder(kind))
    assert all_states == ([9] if kind in ABLE else [])
    torch.testing.assert_close(vectors, wanted, atol=1e-6, rtol=1e-5)
    assert gradients.keys() == all_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, all_gradients[name], atol=1e-6, rtol=1e-4)


def test_whoever_asks_for_all_states_gets_them_and_answers_are_of_the_whole_layer() -> None:
    reads = encoder("bert")
    assert reads.states(tokens(), LENGTHS).shape == (3, 9, 16)
    assert learned(reads)[2] == [1]
    assert reads.states(tokens(), LENGTHS).shape == (3, 9, 16)
    assert learned(reads.eval())[2][-1] == 9
    assert learned(encoder("bert", "mean"))[2] == [9]


def test_layers_that_are_calculated_again_make_it_alone_again() -> None:
    _, wanted, _ = learned(encoder("bert"))
    again = gathering.prepared(encoder("bert"), Train(checkpoint_layers=True))
    assert isinstance(again, PretrainedEncoder)
    _, gradients, states = learned(again)
    assert set(states) == {1}
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name])
