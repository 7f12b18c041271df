"""From rows and what answers them to explanations: which way is taken, and what is told of each row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array, Inputs
from luban.core import registry
from luban.core.errors import UsageError
from luban.evidence.explanation import Attribution, Explanation
from luban.explainers import _faithfulness
from luban.protocols import Attributed, Cut, Effort, Explainer, Form, Inside, Subject
from luban.runtime import masking
from luban.verbs import last_word
from luban.verbs.explained import Output, outputs

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

AUTO = "auto"
UNITS = 40
"""Pieces of a text, an image, a sound or a series, at most."""


@dataclass(frozen=True)
class Question:
    """What is asked about rows.

    method: a plugin of `explainers`, or auto. output: what is explained, as `explained.outputs` takes it.
    reference: rows whose values stand for what is left out; None for one row about which nothing is known.
    units: pieces of a value, at most.
    """

    method: str = AUTO
    output: str | None = None
    log_odds: bool = False
    effort: Effort = field(default_factory=Effort)
    reference: pl.DataFrame | None = None
    units: int = UNITS


@dataclass(frozen=True)
class Explained:
    """The explanations of some rows, in their order; in a notebook they show themselves.

    cuts: of the rows' columns that are made of pieces, by the number of the row and the name: what is drawn of them.
    html: the page that was written; None where none was asked for.
    """

    explanations: tuple[Explanation, ...]
    cuts: Mapping[tuple[int, str], Cut] = field(default_factory=dict, repr=False, compare=False)
    html: str | None = None

    def __len__(self) -> int:
        return len(self.explanations)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.explanations)

    def __getitem__(self, place: int) -> Explanation:
        return self.explanations[place]

    def to_json(self) -> dict[str, Any]:
        page = {} if self.html is None else {"html": self.html}
        return {"explanations": [each.to_json() for each in self.explanations], **page}

    def page(self, name: str) -> str:
        """One HTML file with a picture and a table of each row; name: of the bundle."""
        from luban.reports import explaining

        return explaining.page(self.to_json(), self.cuts, name=name)

    def _repr_html_(self) -> str:
        from luban.reports import explaining

        return explaining.fragment(self.to_json(), self.cuts)


def explanations(
    answerer: Answerer,
    rebuilt: Callable[[], Form],
    frame: pl.DataFrame,
    numbers: Sequence[int],
    question: Question,
    advance: Callable[[int, str], None] = lambda done, text: None,
) -> Explained:
    """The explanation of each row of `frame`, which is as the preprocessor reads it.

    rebuilt: makes the form that answers. numbers: of the rows, in the data. advance: is told how many rows are done.
    Raises UsageError for a method that cannot explain this model (naming those that can), and for too few calls.
    """
    frame, states = asked_of(answerer, frame, question)
    found: dict[int, Explanation] = {}
    cuts: dict[tuple[int, str], Cut] = {}
    for places, subject in subjects(answerer, rebuilt, frame, numbers, states, question):
        explainer, reason = chosen(subject, question.method)
        for game, each in enumerate(explainer.explain(subject, question.effort)):
            output = states[places[game]]
            told = _told(subject, game, output, each, explainer.name, reason, question.effort.seed)
            found[places[game]] = told
            cuts |= {(numbers[places[game]], column): cut for column, cut in subject.cuts[game].items()}
            advance(len(found), "")
    return Explained(tuple(found[place] for place in range(len(frame))), cuts)


def subjects(
    answerer: Answerer,
    rebuilt: Callable[[], Form],
    frame: pl.DataFrame,
    numbers: Sequence[int],
    states: Sequence[Output],
    question: Question,
) -> Iterator[tuple[list[int], Subject]]:
    """Rows with equally many units together: their places in `frame`, and what an explainer is given of them.

    states: what is explained of each row.
    """
    encoder = answerer.preprocessor
    reference = masking.usual(encoder, frame) if question.reference is None else question.reference
    taken = [
        masking.taken_apart(frame[place : place + 1], encoder, reference, question.units) for place in range(len(frame))
    ]
    alike: dict[int, list[int]] = defaultdict(list)
    for place, row in enumerate(taken):
        alike[len(row.units)].append(place)
    for places in alike.values():
        games, asked = [taken[place] for place in places], [states[place] for place in places]
        named = [numbers[place] for place in places]
        yield places, _subject(answerer, rebuilt, frame[places], games, asked, reference, named)


def chosen(subject: Subject, method: str) -> tuple[Explainer, str]:
    """The explainer of that name, or of those that suit the one that comes first; and why.

    Raises UsageError for one that cannot explain this, naming those that can.
    """
    every = {name: registry.find("explainers", name) for name in registry.names("explainers")}
    if method != AUTO:
        asked: Explainer = registry.find("explainers", method)
        problem = asked.declines(subject)
        if problem is None:
            return asked, "named by --method"
        able = [name for name, each in every.items() if each.declines(subject) is None]
        raise UsageError(
            f"{asked.name} cannot explain this model: {problem}",
            where=f"--method {asked.name}",
            fix=f"of the methods {', '.join(able)} can",
        )
    suited = []
    for name, each in every.items():
        # Those that stand aside are not looked at any further: it may take a library to see what they decline.
        if (place := each.suits(subject)) is not None and each.declines(subject) is None:
            suited.append((place[0], name, place[1]))
    _, name, reason = min(suited)
    return every[name], reason


def _subject(
    answerer: Answerer,
    rebuilt: Callable[[], Form],
    frame: pl.DataFrame,
    games: Sequence[masking.Taken],
    asked: Sequence[Output],
    reference: pl.DataFrame,
    numbers: Sequence[int],
) -> Subject:
    """Rows that have equally many units."""
    encoder = answerer.preprocessor

    def said(inputs: Inputs, game: int) -> Array:
        outputs = asked[game].outputs or answerer.outputs
        return asked[game].score(answerer.task.answers(outputs(inputs), answerer.threshold))

    return Subject(
        frame=frame,
        units=tuple(row.units for row in games),
        cuts=tuple(dict(row.cuts) for row in games),
        numbers=tuple(numbers),
        values=masking.Masking(games, encoder, said, reference),
        answer=lambda rows, game: said(encoder.transform(rows), game),
        said=lambda rows: answerer.named(answerer.said(rows).prediction),
        scale=asked[0].scale,
        task=answerer.task.name,
        inside=Inside(
            rebuilt=rebuilt,
            encoder=encoder,
            places=np.array([each.place for each in asked]),
            step=np.array([each.step for each in asked]),
            usual=reference,
        ),
    )


def asked_of(answerer: Answerer, frame: pl.DataFrame, question: Question) -> tuple[pl.DataFrame, list[Output]]:
    """The rows whose units are looked at, and what is explained of the answer to each."""
    if answerer.task.name == last_word.TASK:
        return last_word.asked(answerer, frame, question.output, log_odds=question.log_odds)
    return frame, outputs(answerer, answerer.said(frame), question.output, log_odds=question.log_odds)


def _told(
    subject: Subject, game: int, output: Output, found: Attributed, method: str, reason: str, seed: int
) -> Explanation:
    """The explanation of one row: the largest attributions first, and whether the model agrees."""
    total = float(found.values.sum())
    errors = [None] * subject.count if found.errors is None else found.errors.tolist()
    listed = [
        Attribution(unit, float(value), error)
        for unit, value, error in zip(subject.units[game], found.values, errors, strict=True)
    ]
    return Explanation(
        row=subject.numbers[game],
        output=output.label,
        prediction=output.prediction,
        value=found.whole,
        base_value=found.base,
        scale=found.scale,
        method=method,
        reason=reason,
        calls=found.calls,
        attributions=tuple(sorted(listed, key=lambda each: -abs(each.attribution))),
        completeness_error=abs(total + found.base - found.whole) if found.complete else None,
        faithfulness=_faithfulness.check(subject.values, game, found.values, seed=seed),
        more=found.more,
    )
