"""What the tasks of chats share: one column of chats, and a loss that the network says itself."""

from __future__ import annotations

import json
from abc import ABC
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import polars as pl

from luban.batch import Array
from luban.schema.schema import Schema
from luban.tasks._language import LanguageModelling


class Answering(LanguageModelling, ABC):
    """Abstract. What a task of chats is, whatever of their answers it asks for."""

    whole: ClassVar[bool] = False

    def documents(self, schema: Schema) -> Schema:
        """The columns with the one of chats as the only input."""
        others = [c for c in schema.columns if c.role == "input" and c.kind != "chat"]
        left = [replace(column, role="ignored", reason="only chats are learned from") for column in others]
        return schema.changed(left)

    def sizes(self, texts: pl.Series) -> Array:
        """(rows,) float64: the bytes of the answers of each chat."""
        return np.array([_answered(json.loads(text)) for text in texts.to_list()], np.float64)


def _answered(chat: Any) -> int:
    if isinstance(chat, dict):
        return len(chat["chosen"].encode()) + len(chat["rejected"].encode())
    return sum(len(turn["content"].encode()) for turn in chat if turn["role"] == "assistant")
