"""A trigram of tokens with interpolated Kneser-Ney smoothing: what a causal language model must be better than."""

from __future__ import annotations

from typing import ClassVar, final

from luban.models import _language


@final
class KneserNey(_language.CountedTokens):
    """p(w | u v), from counts of three, two and one token (Kneser and Ney, 1995), on the same tokens as the network."""

    name: ClassVar[str] = "kneser-ney"
    tasks: ClassVar[frozenset[str]] = frozenset({"causal-lm"})


model = KneserNey()
