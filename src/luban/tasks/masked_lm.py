"""Masked language modelling: masked tokens of a text are predicted from both sides, learned from raw text."""

from __future__ import annotations

from typing import ClassVar, final

from luban.tasks._language import LanguageModelling


@final
class MaskedLanguageModelling(LanguageModelling):
    """Some tokens of a document are hidden and filled. Documents are held out, and 15% of their tokens are hidden, for
    every model the same ones.
    """

    name: ClassVar[str] = "masked-lm"
    metrics: ClassVar[tuple[str, ...]] = ("perplexity", "fill-accuracy")
    compared_by: ClassVar[str] = "perplexity"
    baseline: ClassVar[str] = "masked-trigram"

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 3


task = MaskedLanguageModelling()
