"""The rows of a file of texts, looked at before they are parsed: is every one sound? If not, a sound copy is written.

Looking is done on bytes, many at once; that takes a sixth of the time of reading row by row, and most files are sound.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from luban.core.errors import DataError
from luban.data.sources import _plain
from luban.data.sources._dialect import Dialect

MOST_LISTED = 100
MOST_RAGGED = 0.3
"""Of more ragged rows than this share, the guess of the delimiter is wrong or the file is."""
LONGEST = 1 << 26
"""Characters of a value; more means that a quote was never closed."""
COLUMN = 400
"""Bytes of a block for each column, at least."""
_NEWLINE, _RETURN = 10, 13


@dataclass
class Left:
    """Rows that were left out: how many by reason, and the first ones as (line, reason)."""

    dropped: Counter[str] = field(default_factory=Counter)
    listed: list[tuple[int, str]] = field(default_factory=list)
    kept: int = 0

    def out(self, line: int, reason: str, told: str) -> None:
        self.dropped[reason] += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append((line, told))


def blocks(path: Path, dialect: Dialect) -> Iterator[bytes]:
    """The bytes of a UTF-8 file in blocks of whole rows; each ends with a newline.

    Raises DataError for a NUL byte, and for a value without an end.
    """
    rest, line = b"", 0
    # Each block costs time for each column, so wide tables come in larger ones.
    for piece in _plain.pieces(path, max(_plain.PIECE, COLUMN * len(dialect.names))):
        _no_zero(piece, line + rest.count(b"\n"), path)
        block = rest + piece
        end = _last_row(block, dialect)
        if end:
            yield block[:end]
        line += block.count(b"\n", 0, end)
        rest = block[end:]
        if len(rest) > LONGEST:
            raise never_closed(str(path), line + 1)
    if rest:
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def sound(block: bytes, dialect: Dialect) -> bool:
    """Whether a block can be parsed as it is: every row has as many values as there are columns, no line is blank, and
    quotes stand only around values.
    """
    width = len(dialect.names)
    data = np.frombuffer(block, dtype=np.uint8)
    breaks = np.flatnonzero(data == _NEWLINE)
    delimiters = np.flatnonzero(data == ord(dialect.delimiter))
    if dialect.quote.encode() in block:
        quotes = np.flatnonzero(data == ord(dialect.quote))
        if len(quotes) % 2 or not _quotes_are_around_values(data, quotes, dialect):
            return False
        breaks = _outside(breaks, quotes)
        delimiters = _outside(delimiters, quotes)
    if b"\r" in block and not _returns_end_lines(data):
        return False
    counts = np.diff(np.searchsorted(delimiters, breaks), prepend=0)
    if np.any(counts != width - 1):
        return False
    return width > 1 or not _has_blank_line(data, breaks)


def copy(path: Path, encoding: str, dialect: Dialect, into: Path, *, where: str) -> Left:
    """Writes the sound rows as UTF-8, comma and double quotes, with a header; returns what was left out.

    Raises DataError where a quote is never closed, for a NUL, and where too many rows are ragged.
    """
    width, left, pending_header = len(dialect.names), Left(), dialect.header
    with _plain.opened(path) as raw, into.open("w", encoding="utf-8", newline="") as out, _long_values():
        lines = _Lines(_decoded(raw, encoding), dialect.quote, where)
        reader = csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote)
        # A value is quoted where it holds a character of the line's end, and a lone return must be.
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(dialect.names)
        start, line, quotes = 1, 1, 0
        try:
            for row in reader:
                start, line = line, reader.line_num + 1
                quotes, lines.quotes = lines.quotes, 0
                if not row:
                    continue
                if pending_header:
                    pending_header = False
                elif len(row) == width:
                    left.kept += 1
                    # A lone empty value would be written as a blank line.
                    writer.writerow(row)
                else:
                    left.out(start, "ragged", f"{len(row)} values instead of {width}")
        except csv.Error:
            raise never_closed(where, line) from None
    if quotes % 2 and line - start > 1:
        # The last row goes over several lines to the end of the file, and one quote has no counterpart.
        raise never_closed(where, start)
    ragged = left.dropped["ragged"]
    if ragged > MOST_RAGGED * (ragged + left.kept):
        first, told = left.listed[0]
        raise DataError(
            f"{ragged:,} of {ragged + left.kept:,} rows do not have the {width} values that the first line has; "
            f"line {first} has {told}.",
            where=where,
            fix=f"check the header and the delimiter (taken: {dialect.facts['delimiter']})",
        )
    return left


def never_closed(where: str, line: int) -> DataError:
    return DataError(
        "a quote is opened and never closed.",
        where=f"{where}, line {line}",
        fix="close the quote, or double it inside of a value",
    )


def _outside(places: np.ndarray[Any, Any], quotes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The places that have an even number of quotes before them."""
    outside: np.ndarray[Any, Any] = places[np.searchsorted(quotes, places) % 2 == 0]
    return outside


def _quotes_are_around_values(data: np.ndarray[Any, Any], quotes: np.ndarray[Any, Any], dialect: Dialect) -> bool:
    borders = (ord(dialect.delimiter), _NEWLINE, _RETURN, ord(dialect.quote))
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, data[np.maximum(opening - 1, 0)], _NEWLINE)
    # The block ends with a newline, so something follows each quote.
    after = data[closing + 1]
    return bool(np.isin(before, borders).all() and np.isin(after, borders).all())


def _returns_end_lines(data: np.ndarray[Any, Any]) -> bool:
    returns = np.flatnonzero(data == _RETURN)
    return bool((data[np.minimum(returns + 1, len(data) - 1)] == _NEWLINE).all())


def _has_blank_line(data: np.ndarray[Any, Any], breaks: np.ndarray[Any, Any]) -> bool:
    starts = np.concatenate([[0], breaks[:-1] + 1])
    return bool(np.any((starts == breaks) | ((data[starts] == _RETURN) & (starts + 1 == breaks))))


def _last_row(block: bytes, dialect: Dialect) -> int:
    """Where the last whole row of a block ends."""
    end = block.rfind(b"\n") + 1
    quote = dialect.quote.encode()
    # Of an odd number of quotes before it, the newline stands within a value.
    while end and block.count(quote, 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end


def _no_zero(block: bytes, line: int, path: Path) -> None:
    place = block.find(b"\0")
    if place >= 0:
        raise _zero(f"{path}, line {line + block.count(10, 0, place) + 1}")


def _zero(where: str) -> DataError:
    return DataError(
        "a NUL byte stands in the text, so the file is damaged or is not text.",
        where=where,
        fix="write the file again, or take them out: tr -d '\\000' < FILE > CLEAN",
    )


@final
class _Lines:
    """Lines for the reader of the standard library, which stops at a NUL with a message of its own. Final.

    quotes: how many there were since it was set to zero.
    """

    def __init__(self, lines: Iterator[str], quote: str, where: str) -> None:
        self.lines, self.quote, self.where, self.number = lines, quote, where, 0
        self.quotes = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.number += 1
        self.quotes += line.count(self.quote)
        if "\0" in line:
            raise _zero(f"{self.where}, line {self.number}")
        return line


def _decoded(raw: Any, encoding: str) -> Iterator[str]:
    import io

    # Guessed from a stretch of the file, so a byte elsewhere may not fit; one strange letter is better than no data.
    errors = "strict" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline="")


@contextmanager
def _long_values() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)
