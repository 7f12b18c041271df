"""`luban explain --global`: what a model looks at over many rows, each part with its own error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Answers, Array, Ragged, dense
from luban.bundle.bundle import rebuild_form
from luban.core import files, registry
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.data import encoders, loader, values
from luban.data.loader import sampled
from luban.evidence.overview import Dependence, Overview
from luban.explainers import _dependence, _surrogate
from luban.protocols import Effort, Metric, Pieced
from luban.training import importance as permuting
from luban.verbs import averaging, documents
from luban.verbs.bundle import Bundle, opened
from luban.verbs.explain import background_rows, numbers_of, page_target
from luban.verbs.explained import Output, outputs
from luban.verbs.explaining import UNITS, Question

if TYPE_CHECKING:
    import polars as pl

ROWS = 500
"""Rows that are looked at, at most; drawn by chance of more."""
FOLLOWED = 200
"""Rows whose answers are followed along a column, at most."""
CALLS = 5_000
"""Answers for each row that a part may take, where nothing is said."""
DRAWN = 6
"""Columns whose dependence is told, at most: those that matter most."""
NAMES = ("category", "boolean")
"""Data types whose values are names, even if they are written as numbers."""
PAIRED = 5
"""Columns of which pairs are judged, at most."""


@dataclass(frozen=True, eq=False)
class _Looked:
    """What is looked at.

    frame: rows as the preprocessor reads them. of: how many rows the data has. places: of each column that is no pieces
    where its values lie on a line; None where they are names. target: (rows,) as the task encodes it, or None; why: why
    there is none.
    """

    bundle: Bundle
    question: Question
    frame: pl.DataFrame
    of: int
    output: Output
    places: dict[str, Array | None]
    target: Any
    why: str

    @property
    def seed(self) -> int:
        return self.question.effort.seed

    def score(self, rows: pl.DataFrame) -> Array:
        """(rows,) what is explained of them."""
        return self.output.score(self.bundle.answerer.said(rows))


def explain_overall(
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
) -> Overview:
    """What a model looks at over the rows of `data`.

    Told are: by how much the score falls when a column is shuffled (where the data has the target), how far each unit
    moves answers (the mean of Shapley values without their signs), how the answer follows a column, which pairs of
    columns do together what is no sum, and a small tree that answers like the model. Each has its 95% interval. What
    cannot be told is in `declined`, with the reason.

    rows: numbers of the rows that are looked at; else 500 by chance. output: a class, label or target; else the
    positive class, or the one that is answered most. calls: answers of the model for a row that a part takes, at most.
    html: where a page with pictures goes. All else is as in `explain`.

    Raises UsageError for answers that are no single number, for too few calls (naming the number that would do), and
    for rows or an output that are not there; DataError for rows that do not fit the schema.
    """
    target = None if html is None else page_target(Path(html))
    found = opened(bundle)
    reference = None if background is None else background_rows(found, background, console)
    question = Question(method, output, log_odds, Effort(calls or CALLS, error, seed), reference, units)
    looked = _looked(found, data, rows, question, console)
    overview = _overview(looked, console)
    if target is None:
        return overview
    from luban.reports import explaining

    overview = replace(overview, html=str(target))
    name = "the model" if found.path is None else found.path.stem
    files.write(target, explaining.page(overview.to_json(), name=name).encode())
    return overview


def _overview(looked: _Looked, console: Console) -> Overview:
    """All that is told, part by part."""
    bundle = looked.bundle
    declined: list[tuple[str, str]] = []
    with console.progress("explaining the model", 5) as advance:
        metric, importance = _importance(looked, declined)
        advance(1, "how far units move answers")
        states = [looked.output] * len(looked.frame)
        shares = averaging.moved(
            bundle.answerer, lambda: rebuild_form(bundle.stored), looked.frame, states, looked.question, declined
        )
        advance(2, "how answers follow columns")
        ranked = _ranked(looked, importance, {each.unit: each.value for each in shares.units})
        followed = _followed(looked, ranked[:DRAWN], declined)
        advance(3, "pairs of columns")
        paired = [each.column for each in followed[:PAIRED]]
        pairs = _dependence.interactions(looked.score, looked.frame, paired, seed=looked.seed)
        if not pairs:
            declined.append(("interactions", "fewer than two columns are no text, image, sound or series and vary"))
        advance(4, "a tree like the model")
        tree = _tree(looked)
        if isinstance(tree, str):
            declined.append(("surrogate", tree))
        advance(5, "")
    return Overview(
        output=looked.output.label,
        scale=looked.output.scale,
        rows=len(looked.frame),
        of=looked.of,
        metric=metric,
        importance=tuple(importance),
        method=shares.method,
        reason=shares.reason,
        shap=shares.units,
        dependence=tuple(followed),
        interactions=tuple(pairs),
        surrogate=None if isinstance(tree, str) else tree,
        declined=tuple(declined),
    )


def _looked(
    bundle: Bundle, data: Any, asked: str | Sequence[int] | None, question: Question, console: Console
) -> _Looked:
    """The rows, and what is explained of them."""
    answerer = bundle.answerer
    if answerer.windows is not None:
        raise _single("windows of a series overlap, so they are no rows to average over")
    dataset = documents.opened(data, bundle.recipe, like=answerer.schema, console=console)
    numbers = np.arange(dataset.rows) if asked is None else np.array(numbers_of(asked), np.int64)
    if not len(numbers) or numbers.max() >= dataset.rows:
        message = f"there is no row {numbers.max()}: the last one is {dataset.rows - 1}." if len(numbers) else "no row."
        raise UsageError(message, where=f"--rows, {dataset.where}", fix="rows are counted from 0")
    rows = loader.take(dataset.frame, sampled(numbers, ROWS, derive(question.effort.seed, "overall")))
    frame = answerer.read(rows, where=dataset.where)
    answers = answerer.said(frame)
    if isinstance(answers.prediction, Ragged) or answers.counted is not None:
        raise _single("these answers are texts, tags or documents, of which no single number is the same in all rows")
    output = _asked(bundle, answers, question.output)
    [state] = outputs(answerer, answers.take(np.array([0])), output, log_odds=question.log_odds)
    target, why = _target(bundle, rows)
    places = {
        part.column: None if part.kind in NAMES else _places(frame[part.column])
        for part in encoders.parts(answerer.preprocessor)
        if not isinstance(part.feature, Pieced)
    }
    return _Looked(bundle, question, frame, dataset.rows, state, places, target, why)


def _followed(looked: _Looked, columns: Sequence[str], declined: list[tuple[str, str]]) -> list[Dependence]:
    """How the answer follows each of these columns, over some of the rows."""
    some = sampled(np.arange(len(looked.frame)), FOLLOWED, derive(looked.seed, "followed"))
    found = []
    for column in columns:
        places = looked.places[column]
        told = _dependence.dependence(
            looked.score, looked.frame[some], column, None if places is None else places[some]
        )
        if isinstance(told, str):
            declined.append((f"dependence on '{column}'", told))
        else:
            found.append(told)
    return found


def _places(column: pl.Series) -> Array | None:
    """Where values lie on a line: numbers as they are, times as days since 1970; None for what is neither."""
    import polars as pl

    if column.dtype == pl.String:
        try:
            column = column.str.to_datetime(strict=False)
        except pl.exceptions.ComputeError:
            return None
    found = values.floats(column)
    return found if np.isfinite(found).any() else None


def _single(reason: str) -> UsageError:
    return UsageError(f"{reason}.", where="--global", fix="luban explain BUNDLE DATA explains single rows")


def _asked(bundle: Bundle, answers: Answers, output: str | None) -> str | None:
    """The output that is asked for; else the positive class, or the class that is answered most."""
    if output is not None or answers.parts or answers.probabilities is None:
        return output
    positive = bundle.stored.evidence["evaluation"].get("positive")
    if positive is not None:
        return str(positive)
    shares = dense(answers.probabilities)
    names = bundle.answerer.classes or tuple(str(number) for number in range(shares.shape[1]))
    return names[int(shares.sum(axis=0).argmax())]


def _target(bundle: Bundle, rows: pl.DataFrame) -> tuple[Any, str]:
    """The target of rows as the task encodes it; or None, and why."""
    names = bundle.recipe.targets
    if bundle.stored.facts.get("target") is None:
        return None, "this model has no target to measure by"
    missing = [name for name in names if name not in rows.columns]
    if missing:
        return None, f"the data has no column '{missing[0]}', so no score can fall"
    truth = rows[names[0]] if len(names) == 1 else rows.select(names).to_struct()
    return bundle.answerer.task.encode(truth, bundle.answerer.classes), ""


def _importance(looked: _Looked, declined: list[tuple[str, str]]) -> tuple[str | None, list[dict[str, Any]]]:
    """The metric, and by how much it is worse when each column is shuffled.

    Raises UsageError, naming the number that would do, where columns are too many for the calls.
    """
    answerer = looked.bundle.answerer
    columns = [part.column for part in encoders.parts(answerer.preprocessor)]
    needed, allowed = permuting.REPEATS * len(columns), looked.question.effort.calls
    if allowed is not None and needed > allowed:
        raise UsageError(
            f"to shuffle each of {len(columns):,} columns takes {needed:,} answers for each row, "
            f"of which {allowed:,} are allowed.",
            where="--calls",
            fix=f"--calls {needed} would do",
        )
    if looked.target is None:
        declined.append(("importance", looked.why))
        return None, []
    known = values.known(looked.target, several=len(looked.bundle.recipe.targets) > 1)
    metric: Metric = registry.find("metrics", looked.bundle.recipe.train.metric or answerer.task.compared_by)
    rows = looked.frame.filter(known)
    found = permuting.permutation(
        answerer.said, rows, columns, looked.target[known], metric, seed=derive(looked.seed, "importance")
    ) if known.any() else []  # fmt: skip
    if not found:
        declined.append(("importance", f"{metric.name} is undefined on these rows"))
        return None, []
    return metric.name, found


def _ranked(looked: _Looked, importance: Sequence[dict[str, Any]], moved: dict[str, float]) -> list[str]:
    """The columns that are no pieces: those that move answers most, then those that matter most, then all others."""
    lost = {each["column"]: each["value"] for each in importance}
    return sorted(looked.places, key=lambda column: (-moved.get(column, 0.0), -lost.get(column, 0.0)))


def _tree(looked: _Looked) -> Any:
    """A surrogate of the model, or why there is none."""
    answers = looked.bundle.answerer.said(looked.frame)
    said = answers.prediction if not answers.parts and answers.probabilities is not None else None
    if said is None or dense(said).ndim != 1:
        return _surrogate.surrogate(looked.frame, looked.places, looked.score(looked.frame), (), seed=looked.seed)
    classes = looked.bundle.answerer.classes or tuple(str(each) for each in range(int(dense(said).max()) + 1))
    return _surrogate.surrogate(looked.frame, looked.places, dense(said), classes, seed=looked.seed)
