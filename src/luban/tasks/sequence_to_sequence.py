"""Sequence to sequence: a text is read and another one is written, such as its translation or its summary.

A target and an answer are the bytes of a text here. How texts become tokens for a network, and tokens texts again, is
in `training/writing.py` and `forms/written.py`.
"""

from __future__ import annotations

from typing import ClassVar, final

import polars as pl

from luban.batch import Answers, PerRow, Ragged
from luban.core.errors import DataError, UsageError
from luban.tasks import _labels, _losses


@final
class SequenceToSequence:
    """A text a row. Models are compared by chrF, which also sees words that are nearly right.

    chrF is above 0 for any text of the language, a copy of what was read, or one text said of all: so a score stands
    beside the better of the two. BLEU is near 0 for both, but also for a model that is wrong in an ending of each word;
    it has four words in a row in few short texts, and says little about a few hundred of them.
    """

    name: ClassVar[str] = "sequence-to-sequence"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("bleu", "chrf", "rouge-l")
    compared_by: ClassVar[str] = "chrf"
    baseline: ClassVar[str] = "medoid"
    baselines: ClassVar[tuple[str, ...]] = ("medoid", "copied")
    link: ClassVar[str] = "softmax"
    loss = staticmethod(_losses.of_steps)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """None. Raises DataError for a target of lists, or without a text."""
        if positive is not None:
            raise UsageError("texts have no positive class.", where="--positive", fix="leave it out")
        where = f"column '{target.name}'"
        if target.dtype.is_nested() or target.dtype == pl.Binary:
            raise DataError(f"{target.dtype} is no text.", where=where, fix="choose another --target")
        if _labels.texts(target).null_count() == len(target):
            raise DataError("the target has no values.", where=where, fix="choose another --target")
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> PerRow:
        """Ragged uint8: the bytes of each text without its margins; none where there is no text."""
        return Ragged.of_texts(_labels.texts(target).fill_null("").to_list())

    def outputs(self, classes: tuple[str, ...]) -> int:
        """One text. How many tokens it is written with is learned from training rows."""
        return 1

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        return Answers(outputs)


task = SequenceToSequence()
