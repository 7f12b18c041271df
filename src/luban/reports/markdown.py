"""Markdown in which nothing that a user named can become markup: text, code, tables."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from luban.reports.numbers import printable

_MARKS = re.compile(r"([\\`*_\[\]!|~])")
_LINKED = re.compile(r"(?i)(https?|ftp|mailto):|www\.")


def plain(anything: object) -> str:
    r"""Text of a user as text on one line. It must not start a line, where more signs are markup.

    >>> print(plain("a|b <script>*x*\n# no"))
    a\|b &lt;script&gt;\*x\* # no
    """
    line = printable(" ".join(str(anything).split()))
    # Some readers make links of bare addresses; a word joiner inside stops them.
    line = _LINKED.sub(lambda found: f"{found[0][:-1]}\u2060{found[0][-1]}", line)
    return _MARKS.sub(r"\\\1", html.escape(line, quote=False))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown already."""
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def code(content: str, language: str = "") -> str:
    """A block of code, fenced by more backticks than it holds in a row.

    >>> print(code("a ``` b"))
    ````
    a ``` b
    ````
    """
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content.rstrip()}\n{fence}"
