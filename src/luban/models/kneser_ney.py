"""A trigram of tokens with interpolated Kneser-Ney smoothing: what a causal language model must be better than."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

from luban.batch import Batch
from luban.models import _language
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section


class Settings(Section):
    """Nothing can be set."""


@final
class KneserNey:
    """p(w | u v), from counts of three, two and one token (Kneser and Ney, 1995), on the same tokens as the network."""

    name: ClassVar[str] = "kneser-ney"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"causal-lm"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _language.no_tokens(work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        return _language.counted("kneser-ney", batch, work)


model = KneserNey()
