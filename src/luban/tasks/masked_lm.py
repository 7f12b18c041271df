"""Masked language modelling: tokens that are hidden in a text are filled from both sides, learned from raw text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array, PerRow
from luban.tasks import _language

if TYPE_CHECKING:
    import polars as pl

    from luban.schema.schema import Schema


@final
class MaskedLanguageModelling:
    """Some tokens of a document are hidden and filled. Documents are held out, and 15% of their tokens are hidden, for
    every model the same ones.
    """

    name: ClassVar[str] = "masked-lm"
    supervised: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("perplexity", "fill-accuracy")
    compared_by: ClassVar[str] = "perplexity"
    baseline: ClassVar[str] = "masked-trigram"
    link: ClassVar[str] = "identity"
    loss = staticmethod(_language.loss)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        raise TypeError("what is hidden is found, not given")

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 3

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        return _language.answers(outputs)

    def documents(self, schema: Schema) -> Schema:
        return _language.documents(schema, self.name)

    def sizes(self, texts: pl.Series) -> Array:
        return _language.sizes(texts)


task = MaskedLanguageModelling()
