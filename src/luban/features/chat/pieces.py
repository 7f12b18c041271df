"""Chats in their words. Turns stay, with or without words, so that roles change as a template wants it.

The turn that the model is to say, the last one where it is the model's, and answers that were chosen and rejected are
what is explained: they have no pieces.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from luban.batch import Array
from luban.features import _phrases, _pieces
from luban.features.chat import template
from luban.protocols import Cut, Shown


def cut(values: pl.Series, document: Any, turns: list[dict[str, Any]], most: int) -> Cut:
    """The words of the one chat in `values`, whose JSON is `document`; `turns` are those that it holds.

    The place of a piece is in characters of `written(turns)`.
    """
    asked = turns[:-1] if turns and turns[-1]["role"] == template.SAYS and turns is document else turns
    texts = [turn["content"] for turn in asked]
    text = written(asked)
    spans = _phrases.words(text)
    if not spans:
        return _pieces.whole(values)
    edges = _phrases.together(text, spans, most)
    each = [_phrases.words(content) for content in texts]

    def said(row: Array) -> str:
        found, first = list(turns), 0
        for number, (turn, content, own) in enumerate(zip(asked, texts, each, strict=True)):
            stays = row[first : first + len(own)]
            found[number] = {**turn, "content": _phrases.without(content, own, stays)} if own else turn
            first += len(own)
        whole = found if turns is document else {**document, "messages": found}
        return json.dumps(whole, ensure_ascii=False)

    def masked(stays: Array) -> pl.Series:
        rows = _pieces.told_apart(stays, edges)
        return pl.Series(values.name, [said(row) for row in rows], dtype=pl.String)

    return Cut(_phrases.units(values.name, text, spans, edges), masked, shown=Shown("text", text))


def written(turns: list[dict[str, Any]]) -> str:
    """What is said in the turns, one behind the other, each on lines of its own."""
    return "\n".join(turn["content"] for turn in turns)
