"""What each part of an explained row adds: as marks, in the picture that suits its column, and in a table below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from markupsafe import Markup

from luban.protocols import Cut
from luban.reports.charts._marks import NORMAL, Mark
from luban.reports.charts._svg import finite
from luban.reports.charts.attributions import attributions
from luban.reports.charts.regions import regions
from luban.reports.charts.stretches import series, sound
from luban.reports.numbers import NOTHING, decimals, number, text
from luban.reports.shading import shaded
from luban.reports.view import Document, listed

BARS = 15
"""Parts in a picture of bars, at most; the table has more."""
ROWS = 200
"""Rows of a table, at most."""


@dataclass(frozen=True)
class Drawn:
    """A picture and its table. picture: or a shaded text. names: headings in front of the numbers.

    more: parts that the table leaves out. unsure: whether some parts lie without colour, as they may be zero.
    """

    title: str
    picture: Markup
    headings: tuple[str, ...]
    names: int
    rows: Sequence[Sequence[str]]
    more: int
    unsure: bool


def drawn(name: str, explanation: Document, cuts: Mapping[str, Cut]) -> list[Drawn]:
    """The pictures of one explanation: bars of all whole columns, then each column that is cut into pieces.

    name: unique on the page. cuts: how the row's columns were cut, by name; bars are drawn of those that are not there.
    """
    groups: dict[str, list[tuple[Mark, str]]] = {}
    for each, mark in marks(listed(explanation, "attributions")):
        column = text(each.get("column", ""), 200)
        pieced = mark.place or (column in cuts and cuts[column].shown is not None)
        groups.setdefault(column if pieced else "", []).append((mark, text(each.get("value", ""), 60)))
    found = []
    for order, (column, parts) in enumerate(sorted(groups.items())):
        what = f"the parts of {text(column, 60)} add" if column else "each column adds"
        picture = _picture(f"{name}-{order}", f"What {what}", parts, cuts.get(column))
        # The value of a word is the word; there is no column for it.
        valued = any(value for _, value in parts)
        rows = [
            [mark.name, *([value] if valued else []), mark.told.split(" ")[0], _error(mark)] for mark, value in parts
        ]
        found.append(
            Drawn(
                title=(text(column, 60) or "Columns") if len(groups) > 1 else "",
                picture=picture,
                headings=("part" if column else "column", *(["value"] if valued else []), "adds", "standard error"),
                names=1 + valued,
                rows=rows[:ROWS],
                more=max(0, len(rows) - ROWS),
                unsure=column in cuts and not all(mark.sure for mark, _ in parts),
            )
        )
    return found


def marks(attributed: Sequence[Document]) -> list[tuple[Document, Mark]]:
    """The attributions of an explanation, and what is drawn of each; those without a number are left out.

    >>> [mark.told for _, mark in marks([{"unit": "age", "attribution": 0.25, "standard_error": 0.01}])]
    ['+0.250 ± 0.020']
    """
    known = [each for each in attributed if finite(each.get("attribution"))]
    largest = max((abs(each["attribution"]) for each in known), default=0.0)
    digits = min(6, max(0, 2 - math.floor(math.log10(largest)))) if largest > 0 else 3
    found = []
    for each in known:
        value, error = float(each["attribution"]), each.get("standard_error")
        error = float(error) if error is not None and finite(error) else None
        place = tuple(float(part) for part in each.get("place", ()) if finite(part))
        share = abs(value) / largest if largest else 0.0
        told = _told(value, error, digits)
        found.append((each, Mark(text(each.get("unit", ""), 80), value, error, place, share, told)))
    return found


def _error(mark: Mark) -> str:
    return NOTHING if mark.error is None else "exact" if mark.error == 0 else number(mark.error)


def _picture(name: str, title: str, parts: Sequence[tuple[Mark, str]], cut: Cut | None) -> Markup:
    """The picture that suits the column; without a cut, bars."""
    shown = None if cut is None else cut.shown
    placed = [mark for mark, _ in parts if mark.place]
    if cut is None or shown is None or not placed:
        bars = [_valued(mark, value) for mark, value in parts[:BARS]]
        return attributions(name, title, bars)
    if shown.kind == "text":
        return shaded(shown.content, placed)
    if shown.kind == "words":
        return shaded(*_spaced(shown.content, placed))
    if shown.kind == "image" and cut.regions is not None:
        return regions(name, title, shown.content, cut.regions, placed)
    if shown.kind == "sound":
        return sound(name, title, shown.content, shown.step, placed)
    return series(name, title, shown.content, placed)


def _valued(mark: Mark, value: str) -> Mark:
    """A whole column is called with its value; a piece is its own value."""
    return mark if mark.place or not value else replace(mark, name=f"{mark.name} = {text(value, 24)}")


def _spaced(words: Sequence[str], placed: Sequence[Mark]) -> tuple[str, list[Mark]]:
    """Words as one text, and marks over words as marks over its characters.

    >>> [mark.place for mark in _spaced(["Ulm", "is", "old"], [Mark("", 1.0, place=(1, 3))])[1]]
    [(4, 10)]
    """
    begins = [0, *accumulate(len(word) + 1 for word in words)]
    moved = []
    for mark in placed:
        first, behind = (min(max(int(part), 0), len(words)) for part in mark.place[:2])
        moved.append(replace(mark, place=(begins[first], begins[behind] - 1)))
    return " ".join(words), moved


def _told(value: float, error: float | None, digits: int) -> str:
    """A value with its sign, and half of its 95% interval; with more digits where that would be nothing.

    >>> _told(250.0, 2.0, 0), _told(0.003, 0.002, 0)
    ('+250 ± 4', '+0.0030 ± 0.0039')
    """
    half = NORMAL * (error or 0.0)
    if 0 < half < 0.5 * 10.0**-digits:
        digits = decimals(-half, half)
    written = number(value, digits)
    signed = f"+{written}" if value > 0 and any(digit in written for digit in "123456789") else written
    return f"{signed} ± {number(half, digits)}" if error else signed
