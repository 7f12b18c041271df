"""What the columns of a table mean: a data type for each, and the reason in words.

Constants and identifiers are told from all rows (`counting`); what words, dates and paths there are, from rows spread
evenly over the table. What a column is used for is in `roles`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import PurePath

import polars as pl

from luban.core import registry
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean, fold
from luban.data import counting
from luban.data.counting import Count
from luban.features import boolean, datetime
from luban.schema.schema import Column, Schema

LOOKED_AT = 20_000
"""Rows whose words, dates and paths are looked at."""
STRETCHES = 20
"""... in so many stretches."""
FILES = 50
"""Values that are bytes of which so many are looked at."""
NEARLY_ALL = 0.95
"""Share of values that must be dates, or paths of images, for the column to be one of them."""
REPEATED = 0.1
"""Of the values of a text column more than this share are different."""
WORDS, MANY_WORDS = 3.0, 8.0
"""Words a value, on average, of text; few words are text only where there are more than `CATEGORIES` values."""
CHARACTERS, MANY_CHARACTERS = 10.0, 20.0
"""The same in characters, for writing without spaces."""
CATEGORIES = 20
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
AUDIO = frozenset({".wav", ".flac", ".ogg", ".mp3", ".m4a", ".aiff"})
WITHOUT_FEATURE = ("constant", "identifier")
"""Data types that are told although no feature reads them."""
MAGIC = {
    "image": rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|BM|II\*\x00|MM\x00\*|RIFF....WEBP",
    "audio": rb"RIFF....WAVE|RF64....WAVE|fLaC|OggS|ID3|\xff[\xe2-\xfb]|FORM....AIF|\.snd|caff",
}
"""How the bytes of files begin."""
PERSONS = "patient|subject|user|customer|client|person|participant|speaker|household|student|device|machine"
_ID = re.compile(r"(^|[\W_])(id|uuid|guid)$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z0-9](Id|ID)$")
_PERSON_ID = re.compile(rf"({PERSONS})[\W_]*(id|number|no|nr)?", re.IGNORECASE)
_TIME_NAME = re.compile(r"year|month|week|day|date|time|hour|age|period|rank|quarter", re.IGNORECASE)
_SERIES = re.compile(r"\s*\[?\s*[-+.\d][-+.\deE]*(?:[\s,;]+[-+.\d][-+.\deE]*){3,}\s*\]?\s*")
_WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"


def infer(
    frame: pl.LazyFrame,
    rows: int,
    *,
    asked: Mapping[str, str] | None = None,
    missing_words: Mapping[str, tuple[str, ...]] | None = None,
    notes: Mapping[str, str] | None = None,
) -> Schema:
    """The schema of a table; every column is an input.

    asked: data types that a person set, by column. missing_words: what was read as missing. notes: what was found
        while reading, by column; it joins the reason.

    Raises UsageError for a column or a data type that there is not.

    >>> table = pl.LazyFrame({"town": ["Ulm", "Bonn"] * 10, "size": [0.5, 1.5] * 10})
    >>> [column.kind for column in infer(table, 20).columns]
    ['category', 'number']
    """
    asked, missing_words, notes = dict(asked or {}), dict(missing_words or {}), dict(notes or {})
    dtypes = frame.collect_schema()
    check_asked(asked, dtypes.names())
    counts = counting.counts(frame, dtypes, rows)
    texts = [name for name, dtype in dtypes.items() if dtype == pl.String]
    sample = _sample(frame.select(texts), rows) if texts else pl.DataFrame()
    columns = []
    for name, dtype in dtypes.items():
        values = sample.get_column(name).drop_nulls() if name in texts else None
        if dtype == pl.Binary:
            values = frame.select(pl.col(name).drop_nulls().head(FILES)).collect().to_series()
        kind, reason = _kind(name, dtype, counts[name], values)
        words = missing_words.get(name, ())
        if name in asked:
            kind, reason = fold(asked[name]), "as asked"
        if kind == "datetime" and values is not None:
            words = (*words, *_no_times(values))
        reason = "; ".join(part for part in (reason, notes.get(name, "")) if part)
        count = counts[name]
        missing = count.missing / rows if rows else 0.0
        columns.append(Column(name, kind, "input", reason, str(dtype), missing, count.distinct, words))
    return Schema(tuple(columns))


def known_kinds() -> tuple[str, ...]:
    """The data types that a column may be given."""
    return tuple(sorted({*registry.names("features"), *WITHOUT_FEATURE}))


def is_id_name(name: str) -> bool:
    """Whether a column is named as an identifier of things or persons.

    >>> [is_id_name(name) for name in ("id", "patient_id", "userId", "Patient", "humid", "index")]
    [True, True, True, True, False, False]
    """
    return bool(_ID.search(name) or _CAMEL_ID.search(name) or names_persons(name))


def names_persons(name: str) -> bool:
    """Whether a column is named after persons or things of which there are several rows each.

    >>> names_persons("patient_id"), names_persons("store_id")
    (True, False)
    """
    return _PERSON_ID.fullmatch(name) is not None


def check_asked(asked: Mapping[str, str], names: list[str]) -> None:
    """Raises UsageError for a column or a data type that there is not."""
    for name, kind in asked.items():
        if name not in names:
            raise UsageError(
                f"there is no column '{name}'. {did_you_mean(name, names)}", where=f"--column {name}={kind}"
            )
        if fold(kind) not in known_kinds():
            known = known_kinds()
            raise UsageError(
                f"no data type is called '{kind}'. {did_you_mean(kind, known)}", where=f"--column {name}={kind}"
            )


def _sample(frame: pl.LazyFrame, rows: int) -> pl.DataFrame:
    """At most `LOOKED_AT` rows, in stretches spread over the table."""
    if rows <= LOOKED_AT:
        return frame.collect()
    length = LOOKED_AT // STRETCHES
    starts = [place * (rows - length) // (STRETCHES - 1) for place in range(STRETCHES)]
    return pl.concat([frame.slice(start, length).collect() for start in starts])


def _kind(name: str, dtype: pl.DataType, count: Count, texts: pl.Series | None) -> tuple[str, str]:
    """The data type of a column, and the reason."""
    if count.known == 0:
        return "constant", "no row has a value"
    if isinstance(dtype, pl.List | pl.Array):
        return _nested_kind(dtype)
    if dtype == pl.Binary and texts is not None:
        for kind, magic in MAGIC.items():
            if sum(re.match(magic, value, re.DOTALL) is not None for value in texts) >= NEARLY_ALL * len(texts):
                return kind, f"bytes of {kind} files"
    if dtype.is_nested() or dtype in (pl.Object, pl.Binary):
        return "identifier", f"values of the type {str(dtype)[:40]} are not read"
    if count.distinct == 1 and not count.missing:
        return "constant", "every row has the same value"
    if dtype == pl.Boolean:
        return "boolean", "true or false"
    if dtype.is_temporal():
        return "datetime", "stored as dates or times"
    if dtype.is_integer():
        return _whole_kind(name, count)
    if dtype.is_numeric():
        return "number", f"numbers, {count.distinct:,} different"
    assert texts is not None
    return _text_kind(count, texts)


def _nested_kind(dtype: pl.DataType) -> tuple[str, str]:
    """The data type of a column of lists or arrays."""
    depth, inner = 0, dtype
    while isinstance(inner, pl.List | pl.Array):
        depth, inner = depth + 1, inner.inner  # type: ignore[assignment]
    if not inner.is_numeric():
        return "category", "lists of labels"
    shape = dtype.shape if isinstance(dtype, pl.Array) else ()
    if inner == pl.UInt8 and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))):
        return "image", f"{shape[0]} x {shape[1]} pixels"
    if depth == 1:
        return "series", "lists of numbers"
    if depth == 2:
        return "series", "lists of steps, each with a number for every channel"
    return "identifier", f"values of the type {str(dtype)[:40]} are not read"


def _whole_kind(name: str, count: Count) -> tuple[str, str]:
    if count.unbroken and not _TIME_NAME.search(name):
        return "identifier", f"counts the rows from {count.low:,} to {count.high:,}"
    if is_id_name(name):
        if count.all_differ:
            return "identifier", "named as an identifier, and no value repeats"
        return "category", f"named as an identifier: {count.distinct:,} different numbers that are names, not amounts"
    return "number", f"whole numbers from {count.low:,} to {count.high:,}, {count.distinct:,} different"


def _text_kind(count: Count, texts: pl.Series) -> tuple[str, str]:
    if texts.is_empty():
        return "category", f"{count.distinct:,} different texts, which are rare"
    distinct = texts.unique()
    if len(distinct) <= 10 and boolean.parse(distinct).is_not_null().all():
        return "boolean", f"only {' and '.join(repr(word) for word in sorted(distinct)[:4])}"
    for suffixes, kind in ((IMAGES, "image"), (AUDIO, "audio")):
        if _share(texts, functools.partial(_ends_in, suffixes)) >= NEARLY_ALL:
            return kind, f"paths of {kind} files"
    if _share(texts, lambda text: _SERIES.fullmatch(text) is not None) >= NEARLY_ALL:
        return "series", "lists of numbers, written as text"
    times = _times(texts)
    if times is not None:
        return "datetime", times
    if _is_text(texts, len(distinct)):
        return "text", f"{_words(texts):.0f} words a row on average"
    if count.all_differ:
        return "identifier", "no text repeats"
    return "category", f"{count.distinct:,} different texts"


def _ends_in(suffixes: frozenset[str], text: str) -> bool:
    return PurePath(text).suffix.lower() in suffixes


def _share(texts: pl.Series, test: Callable[[str], bool]) -> float:
    some = texts.head(200).to_list()
    return sum(map(test, some)) / len(some)


def _times(texts: pl.Series) -> str | None:
    """How texts are dates, in words; None where they are not."""
    some = texts.head(200)
    # Looking closely takes long: most columns of texts hold nothing that looks like a date.
    if not some.str.contains(r"\d").mean() >= NEARLY_ALL or some.str.len_chars().max() > 40:  # type: ignore[operator]
        return None
    how = datetime.reading(texts)
    unread = datetime.parse(texts, how).null_count()
    if unread > (1 - NEARLY_ALL) * len(texts):
        return None
    bad = f"; {unread:,} that are not are read as missing" if unread else ""
    return f"dates or times, written as {how}{bad}"


def _no_times(texts: pl.Series) -> list[str]:
    """The different texts that are no dates."""
    unread = datetime.parse(texts, datetime.reading(texts)).is_null()
    return sorted(texts.filter(unread).unique())[:100]


def _is_text(texts: pl.Series, distinct: int) -> bool:
    if distinct <= REPEATED * len(texts):
        return False
    words = _words(texts)
    if words >= MANY_WORDS or (words >= WORDS and distinct > CATEGORIES):
        return True
    characters = float(texts.str.len_chars().mean())  # type: ignore[arg-type]
    if characters < CHARACTERS or texts.str.contains(_WITHOUT_SPACES).mean() < 0.5:  # type: ignore[operator]
        return False
    return characters >= MANY_CHARACTERS or distinct > CATEGORIES


def _words(texts: pl.Series) -> float:
    return float(texts.str.count_matches(r"\S+").mean())  # type: ignore[arg-type]
