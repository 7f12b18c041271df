"""Texts: TF-IDF of words and pairs of words, and of character pieces, as sparse rows.

A term that occurs t times in a text weighs (1 + ln t) * idf, with idf = 1 + ln((1 + texts) / (1 + texts with it)); the
words of a text have length 1 together, and so have its pieces (scikit-learn's TfidfVectorizer with `sublinear_tf`).
A missing text is an empty one: all its outputs are 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import polars as pl

from luban.core.errors import BundleError
from luban.features import _phrases
from luban.features._texts import as_texts
from luban.features.text import pieces
from luban.features.text.pieces import Kind
from luban.features.text.tokens import Tokens
from luban.protocols import Cut, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from luban.batch import Inputs

LEARNED_CHARACTERS = 8_000_000
"""Terms are learned from at most so many characters: evenly spaced texts, where there are more."""
_AT_ONCE = 1 << 17
"""So many characters are cut into pieces at a time; this bounds the memory."""
_KINDS: tuple[Kind, ...] = ("words", "characters")


@final
class Text:
    """A column of texts."""

    tensor: ClassVar[TensorFeature | None] = Tokens()

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The terms in most texts, at most `text_terms` of each kind, and how rare each is."""
        texts = _learned_from(_texts(values))
        terms, arrays = dict[str, list[str]](), {}
        for kind in _KINDS:
            counts, whole = _count(texts, kind)
            # What is in one text only teaches nothing about others, unless there is nothing else.
            shared = counts.filter(pl.col("texts") > 1)
            chosen = (shared if len(shared) else counts).sort(["texts", "key"], descending=[True, False])
            # In the order of their keys, for that is how they are looked up.
            chosen = chosen.head(settings.text_terms).sort("key")
            spans = zip(chosen["start"].to_list(), chosen["end"].to_list(), strict=True)
            terms[kind] = [pieces.written(whole[start:end], kind) for start, end in spans]
            arrays[f"{kind}_keys"] = chosen["key"].to_numpy().copy()
            arrays[f"{kind}_idf"] = 1 + np.log((1 + len(texts)) / (1 + chosen["texts"].to_numpy()))
        return State(terms, arrays)

    def transform(self, values: pl.Series, state: State) -> Inputs:
        from scipy.sparse import csr_matrix, vstack

        slices = [_weigh(texts, state) for texts in _slices(_texts(values))]
        if not slices:
            return csr_matrix((0, _width(state)), dtype=np.float32)
        return slices[0] if len(slices) == 1 else csr_matrix(vstack(slices, format="csr"))

    def names(self, column: str, state: State) -> tuple[str, ...]:
        words = (f"{column} has '{word}'" for word in state.values["words"])
        return (*words, *(f"{column} has the characters '{piece}'" for piece in state.values["characters"]))

    def baseline(self, state: State) -> Any:
        return ""

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The words of the one text in `values`, or phrases and sentences where there are more than `most` words."""
        return _phrases.cut(values, as_texts(values).to_list()[0], most)

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & as_texts(values).is_null()

    def check(self, state: State) -> None:
        if set(state.values) != set(_KINDS) or state.parts:
            raise BundleError("a text column must hold words and characters, and nothing else.")
        if set(state.arrays) != {f"{kind}_{name}" for kind in _KINDS for name in ("keys", "idf")}:
            raise BundleError("a text column must hold the keys and the idf of its words and characters.")
        for kind in _KINDS:
            terms, keys, idf = state.values[kind], state.arrays[f"{kind}_keys"], state.arrays[f"{kind}_idf"]
            if not isinstance(terms, list) or not all(isinstance(term, str) and term for term in terms):
                raise BundleError(f"the {kind} of a text column must be a list of texts.")
            if keys.shape != (len(terms),) or keys.dtype != np.int64 or idf.shape != keys.shape or idf.dtype != float:
                raise BundleError(f"the {kind} of a text column must have one key and one idf each.")
            # Compared, not subtracted: keys lie so far apart that their difference would overflow.
            if (keys[1:] <= keys[:-1]).any() or not np.array_equal(keys, pieces.keys(terms, kind)):
                raise BundleError(f"the {kind} of a text column do not match their keys, or are not in their order.")
            if not (np.isfinite(idf).all() and (idf >= 1).all() and (idf < 100).all()):
                raise BundleError(f"the idf of the {kind} of a text column must lie between 1 and 100.")


def _texts(values: pl.Series) -> list[str]:
    return as_texts(values).fill_null("").to_list()


def _learned_from(texts: list[str]) -> list[str]:
    """Evenly spaced texts with at most `LEARNED_CHARACTERS` together, as far as the lengths are alike."""
    total = sum(min(len(text), pieces.MOST_CHARACTERS) for text in texts)
    if total <= LEARNED_CHARACTERS:
        return texts
    count = max(1, len(texts) * LEARNED_CHARACTERS // total)
    return [texts[place] for place in np.linspace(0, len(texts) - 1, count).astype(int)]


def _slices(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, a bounded number of characters at a time."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += min(len(text), pieces.MOST_CHARACTERS)
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _count(texts: Sequence[str], kind: Kind) -> tuple[pl.DataFrame, str]:
    """How many texts have each piece (key, texts), and where one stands (start, end) in the text that is returned."""
    schema = {"key": pl.Int64, "texts": pl.UInt32, "start": pl.Int64, "end": pl.Int64}
    counts = pl.DataFrame(schema=schema)
    read: list[str] = []
    offset = 0
    for part in _slices(texts):
        found = pieces.find(part, kind)
        places = {"key": found.key, "row": found.row, "start": found.start + offset, "end": found.end + offset}
        once = pl.DataFrame(places).unique(["key", "row"], keep="any")
        here = once.group_by("key").agg(pl.len().cast(pl.UInt32).alias("texts"), pl.col("start", "end").first())
        both = pl.concat([counts, here])
        counts = both.group_by("key").agg(pl.col("texts").sum(), pl.col("start", "end").first())
        read.append(found.text)
        offset += len(found.text)
    return counts, "".join(read)


def _weigh(texts: Sequence[str], state: State) -> csr_matrix:
    """(texts, terms) float32."""
    from scipy.sparse import csr_matrix

    width = _width(state)
    rows, columns, weights = [], [], []
    first = 0
    for kind in _KINDS:
        keys, idf = state.arrays[f"{kind}_keys"], state.arrays[f"{kind}_idf"]
        if len(keys):
            found = pieces.find(texts, kind)
            at = np.minimum(np.searchsorted(keys, found.key), len(keys) - 1)
            known = keys[at] == found.key
            cells, times = np.unique(found.row[known] * len(keys) + at[known], return_counts=True)
            row, term = np.divmod(cells, len(keys))
            weight = (1 + np.log(times)) * idf[term]
            length = np.sqrt(np.bincount(row, weights=weight**2, minlength=len(texts)))
            rows.append(row)
            columns.append(term + first)
            weights.append((weight / length[row]).astype(np.float32))
            first += len(keys)
    if not rows:
        return csr_matrix((len(texts), width), dtype=np.float32)
    inputs = csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=(len(texts), width)
    )
    inputs.sort_indices()
    return inputs


def _width(state: State) -> int:
    return sum(len(state.values[kind]) for kind in _KINDS)
