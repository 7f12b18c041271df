"""Extractive question answering: the answer to a question is a span of a given text, its context.

A row holds a context, a question, and an answer that stands in the context, word for word. An answer that is empty or
of spaces says that none stands there; a row without a value has no answer yet. An empty field of a CSV file is no
value, so a space is written there. Where the answer stands there several times, a column `answer_start` may say which
is meant; else it is the first one. Places are counted in characters of the context in Unicode's composed form (NFC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, final
from unicodedata import normalize

import numpy as np
import polars as pl

from luban import spans
from luban.batch import Answers, PerRow, Ragged
from luban.core.errors import DataError, UsageError
from luban.schema.schema import Schema
from luban.tasks import _labels, _losses

CONTEXT, QUESTION, START = "context", "question", "answer_start"
"""The names of the columns that are read, and of the one that says where an answer begins."""
_TEXT, _BEGIN = "text", "begin"


@final
class QuestionAnswering:
    """A piece of the context a row. Models are compared by how many answers are exactly right."""

    name: ClassVar[str] = "question-answering"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("exact-match", "answer-f1")
    compared_by: ClassVar[str] = "exact-match"
    baseline: ClassVar[str] = "word-overlap"
    link: ClassVar[str] = "softmax"
    unanswered: ClassVar[str] = "no answer; where none stands in the context, write a space in its place"
    loss = staticmethod(_losses.of_spans)

    def read(self, schema: Schema) -> Schema:
        """The columns with context and question as the only inputs. Raises UsageError where one is missing."""
        for name in (CONTEXT, QUESTION):
            if name not in schema or schema[name].dtype != "String" or schema[name].role == "target":
                told = ", ".join(f"'{column.name}' ({column.dtype})" for column in schema.columns[:8])
                raise UsageError(
                    f"no column of texts is called '{name}'. The columns are: {told}.",
                    where=f"--task {self.name}",
                    fix=f"call the columns {CONTEXT} and {QUESTION}, and name the answers: --target COLUMN",
                )
        changed = []
        for column in schema.columns:
            if column.name in (CONTEXT, QUESTION):
                changed.append(replace(column, kind="text", role="input", reason="it is read"))
            elif column.name == START and column.role != "target":
                changed.append(replace(column, role="place", reason="where the answer begins"))
            elif column.role == "input":
                changed.append(replace(column, role="ignored", reason="a question is answered from its context alone"))
        return schema.changed(changed)

    def placed(self, rows: pl.DataFrame, target: pl.Series) -> pl.Series:
        """(rows,) structs of the answer and the place where it begins; -1 where it is not found."""
        given = rows[START].cast(pl.Int64, strict=False) if START in rows.columns else [None] * len(rows)
        found = [
            _placed(context or "", answer, start)
            for context, answer, start in zip(rows[CONTEXT], _texts(target), given, strict=True)
        ]
        return pl.Series(target.name, found, pl.Struct({_TEXT: pl.String, _BEGIN: pl.Int64}))

    def misplaced(self, rows: pl.DataFrame, target: pl.Series) -> Mapping[int, tuple[str, str]]:
        """Rows whose answer does not stand in the context, or not where it is said to, and those that lack a text."""
        found: dict[int, tuple[str, str]] = {}
        for row, placed in enumerate(target):
            if placed is None or placed[_TEXT] is None:
                continue
            for column in (CONTEXT, QUESTION):
                if not (rows[column][row] or "").strip():
                    found.setdefault(row, (column, f"its {column} is empty"))
            if placed[_BEGIN] < 0 and placed[_TEXT]:
                answer = placed[_TEXT]
                told = answer if len(answer) <= 40 else f"{answer[:37]}..."
                start = rows[START][row] if START in rows.columns else None
                where = "in its context" if start is None else f"at character {start} of its context"
                found.setdefault(row, (target.name, f"its answer, '{told}', does not stand {where}"))
        return found

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """None. Raises DataError for a target that holds no text."""
        if positive is not None:
            raise UsageError("answers have no positive class.", where="--positive", fix="leave it out")
        texts = target.struct.field(_TEXT) if isinstance(target.dtype, pl.Struct) else target
        where = f"column '{target.name}'"
        if texts.dtype.is_nested() or texts.dtype == pl.Binary:
            raise DataError(f"{texts.dtype} is no text.", where=where, fix="choose another --target")
        if _labels.texts(texts).null_count() == len(texts):
            raise DataError("the target has no values.", where=where, fix="choose another --target")
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> PerRow:
        """Ragged float64, see `luban.spans`. target: texts, whose places are not known, or what `placed` gives."""
        if isinstance(target.dtype, pl.Struct):
            texts, begins = target.struct.field(_TEXT).to_list(), target.struct.field(_BEGIN).fill_null(-1).to_list()
        else:
            texts, begins = _texts(target), [spans.UNKNOWN] * len(target)
        return spans.packed(texts, begins, [1.0] * len(texts))

    def outputs(self, classes: tuple[str, ...]) -> int:
        """One piece. Its beginning and its end are two numbers of a network, for each token of the context."""
        return 1

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        assert isinstance(outputs, Ragged), "each row is answered by a piece of its context"
        if outputs.values.dtype != np.uint8:
            outputs = spans.settled(outputs, spans.HALF if threshold is None else threshold)
        return Answers(spans.pieces(outputs), places=spans.places(outputs))


def _texts(target: pl.Series) -> list[str | None]:
    """The answers; empty where a text without a word says that there is none, None where nothing is said."""
    written = target.dtype == pl.String
    return [
        ("" if written and own is not None else None) if text is None else normalize("NFC", text)
        for own, text in zip(target, _labels.texts(target), strict=True)
    ]


def _placed(context: str, answer: str | None, start: int | None) -> dict[str, str | int | None]:
    """Where an answer begins: at the place that is given if it stands there, else at its first one."""
    if answer is None:
        return {_TEXT: None, _BEGIN: None}
    if not answer:
        return {_TEXT: "", _BEGIN: spans.UNKNOWN}
    composed = normalize("NFC", context)
    if start is None:
        return {_TEXT: answer, _BEGIN: composed.find(answer)}
    begin = len(normalize("NFC", context[: max(start, 0)]))
    return {_TEXT: answer, _BEGIN: begin if start >= 0 and composed.startswith(answer, begin) else -1}


task = QuestionAnswering()
