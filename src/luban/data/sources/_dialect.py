"""How a file of texts separates its values: delimiter, quotes, header. Guessed from its first lines, and told."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from luban.core.errors import DataError
from luban.schema.schema import MISSING

DELIMITERS = (",", "\t", ";", "|")
"""In the order in which they are preferred where several fit alike."""
ROWS = 200
"""So many rows are looked at."""
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Dialect:
    """How to read the values. names: of the columns. header: whether the first row holds them.

    spaced: values start with a space that does not belong to them.
    """

    delimiter: str
    quote: str
    header: bool
    names: tuple[str, ...]
    spaced: bool = False

    @property
    def facts(self) -> dict[str, str]:
        """What was guessed, in words."""
        shown = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}[self.delimiter]
        found = {
            "delimiter": shown,
            "quote": self.quote,
            "header": "first line" if self.header else "none: columns are named column_1, column_2, ...",
        }
        return found | ({"spaces": "those after the delimiter are left out"} if self.spaced else {})


def guess(text: str, *, where: str, ending: str = "") -> Dialect:
    """The dialect of a text that starts a file.

    ending: `.tsv` prefers tabs. Raises DataError for no rows at all and for two columns of one name.

    >>> guess("a;b\\n1;x\\n2;y\\n", where="x.csv").names
    ('a', 'b')
    >>> guess("1,2\\n3,4\\n", where="x.csv").header
    False
    """
    quote = _quote(text)
    preferred = ("\t", *DELIMITERS) if ending == ".tsv" else DELIMITERS
    delimiter = max(preferred, key=lambda each: _fit(text, each, quote))
    found = rows(text, delimiter, quote)
    if not found:
        raise DataError("the file holds no rows.", where=where, fix="check that it was written to the end")
    first, others = found[0], found[1:]
    header = _is_header(first, others)
    spaced = _is_spaced(found)
    names = _names(first, where) if header else tuple(f"column_{place + 1}" for place in range(len(first)))
    return Dialect(delimiter, quote, header, names, spaced)


def rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """The first rows of a text that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    found: list[list[str]] = []
    try:
        for row in reader:
            if row:
                found.append(row)
            if len(found) == ROWS:
                return found
    except csv.Error:
        return found
    # The text may have been cut off within its last row.
    return found[:-1] if len(found) > 2 and not text.endswith(("\n", "\r")) else found


def _fit(text: str, delimiter: str, quote: str) -> tuple[float, int]:
    """How well a delimiter fits: the share of rows with the commonest count of values, above one; then the count."""
    counts = Counter(len(row) for row in rows(text, delimiter, quote))
    if not counts:
        return 0.0, 0
    values, often = max(counts.items(), key=lambda item: (item[1], item[0]))
    return (often / counts.total(), min(values, 2)) if values > 1 else (0.0, 0)


def _quote(text: str) -> str:
    if '"' in text:
        return '"'
    single = len(re.findall(r"(?:^|[,;|\t])'[^'\n]*'(?=[,;|\t\r\n]|$)", text, re.MULTILINE))
    return "'" if single >= 2 and single * 3 > text.count("'") else '"'


def _is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: none of its values is a number, unless they count up as names may."""
    numbers = [value for value in first if _NUMBER.fullmatch(value)]
    if not numbers:
        missing = sum(value.strip() in MISSING for value in first)
        # The first of several unnamed columns is common: an index that was written without its name.
        return missing <= max(1, len(first) // 2) or not others
    try:
        counted = [int(value) for value in numbers]
    except ValueError:
        return False
    counts_up = all(after - before == 1 for before, after in pairwise(counted))
    differs = bool(others) and [value.strip() for value in others[0]] != [value.strip() for value in first]
    plain = len(counted) > 2 and counted[0] in (0, 1)
    years = len(counted) > 1 and 1800 <= counted[0] <= 2200
    return counts_up and differs and (plain or years)


def _is_spaced(found: Sequence[Sequence[str]]) -> bool:
    inner = [value for row in found for value in row[1:] if value]
    return len(inner) > 0 and sum(value.startswith(" ") for value in inner) > 0.9 * len(inner)


def _names(first: Sequence[str], where: str) -> tuple[str, ...]:
    names = [value.strip() or f"column_{place + 1}" for place, value in enumerate(first)]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        places = [str(place + 1) for place, name in enumerate(names) if name == twice]
        shown = " and ".join(places[:2]) if len(places) == 2 else f"{', '.join(places[:3])} ..."
        raise DataError(
            f"two columns are called '{twice}' (columns {shown}).", where=f"{where}, line 1", fix="rename one of them"
        )
    return tuple(names)
