"""Counts of a token between its two neighbours: what a masked language model must be better than."""

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
class MaskedTrigram:
    """p(w | the token before, the token behind), from counts by absolute discounting, on the network's own tokens."""

    name: ClassVar[str] = "masked-trigram"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"masked-lm"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _language.no_tokens(work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        return _language.counted("masked-trigram", batch, work)


model = MaskedTrigram()
