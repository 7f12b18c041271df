"""A baseline of texts that are written: what is read, as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

from luban.batch import Batch
from luban.core import registry
from luban.models import _texts
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section


class Settings(Section):
    """Nothing can be set."""


@final
class Copied:
    """y = x. Names and numbers are right in it, and of a like language some words: whatever is better has changed some.

    Of short texts in two languages it has a higher chrF than any one text that is said of all.
    """

    name: ClassVar[str] = "copied"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"sequence-to-sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _texts.no_letters(work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        copied: Form = registry.find("forms", "copied")()
        return copied


model = Copied()
