"""`luban explain`: why rows are answered as they are, how sure that is, and whether the model agrees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.bundle.bundle import rebuild_form
from luban.core import files
from luban.core.console import SILENT, Console
from luban.core.errors import DataError, UsageError
from luban.protocols import Effort
from luban.verbs.bundle import Bundle, opened
from luban.verbs.explaining import UNITS, Explained, Question, explanations

if TYPE_CHECKING:
    import polars as pl

ROWS = 10
"""Rows that are explained where none are named: the first ones."""
MOST_BACKGROUND = 100
"""Rows of a background that are used, evenly spaced: each call of the model answers all of them."""


def explain(
    bundle: Bundle | str | Path,
    data: Any,
    *,
    rows: str | Sequence[int] | None = None,
    method: str = "auto",
    output: str | None = None,
    log_odds: bool = False,
    calls: int | None = None,
    error: float | None = None,
    background: Any = None,
    units: int = UNITS,
    seed: int = 0,
    html: str | Path | None = None,
    console: Console = SILENT,
) -> Explained:
    """Why the rows of `data` are answered as they are: what each unit of a row adds to the answer.

    rows: their numbers, from 0, as a list or as text such as `0,5,10-19`; the first ten where none are named.
    method: a plugin of `explainers`, or auto: what is exact for the model, else Shapley values by asking it.
    output: what is explained: a class, a label, a target, the number of a step or a word; else what is answered.
    log_odds: explain the log-odds of a class instead of its probability.
    calls: rows that the model is asked for each row, at most. error: the standard error that is enough.
    background: rows with the same columns, whose values stand in the place of what is left out, instead of usual ones.
    units: pieces of a text, an image, a sound, or a series, at most.
    html: a file to write, with pictures: one HTML page that needs no network.

    Raises UsageError for a method that cannot explain this model (naming those that can), for too few calls (naming the
    number that would do), and for rows or an output that are not there; DataError for rows that do not fit the schema.
    """
    target = None if html is None else page_target(Path(html))
    found = opened(bundle)
    numbers, frame = _chosen(found, data, rows, console)
    question = Question(
        method=method,
        output=output,
        log_odds=log_odds,
        effort=Effort(calls, error, seed),
        reference=None if background is None else background_rows(found, background, console),
        units=units,
    )
    with console.progress("explaining rows", len(frame)) as advance:
        told = explanations(found.answerer, lambda: rebuild_form(found.stored), frame, numbers, question, advance)
    if target is None:
        return told
    files.write(target, told.page(found.path.stem if found.path is not None else "the model"))
    return replace(told, html=str(target))


def page_target(target: Path) -> Path:
    """A place for a file. Raises UsageError for a folder, and where there is none to put it in."""
    if target.is_dir():
        raise UsageError("a folder lies here.", where=f"--html {target}", fix=f"--html {target / 'explained.html'}")
    if not target.parent.is_dir():
        raise UsageError("there is no such folder.", where=f"--html {target}", fix=f"mkdir -p {target.parent}")
    return target


def numbers_of(asked: str | Sequence[int]) -> list[int]:
    """The numbers of rows in a text such as `0,5,10-19`, in its order. Raises UsageError for another text.

    >>> numbers_of("0,5,10-12")
    [0, 5, 10, 11, 12]
    """
    if not isinstance(asked, str):
        return [int(number) for number in asked]
    found: list[int] = []
    for part in asked.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise UsageError(f"'{part.strip()}' names no rows.", where="--rows", fix="for example --rows 0,5,10-19")
        found += range(int(first), int(last if dash else first) + 1)
    return list(dict.fromkeys(found))


def _chosen(
    bundle: Bundle, data: Any, asked: str | Sequence[int] | None, console: Console
) -> tuple[list[int], pl.DataFrame]:
    """The numbers of the rows that are explained, and the rows as the preprocessor reads them."""
    from luban.verbs import documents, forecasts

    answerer = bundle.answerer
    dataset = documents.opened(data, bundle.recipe, like=answerer.schema, console=console)
    numbers = list(range(ROWS)) if asked is None else numbers_of(asked)
    if answerer.windows is not None:
        frame = forecasts.latest(answerer, dataset.frame.collect(), where=dataset.where)
    else:
        frame = dataset.frame.head(max(numbers, default=0) + 1).collect()
    if asked is None:
        numbers = numbers[: len(frame)]
        if len(numbers) == ROWS:
            console.say(f"the first {ROWS} rows are explained; --rows names others, such as --rows 0,5,10-19")
    beyond = [number for number in numbers if number >= len(frame)]
    if beyond or not numbers:
        raise UsageError(
            f"there is no row {beyond[0]}: the last one is {len(frame) - 1}." if beyond else "there is no row.",
            where=f"--rows, {dataset.where}",
            fix="rows are counted from 0",
        )
    rows = frame[numbers]
    if answerer.windows is None:
        rows = answerer.read(rows, where=dataset.where)
    return numbers, rows


def background_rows(bundle: Bundle, data: Any, console: Console) -> pl.DataFrame:
    """Rows of a background, evenly spaced where there are many.

    Raises DataError, naming the background, for rows that do not fit the schema.
    """
    from luban.verbs import documents

    answerer = bundle.answerer
    if answerer.windows is not None:
        raise UsageError("windows of series have no background.", where="--background", fix="leave --background out")
    try:
        dataset = documents.opened(data, bundle.recipe, like=answerer.schema, console=console)
        rows = dataset.frame.collect()
        found = answerer.read(rows, where=dataset.where)
    except DataError as problem:
        where = f"the background {problem.where or ''}".strip()
        raise DataError(problem.message, where=where, fix=problem.fix) from None
    if not len(found):
        raise DataError("there is no row.", where=f"the background {dataset.where}")
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_BACKGROUND)).round().astype(int))
    return found[places]
