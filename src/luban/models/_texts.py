"""What the models of texts that are written share: how a text is to come so that its letters are known."""

from __future__ import annotations

from luban.features.text.tokens import BYTES, MARKS
from luban.models import _networks
from luban.protocols import Work

LETTERS = len(MARKS) + BYTES
"""Numbers of letters and marks, where each letter of a text is a byte."""


def no_letters(work: Work) -> str | None:
    """Why the letters of what is read are not known, in words; None where they are."""
    shapes = list(_networks.shapes(work).values())
    if len(shapes) != 1 or shapes[0].kind != "tokens":
        return "it is for one text that is read."
    if shapes[0].size != (LETTERS,):
        return "what is read comes in the tokens of a tokenizer that was chosen, not letter by letter."
    return None
