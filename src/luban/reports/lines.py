"""Lines that fit a terminal: colour where wanted, tables aligned, paragraphs wrapped; paths and commands stay whole."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

PLAIN_WIDTH = 100
"""Width where the lines do not go to a terminal."""
NARROWEST, WIDEST = 40, 120
GAP = 2


@dataclass(frozen=True)
class Style:
    """How wide lines are, and whether they are coloured. Everything is readable without colour."""

    width: int = PLAIN_WIDTH
    color: bool = False

    def strong(self, text: str) -> str:
        return self._painted(text, "1")

    def quiet(self, text: str) -> str:
        return self._painted(text, "2")

    def good(self, text: str) -> str:
        return self._painted(text, "32")

    def alarm(self, text: str) -> str:
        return self._painted(text, "31")

    def _painted(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and text else text


def style(stream: TextIO) -> Style:
    """The style for a stream: colour and its width on a terminal, plain lines elsewhere. NO_COLOR is respected."""
    if not stream.isatty():
        return Style()
    width = shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns
    color = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(min(max(width, NARROWEST), WIDEST), color)


def cells(text: str) -> int:
    """How many places a text takes on a terminal: wide characters take two.

    >>> cells("abc"), cells("鲁班")
    (3, 4)
    """
    from rich.cells import cell_len

    return cell_len(text)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], style: Style, *, right: Iterable[int] = (), indent: int = 2
) -> list[str]:
    """A table: columns as wide as they need, those in `right` aligned so, the last wrapped within the width.

    >>> print("\\n".join(table(["metric", "score"], [["accuracy", "0.97"]], Style(), right=[1])))
      metric    score
      accuracy   0.97
    """
    listed = [list(row) for row in rows]
    last = len(headings) - 1
    widths = [max(map(cells, column)) for column in zip(headings, *listed, strict=True)]
    start = indent + sum(widths[:last]) + GAP * last
    room = max(style.width - start, 24)
    aligned = set(right)

    def row(parts: Sequence[str]) -> list[str]:
        tail = [parts[last]] if cells(parts[last]) <= room or last in aligned else wrapped(parts[last], room)
        first = [_padded(part, widths[place], place in aligned) for place, part in enumerate(parts[:last])]
        first.append(_padded(tail[0], widths[last], True) if last in aligned else tail[0])
        lines = [" " * indent + (" " * GAP).join(first)]
        return [line.rstrip() for line in [*lines, *(" " * start + more for more in tail[1:])]]

    heading = [style.quiet(line) for line in row(headings)]
    return [*heading, *(line for parts in listed for line in row(parts))]


def paragraph(text: str, style: Style, *, indent: int = 0, more: int | None = None) -> list[str]:
    """Text wrapped within the width. more: indent of the lines after the first."""
    rest = indent if more is None else more
    lines = wrapped(" " * indent + text, style.width, " " * rest)
    return [line.rstrip() for line in lines]


def wrapped(text: str, width: int, start: str = "") -> list[str]:
    """The lines of a text; words stay whole, so that paths can be copied."""
    found = textwrap.wrap(text, max(width, 20), subsequent_indent=start, break_long_words=False, break_on_hyphens=False)
    return found or [""]


def _padded(text: str, width: int, right: bool) -> str:
    room = " " * (width - cells(text))
    return room + text if right else text + room
