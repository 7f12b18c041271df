"""Pretrained encoders that go on filling: what they say of packed documents is what `transformers` says of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from luban.core import registry
from luban.core.errors import BundleError
from luban.models._blocks import END, MARKS, MASK, START
from luban.origins import naming
from luban.protocols import Shape, Work
from origins import tiny

KINDS = ("albert", "bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta")
CLS, SEP, HIDDEN = 2, 3, 4
SIZE = 24


def module(folder: Path, **settings: Any) -> Any:
    """The network that goes on, with the weights of a folder, in evaluation."""
    origin = naming.find(str(folder))
    model = registry.find("models", "pretrained-masked")
    own = model.Settings(origin={**origin.settings(), "content": str(folder)}, **settings)
    found = model.build(Work("masked-lm", 1, 4, 0, shapes={"text": Shape("tokens", (SIZE,))}), own)
    model.begin(found, own)
    return found.eval()


def filled(network: Any, *documents: list[int]) -> list[float]:
    """-log p of every second token of documents in one block, from both sides of it."""
    shown, wanted = [], []
    for text in documents:
        shown += [START, *(MASK if place % 2 else token + MARKS for place, token in enumerate(text)), END]
        wanted += [token + MARKS for token in text[1::2]]
    tokens = torch.tensor([shown])
    with torch.no_grad():
        nats, _ = network.scores(
            tokens, torch.ones_like(tokens, dtype=torch.bool), tokens == MASK, torch.tensor(wanted)
        )
    return list(nats.tolist())


def theirs(network: Any, text: list[int]) -> list[float]:
    """The same of one document, as `transformers` says it."""
    ids = torch.tensor([[CLS, *(HIDDEN if place % 2 else token for place, token in enumerate(text)), SEP]])
    with torch.no_grad():
        said = torch.log_softmax(network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0], dim=1)
    return [-said[place + 1, token].item() for place, token in enumerate(text) if place % 2]


@pytest.mark.parametrize("kind", KINDS)
def test_each_document_of_a_block_is_filled_as_if_it_stood_alone(kind: str, tmp_path: Path) -> None:
    folder = tiny.write_filling(tmp_path / kind, kind)
    from transformers import AutoModelForMaskedLM

    network = AutoModelForMaskedLM.from_pretrained(folder).eval()
    texts = [[5, 9, 12, 13], [10, 11, 6, 7, 8, 7, 9, 10, 12, 5], [15, 16]]
    wanted = [nat for text in texts for nat in theirs(network, text)]
    assert filled(module(folder), *texts) == pytest.approx(wanted, rel=1e-4)


def test_an_encoder_without_that_head_begins_with_one_that_changes_nothing(tmp_path: Path) -> None:
    network = module(tiny.write(tmp_path / "bert"))
    states = torch.randn(3, 16)
    assert torch.equal(network.dense.weight, torch.eye(16)) and not network.bias.any()
    # It has all to learn, a head that was there has not.
    assert (network.dense.weight.rate, network.embedding.rate) == (20.0, 1.0)
    assert module(tiny.write_filling(tmp_path / "other")).dense.weight.rate == 1.0
    wanted = torch.nn.functional.layer_norm(torch.nn.functional.gelu(states), (16,), eps=1e-12)
    with torch.no_grad():
        assert torch.allclose(network.said(states), wanted)


def test_a_head_of_another_size_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny.write_filling(tmp_path / "bert", "bert")
    weights = load_file(folder / "model.safetensors")
    name = "cls.predictions.transform.dense.weight"
    save_file({**weights, name: weights[name][:8].clone()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BundleError, match=r"'dense\.weight' of the head"):
        module(folder)
    save_file({key: value for key, value in weights.items() if key != name}, folder / "model.safetensors")
    with pytest.raises(BundleError, match="of the head by which it fills tokens"):
        module(folder)


def test_words_are_hidden_whole_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = tiny.write_filling(tmp_path / "bert", "bert")
    origin, model = naming.find(str(folder)), registry.find("models", "pretrained-masked")
    begins = np.packbits(np.arange(SIZE) % 2 == 0).tobytes().hex()
    work = Work("masked-lm", 1, 4, 0, shapes={"text": Shape("tokens", (SIZE,))}, begins=begins)
    tokens = torch.tensor([[START, *[10, 11] * 20, END]])
    whole, single = (
        model.build(work, model.Settings(origin=origin.settings(), whole_words=asked)).train().chosen(tokens)[0, 1:-1]
        for asked in (True, False)
    )
    assert torch.equal(whole[::2], whole[1::2]) and not torch.equal(single[::2], single[1::2])


@pytest.mark.parametrize("tune", ["head", "lora", "full"])
def test_what_learns_is_what_was_said(tune: str, tmp_path: Path) -> None:
    network = module(tiny.write_filling(tmp_path / "bert", "bert"), tune=tune)
    tokens = torch.tensor([[START, 10, 11, 12, 13, 14, END, START, 15, 16, 17, END]] * 8)
    network.train()({"text": tokens}).sum().backward()
    learned = {name for name, each in network.named_parameters() if each.grad is not None}
    head = {name for name, _ in network.named_parameters() if not name.startswith("reader.")}
    adapters = {name for name, _ in network.named_parameters() if name.endswith((".left", ".right"))}
    everything = {name for name, _ in network.named_parameters()}
    assert learned == {"head": head, "lora": head | adapters, "full": everything}[tune]
