"""Chats: a language model learns to answer as the data does; only tokens of answers have a loss."""

from __future__ import annotations

from typing import ClassVar, final

from luban.tasks._chats import Answering


@final
class ChatTuning(Answering):
    """Supervised fine-tuning: the answers in chats, each with the mark of its end, are predicted from all before them.

    Beside the score stands that of the language model as it was.
    """

    name: ClassVar[str] = "chat"
    metrics: ClassVar[tuple[str, ...]] = ("answer-loss", "perplexity")
    compared_by: ClassVar[str] = "answer-loss"
    baseline: ClassVar[str] = "untouched"

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 2


task = ChatTuning()
