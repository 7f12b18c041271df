"""Classifiers that say whether one text follows from another (natural language inference), asked about labels.

A text has the label whose sentence, `This example is LABEL.`, follows from it most surely (Yin et al., 2019). The
folder is that of a classifier as `transformers` writes it, whose config names a label `entailment`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array, Ragged
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.core.strict_json import shown
from luban.features.text.tokens import MARKS
from luban.origins import configs, layout, weighing
from luban.origins.layout import Origin

if TYPE_CHECKING:
    from torch import nn

SENTENCE = "This example is {}."
"""What is said of a text; `transformers` asks in these words where nobody chooses others."""
MOST_LABELS = 20
_FOLLOWS = "entail"
_TWICE = ("camembert", "mpnet", "roberta", "xlm-roberta")
"""Kinds that learned pairs with two marks between the texts."""
TOGETHER = 8_192
"""Tokens that pass the network at once, padding included."""


def is_one(path: Path) -> bool:
    """Whether the folder holds a classifier of pairs that knows what entailment is."""
    file = path / layout.CONFIG
    return file.is_file() and _entails(layout.read_json(file)) is not None


def _entails(document: Any) -> int | None:
    """The number of the label that means that one text follows from another."""
    heads, labels = document.get("architectures"), document.get("id2label")
    classifies = isinstance(heads, list) and any(str(head).endswith("ForSequenceClassification") for head in heads)
    if not classifies or not isinstance(labels, dict):
        return None
    found = [number for number, name in labels.items() if str(name).lower().startswith(_FOLLOWS)]
    return int(found[0]) if len(found) == 1 and str(found[0]).isdecimal() else None


@dataclass(frozen=True, eq=False)
class Entailment:
    """network: pairs of texts to a number for each of its labels. entails: the label that is asked for.

    origin: the folder, with its marks.
    """

    origin: Origin
    network: nn.Module
    entails: int

    @property
    def longest(self) -> int:
        """Tokens of a pair, with its marks."""
        return configs.longest(self.origin.config)

    def logits(self, texts: Ragged, sentences: Sequence[Array]) -> Array:
        """(rows, sentences) float64: how surely each sentence follows from each text.

        texts: Ragged int32 of luban's tokens, each between its two marks; cut where the pair is too long. sentences:
        the tokens of each alike.
        """
        import torch

        found = np.empty((len(texts), len(sentences)))
        order = np.argsort(texts.lengths, kind="stable")
        for column, sentence in enumerate(sentences):
            first = 0
            while first < len(order):
                steps = int(texts.lengths[order[first:]].max()) + len(sentence) + 1
                numbers = order[first : first + max(TOGETHER // steps, 1)]
                pairs = [self._pair(texts.values[texts.offsets[n] : texts.offsets[n + 1]], sentence) for n in numbers]
                with torch.inference_mode():
                    said = self.network(**self._tensors(pairs)).logits[:, self.entails]
                found[numbers, column] = said.to(torch.float64).numpy()
                first += len(numbers)
        return found

    def _pair(self, text: Array, sentence: Array) -> tuple[Array, int]:
        """The numbers of a pair as the network knows them, and where the second text begins."""
        _, _, begins, ends, _ = self.origin.marks
        between = [ends, ends] if self.origin.config["model_type"] in _TWICE else [ends]
        told = sentence[1:-1] - len(MARKS)
        room = max(self.longest - len(told) - len(between) - 2, 1)
        said = (text[1:-1] - len(MARKS))[:room]
        head = np.concatenate([[begins], said, between]).astype(np.int64)
        return np.concatenate([head, told, [ends]]).astype(np.int64), len(head)

    def _tensors(self, pairs: Sequence[tuple[Array, int]]) -> dict[str, Any]:
        import torch

        longest = max(len(pair) for pair, _ in pairs)
        numbers = np.full((len(pairs), longest), self.origin.marks[0], np.int64)
        own, second = np.zeros_like(numbers), np.zeros_like(numbers)
        for row, (pair, begins) in enumerate(pairs):
            numbers[row, : len(pair)], own[row, : len(pair)], second[row, begins : len(pair)] = pair, 1, 1
        found = {"input_ids": torch.from_numpy(numbers), "attention_mask": torch.from_numpy(own)}
        if int(self.origin.config.get("type_vocab_size") or 0) > 1:
            found["token_type_ids"] = torch.from_numpy(second)
        return found


def opened(origin: Origin) -> Entailment:
    """The classifier in the folder of an origin. Raises UsageError, BundleError for what is not taken."""
    require("transformers", extra="nets", purpose="building a pretrained model")
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    document = layout.read_json(origin.path / layout.CONFIG)
    entails, labels = _entails(document), document["id2label"]
    if entails is None or not 2 <= len(labels) <= MOST_LABELS or entails >= len(labels):
        raise UsageError(
            f"its labels are {shown(list(labels.values()))}; 2 to {MOST_LABELS} are taken, one of which is entailment.",
            where=str(origin.path / layout.CONFIG),
            fix="name a classifier of natural language inference",
        )
    values = dict(origin.config)
    asked = AutoConfig.for_model(values.pop("model_type"), **values, num_labels=len(labels))
    with torch.device("meta"):
        configs.bounded(AutoModelForSequenceClassification.from_config(asked))
    network: nn.Module = AutoModelForSequenceClassification.from_config(asked, attn_implementation="sdpa")
    weights = origin.weights()
    wanted = {name: weights[layout.bare(name)] for name in network.state_dict() if layout.bare(name) in weights}
    weighing.put(network, wanted)
    return Entailment(origin, network.eval(), entails)
