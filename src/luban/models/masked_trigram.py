"""Counts of a token between its two neighbours: what a masked language model must be better than."""

from __future__ import annotations

from typing import ClassVar, final

from luban.models import _language


@final
class MaskedTrigram(_language.CountedTokens):
    """p(w | the token before, the token behind), from counts by absolute discounting, on the network's own tokens."""

    name: ClassVar[str] = "masked-trigram"
    tasks: ClassVar[frozenset[str]] = frozenset({"masked-lm"})


model = MaskedTrigram()
