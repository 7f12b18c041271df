"""Causal language modelling: each token of a text is predicted from those before it, learned from raw text."""

from __future__ import annotations

from typing import ClassVar, final

from luban.tasks._language import LanguageModelling


@final
class CausalLanguageModelling(LanguageModelling):
    """Every token of a document, its end among them, is predicted from the ones before it. Documents are held out."""

    name: ClassVar[str] = "causal-lm"
    metrics: ClassVar[tuple[str, ...]] = ("bits-per-byte", "perplexity")
    compared_by: ClassVar[str] = "bits-per-byte"
    baseline: ClassVar[str] = "kneser-ney"

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 2


task = CausalLanguageModelling()
