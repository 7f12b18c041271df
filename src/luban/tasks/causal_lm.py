"""Causal language modelling: each token of a text is said from those before it, learned from raw text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array, PerRow
from luban.tasks import _language

if TYPE_CHECKING:
    import polars as pl

    from luban.schema.schema import Schema


@final
class CausalLanguageModelling:
    """Every token of a document, its end among them, is predicted from the ones before it. Documents are held out."""

    name: ClassVar[str] = "causal-lm"
    supervised: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("bits-per-byte", "perplexity")
    compared_by: ClassVar[str] = "bits-per-byte"
    baseline: ClassVar[str] = "kneser-ney"
    link: ClassVar[str] = "identity"
    loss = staticmethod(_language.loss)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("what comes next is found, not given")

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 2

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        return _language.answers(outputs)

    def documents(self, schema: Schema) -> Schema:
        return _language.documents(schema, self.name)

    def sizes(self, texts: pl.Series) -> Array:
        return _language.sizes(texts)


task = CausalLanguageModelling()
