"""Token tagging: a tag for each word of a text, such as its part of speech, or whether it is part of a name.

A row holds a text whose words stand apart, and as many tags in the same order; or a list of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Answers, PerRow, Ragged
from luban.core.errors import UsageError
from luban.features.words import count, cut
from luban.schema.schema import Column, Schema
from luban.tasks import _labels, _losses

KIND = "words"
"""The data type that the column is read as."""
NEARLY_ALL = 0.99
"""Share of the rows that must have as many tags as words, for tagging to be what is asked."""
TIMES_A_TAG = 5
"""... and so often each tag must stand there, on average."""
_CUT = ("text", "category", "identifier", KIND)
"""Data types of columns that can be cut into words."""


@final
@dataclass(frozen=True)
class TokenTagging:
    """Each word has exactly one of the tags. tags: of the answers; none before they are known."""

    name: ClassVar[str] = "tagging"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("token-accuracy", "entity-f1")
    compared_by: ClassVar[str] = "token-accuracy"
    baseline: ClassVar[str] = "commonest-tag"
    link: ClassVar[str] = "softmax"
    loss = staticmethod(_losses.of_steps)
    tags: tuple[str, ...] = ()

    def of_tags(self, tags: tuple[str, ...]) -> TokenTagging:
        """The task whose answers are these tags."""
        return TokenTagging(tags)

    def read(self, schema: Schema) -> Schema:
        """The columns, with the one text of words. Raises UsageError where there is none, or more than that."""
        inputs = schema.inputs
        if not inputs:
            # Short texts that all differ are taken for names of rows, and lists of labels are not read.
            inputs = tuple(c for c in schema.columns if c.role in ("id", "ignored") and _can_be_cut(c))
        if len(inputs) != 1 or not _can_be_cut(inputs[0]):
            told = ", ".join(f"'{column.name}' ({column.kind})" for column in inputs[:8]) or "none"
            raise UsageError(
                f"tagging reads one column of words, and the columns here are: {told}.",
                where="--task tagging",
                fix="leave the others out: --set drop=COLUMN",
            )
        words = replace(inputs[0], kind=KIND, role="input", reason="its words are tagged")
        return schema.changed([words])

    def suggested(self, frame: pl.LazyFrame, schema: Schema, target: pl.Series) -> str | None:
        """Why each word of the one column that is read has a tag; None where that is not so."""
        if len(schema.inputs) != 1 or not _can_be_cut(schema.inputs[0]) or target.dtype.is_numeric():
            return None
        read = frame.select(schema.inputs[0].name).collect(engine="streaming").to_series()
        words, tags = count(read), count(target)
        known = tags > 0
        rows, alike = int(known.sum()), int((known & (words == tags)).sum())
        if not rows or alike < NEARLY_ALL * rows or tags.max() == 1:
            return None
        kinds, different = (cut(column).explode(empty_as_null=False).n_unique() for column in (target, read))
        # Tags put words into kinds; as many of one as of the other is rather a translation, word by word.
        if not 2 <= kinds < different or kinds > _labels.MOST_CLASSES or kinds * TIMES_A_TAG > tags.sum():
            return None
        return f"'{target.name}' holds one of {kinds} tags for each word of '{read.name}'"

    def problems(self, values: pl.Series, target: pl.Series) -> Mapping[int, str]:
        """Rows whose words and tags differ in number."""
        words, tags = count(values).to_numpy(), count(target).to_numpy()
        rows = np.flatnonzero((tags > 0) & (words != tags))
        return {int(row): f"it has {_so_many(tags[row], 'tag')} for {_so_many(words[row], 'word')}" for row in rows}

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """The tags, ordered. Raises DataError where there are none, one, or too many."""
        if positive is not None:
            raise UsageError("tags have no positive class.", where="--positive", fix="leave it out")
        return tuple(_labels.classes_of(cut(target).explode(empty_as_null=False).rename(target.name)))

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> PerRow:
        """Ragged int64: the code of each tag, -1 for one that is not among `classes`; no step without tags."""
        lists = cut(target).fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
        offsets = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy().astype(np.int64))])
        return Ragged(_labels.codes(lists.explode(empty_as_null=False), classes), offsets)

    def outputs(self, classes: tuple[str, ...]) -> int:
        return len(classes)

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The likeliest tag of each word; of equally likely ones the first."""
        assert isinstance(outputs, Ragged), "each word is answered"
        said = Ragged(outputs.values.argmax(axis=1).astype(np.int64), outputs.offsets)
        return Answers(said, outputs, names=self.tags)


def _can_be_cut(column: Column) -> bool:
    return column.kind in _CUT and column.dtype in ("String", "List(String)")


def _so_many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


task = TokenTagging()
