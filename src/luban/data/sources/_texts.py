"""Columns of texts become numbers where their values say so. Every value is looked at, batch by batch.

A column is one of numbers when all of its values are, or nearly all and the others are a few words without a digit
("unknown", "n.a."). Those are then read as missing and told. A number with leading zeros or of 19 digits is a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from luban.protocols import Wish
from luban.schema.schema import MISSING

NUMBER_MISSING = (*MISSING, "None", "none", "N.A.", "n.a.", "?", "-", "--", ".", "#DIV/0!", "#VALUE!", "#REF!")
"""What stands for no value in a column of numbers."""
MOST_WORDS = 10
"""A column of numbers may hold so many different words that stand for no value ..."""
MOST_WORDLY = 0.3
"""... in at most this share of its values."""
MOST_REMEMBERED = 1000
_NAME = r"^0[0-9]|^[+-]?[0-9]{19,}$"

WAYS: Final = ("whole", "decimal", "comma")
"""How a text is a number: `12`, `1.5e3`, `1,5`; each way reads what those before it read, but for the comma."""


@dataclass
class Seen:
    """What was seen of a column so far.

    way: None once it is one of texts. known: values that are there and do not stand for no value; bad: those of them
    that are no numbers. others: the first different ones of these, and how often each was seen.
    """

    wish: Wish
    way: str | None = "whole"
    known: int = 0
    bad: int = 0
    others: dict[str, int] = field(default_factory=dict)
    why_text: str = ""


@dataclass(frozen=True)
class Column:
    """How a column is read: as `Int64`, `Float64` or `String`; and which words stand for no value."""

    dtype: str
    way: str | None
    words: tuple[str, ...] = ()
    fact: str = ""

    def expression(self, name: str, *, spaced: bool) -> pl.Expr:
        """The values of the column of texts, read."""
        text = pl.col(name).str.strip_chars() if spaced or self.way is not None else pl.col(name)
        if self.way is None:
            missing = [*MISSING, *self.words]
            return pl.when(text.is_in(missing)).then(None).otherwise(text).alias(name)
        if self.way == "comma":
            text = text.str.replace(",", ".", literal=True)
        number = text.cast(pl.Int64 if self.dtype == "Int64" else pl.Float64, strict=False)
        return number if self.dtype == "Int64" else number.fill_nan(None)


def decide(
    batches: Iterable[pl.DataFrame], names: Iterable[str], wishes: Mapping[str, Wish], *, comma: bool
) -> dict[str, Column]:
    """How each column of texts is read.

    wishes: what is known before. comma: whether `1,5` may be a number.
    """
    seen = {name: Seen(wishes.get(name, Wish())) for name in names}
    for each in seen.values():
        if each.wish.dtype not in (None, "Int64"):
            each.way = "decimal" if each.wish.dtype == "Float64" else None
    for batch in batches:
        for name in _doubtful(batch, seen):
            _look(seen[name], batch.get_column(name), comma)
    return {name: _decided(each) for name, each in seen.items()}


def _doubtful(batch: pl.DataFrame, seen: Mapping[str, Seen]) -> list[str]:
    """The columns that must be looked at one by one: some values are not as those before, or look like names.

    The others are counted here, many at a time: a table may have ten thousand columns.
    """
    doubtful = []
    for way, dtype in (("whole", pl.Int64), ("decimal", pl.Float64), ("comma", None)):
        names = [name for name, each in seen.items() if each.way == way]
        if not names or dtype is None:
            doubtful += names
            continue
        columns = pl.col(names)
        known = batch.select(columns.count()).row(0)
        numbers = batch.select(columns.cast(dtype, strict=False).count()).row(0)
        suspects = batch.select(_may_be_names(columns).any()).row(0)
        for name, count, number, suspect in zip(names, known, numbers, suspects, strict=True):
            if count == number and not suspect:
                seen[name].known += count
            else:
                doubtful.append(name)
    return doubtful


def _may_be_names(texts: pl.Expr) -> pl.Expr:
    """Where a number may be a name: true wherever the pattern fits, and much cheaper."""
    length = texts.str.len_bytes()
    zeros = texts.str.starts_with("0") & ~texts.str.starts_with("0.") & (length > 1)
    return zeros | ((length >= 19) & ~texts.str.contains(".", literal=True))


def _look(seen: Seen, values: pl.Series, comma: bool) -> None:
    known = values.drop_nulls()
    ways = [way for way in WAYS[WAYS.index(seen.way or "whole") :] if comma or way != "comma"]
    best: pl.Series | None = None
    for way in ways:
        bad = _unread(known, way, seen.wish)
        if best is None or len(bad) < len(best):
            best, seen.way = bad, way
        if bad.is_empty():
            break
    assert best is not None
    seen.known += len(known) - int(known.str.strip_chars().is_in(_no_values(seen.wish)).sum())
    if seen.wish.dtype is None and _are_names(known):
        seen.way, seen.why_text = None, "numbers with leading zeros or of 19 digits and more are names"
        return
    seen.bad += len(best)
    if not best.is_empty():
        for word, rows in best.rename("word").value_counts(name="rows").sort("rows", descending=True).iter_rows():
            if len(seen.others) < MOST_REMEMBERED or word in seen.others:
                seen.others[word] = seen.others.get(word, 0) + rows
    if not _tolerable(seen):
        seen.way = None
        seen.why_text = _mixed(seen)


def _unread(known: pl.Series, way: str, wish: Wish) -> pl.Series:
    """The texts that are no numbers in this way, but for those that stand for no value."""
    bad = known.filter(_read(known, way).is_null())
    if bad.is_empty():
        return bad
    bad = bad.str.strip_chars()
    bad = bad.filter(_read(bad, way).is_null())
    return bad.filter(~bad.is_in(_no_values(wish)))


def _no_values(wish: Wish) -> list[str]:
    return [*NUMBER_MISSING, *wish.missing_words]


def _read(texts: pl.Series, way: str) -> pl.Series:
    if way == "whole":
        return texts.cast(pl.Int64, strict=False)
    return (texts.str.replace(",", ".", literal=True) if way == "comma" else texts).cast(pl.Float64, strict=False)


def _are_names(known: pl.Series) -> bool:
    likely = known.to_frame("known").filter(_may_be_names(pl.col("known"))).to_series()
    return bool(likely.str.contains(_NAME).any())


def _tolerable(seen: Seen) -> bool:
    if not seen.others or seen.wish.lenient:
        return True
    if seen.wish.dtype is not None:
        return False
    digits = any(character.isdigit() for word in seen.others for character in word)
    return not digits and len(seen.others) <= MOST_WORDS and seen.bad <= MOST_WORDLY * seen.known


def _mixed(seen: Seen) -> str:
    """Why a column of numbers, mostly, is one of texts; nothing where it never looked like numbers."""
    if seen.bad > 0.5 * seen.known:
        return ""
    return f"{seen.bad:,} of its values are no numbers, such as {next(iter(seen.others))!r:.40}"


def _decided(seen: Seen) -> Column:
    if seen.way is None or seen.known == seen.bad:
        return Column("String", None, seen.wish.missing_words, seen.why_text)
    words = tuple(dict.fromkeys([*seen.wish.missing_words, *seen.others]))[:MOST_REMEMBERED]
    fact = ""
    if seen.others:
        shown = ", ".join(repr(word)[:40] for word in list(seen.others)[:3])
        fact = f"{seen.bad:,} values that are no numbers are read as missing ({shown})"
    if seen.way == "comma":
        fact = "; ".join([*([fact] if fact else []), "the decimal sign is a comma"])
    return Column("Int64" if seen.way == "whole" else "Float64", seen.way, words, fact)
