"""A text whose words are shaded by what they add to an answer, or take from it. Underlines tell the two apart too."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from luban.reports.charts._marks import Mark
from luban.reports.numbers import printable

MOST = 20_000
"""Characters of a text that are shown."""


def shaded(text: str, marks: Sequence[Mark]) -> Markup:
    """The text. marks: with (begin, end) of characters as place; none overlaps another.

    >>> shaded("not bad", [Mark("not", -0.4, place=(0, 3), share=1.0, told="-0.4")])
    Markup('<mark class="down" style="--share:1.00" title="-0.4">not</mark> bad')
    """
    parts, last = [], 0
    for mark in sorted((mark for mark in marks if len(mark.place) > 1), key=lambda mark: mark.place):
        begin, end = max(int(mark.place[0]), last), min(int(mark.place[1]), len(text), MOST)
        if begin >= end:
            continue
        parts += [_plain(text[last:begin]), _marked(text[begin:end], mark)]
        last = end
    rest = text[last:MOST]
    return Markup("").join([*parts, _plain(rest), Markup("\u2026") if len(text) > MOST else Markup("")])


def _marked(words: str, mark: Mark) -> Markup:
    if not mark.sure:
        return Markup('<mark title="{}">{}</mark>').format(mark.told, _plain(words))
    share = f"{mark.share:.2f}"
    return Markup('<mark class="{}" style="--share:{}" title="{}">{}</mark>').format(
        mark.style, share, mark.told, _plain(words)
    )


def _plain(words: str) -> Markup:
    return Markup(escape("\n".join(printable(line) for line in words.replace("\t", " ").split("\n"))))
