"""Pretrained language models over raw text: what they say of packed documents is what `transformers` says of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from luban.core import registry
from luban.models._blocks import END, MARKS, START
from luban.origins import causal
from luban.protocols import Shape, Work
from origins import speaking

BEGINS, ENDS = 1, 2


def module(folder: Path, **settings: Any) -> Any:
    """The network that goes on, with the weights of a folder, in evaluation."""
    origin = causal.opened(folder)
    model = registry.find("models", "pretrained-causal")
    told = {**origin.settings(), "content": str(folder), "parts": origin.parts()}
    own = model.Settings(origin=told, **settings)
    rows = len(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]) + MARKS
    found = model.build(Work("causal-lm", 1, 4, 0, shapes={"text": Shape("tokens", (rows,))}), own)
    model.begin(found, own)
    return found.eval()


def block(*documents: list[int]) -> torch.Tensor:
    """Documents of the body's own tokens as one block of luban's."""
    return torch.tensor([[token for text in documents for token in [START, *(n + MARKS for n in text), END]]])


@pytest.mark.parametrize("kind", sorted(speaking.SIZES))
def test_each_document_of_a_block_is_read_as_if_it_stood_alone(kind: str, tmp_path: Path) -> None:
    network = module(speaking.write(tmp_path / kind, kind))
    theirs: Any = causal.opened(tmp_path / kind).network()
    texts = [[5, 9, 200, 31], [40, 41, 42, 43, 44, 7], [100]]
    tokens = block(*texts)
    with torch.no_grad():
        ours = network({"text": tokens}).item()
        nats = []
        for text in texts:
            whole = torch.tensor([[BEGINS, *text, ENDS]])
            said = torch.log_softmax(theirs(whole).logits[0, :-1], dim=1)
            nats += (-said.gather(1, whole[0, 1:, None]))[:, 0].tolist()
    assert ours == pytest.approx(sum(nats) / len(nats), rel=1e-5)
    own = torch.ones(1, 5, dtype=torch.bool)
    with torch.no_grad():
        assert network.scores(tokens[:, :6], own).tolist() == pytest.approx(nats[:5], rel=1e-4)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_what_learns_is_the_adapter_or_everything(adapter: str, tmp_path: Path) -> None:
    network = module(speaking.write(tmp_path / "llama"), adapter=adapter)
    network.train()({"text": block([5, 9, 31], [40, 41])}).sum().backward()
    learned = {name for name, each in network.named_parameters() if each.grad is not None}
    small = {name for name, _ in network.named_parameters() if name.endswith((".left", ".right"))}
    assert learned == (small if adapter == "lora" else {name for name, _ in network.named_parameters()})
    assert bool(small) == (adapter == "lora")


def test_a_mark_between_documents_is_taken_before_those_of_chats(tmp_path: Path) -> None:
    folder = speaking.write(tmp_path / "llama", vocab_size=300)
    assert causal.opened(folder).parts() == (BEGINS, ENDS)
    document = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    document["added_tokens"].append({**document["added_tokens"][0], "id": 263, "content": "<|end_of_text|>"})
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    assert causal.opened(folder).parts() == (BEGINS, 263)
    document["added_tokens"].append({**document["added_tokens"][0], "id": 264, "content": "<|endoftext|>"})
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    assert causal.opened(folder).parts() == (264, 264)
