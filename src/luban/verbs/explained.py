"""What is explained of an answer: the probability of a class, a value, a step of a forecast, the tag of a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from luban.batch import Answers, Array, Inputs, PerRow, Ragged, dense
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.evidence.explanation import Scale

if TYPE_CHECKING:
    from luban.verbs.answering import Answerer

Score: TypeAlias = Callable[[Answers], Array]
"""(rows,) float64 of the answers of rows."""

_OUTSIDE = "O"
"""The tag of a word that is none of what is looked for."""
_NEVER = 1e-12
"""Probabilities are kept so far from 0 and 1, where their log-odds have no end."""


@dataclass(frozen=True)
class Output:
    """One number of an answer. label: what it is called. prediction: the whole answer, as a person reads it.

    place: which number of what the model gives out it is, before anything decodes it; -1 where it is no single one.
    step: of an answer to each step of a row which step is meant; else -1.
    outputs: what the model gives out for encoded rows, where that is more than the answer to them.
    """

    label: str
    prediction: Any
    scale: Scale
    score: Score
    place: int = -1
    step: int = -1
    outputs: Callable[[Inputs], PerRow] | None = None

    def in_log_odds(self) -> Output:
        """The log-odds of what is a probability. Raises UsageError for what is none."""
        if self.scale != "probability":
            raise UsageError("these answers are no probabilities.", where="--log-odds", fix="leave --log-odds out")
        score = self.score

        def moved(answers: Answers) -> Array:
            share = np.clip(score(answers), _NEVER, 1 - _NEVER)
            return np.asarray(np.log(share / (1 - share)))

        return replace(self, scale="log-odds", score=moved)


def outputs(answerer: Answerer, answers: Answers, asked: str | None, *, log_odds: bool = False) -> list[Output]:
    """What is explained of the answer to each row.

    asked: a class, label, cluster, target (or target=class), the number of a step or of a word from 1 on; where nothing
    is asked, the class that is answered, the likeliest label, the first target, the first step, the first word that is
    tagged as something.
    Raises UsageError for what the answers do not have.
    """
    found = [_output(answerer, answers.take(np.array([row])), asked) for row in range(len(answers))]
    return [each.in_log_odds() for each in found] if log_odds else found


def _output(answerer: Answerer, answers: Answers, asked: str | None) -> Output:
    """answers: of one row."""
    if answers.parts:
        return _of_target(answerer, answers, asked)
    if answerer.windows is not None:
        return _of_step(dense(answers.prediction)[0], asked)
    [prediction] = answerer.named(answers.prediction)
    if answers.places is not None:
        _nothing_else(asked, "the piece of the text that is answered")
        return Output(str(prediction), prediction, "probability", _same_piece(str(prediction)))
    if isinstance(answers.prediction, Ragged):
        if isinstance(answers.probabilities, Ragged):
            return _of_word(answerer.classes, prediction, asked)
        _nothing_else(asked, "how like the text stays")
        return Output("the text", prediction, "score", _alike(str(prediction)))
    if answers.counted is not None:
        _nothing_else(asked, "the mean log probability of a token")
        return Output("log probability of a token", prediction, "score", _likely)
    if answers.probabilities is not None:
        names = answerer.classes or tuple(str(n) for n in range(dense(answers.probabilities).shape[1]))
        return _of_class(names, answers, prediction, asked)
    anomaly = answerer.task.name == "anomaly"
    target = answerer.schema.one("target")
    label = "score" if anomaly or target is None else target.name
    _nothing_else(asked if asked != label else None, f"'{label}'")
    return Output(label, prediction, "score" if anomaly else "value", lambda each: dense(each.prediction), 0)


def _of_target(answerer: Answerer, answers: Answers, asked: str | None) -> Output:
    name, _, inner = (asked or "").partition("=")
    names = [target.name for target in answerer.targets]
    if name and name not in names:
        raise UsageError(f"no target is called '{name}'. {did_you_mean(name, names)}", where="--output")
    number = names.index(name) if name else 0
    target, said = answerer.targets[number], answers.parts[number]
    first = sum(each.outputs for each in answerer.targets[:number])
    prediction = answerer.of_targets(answers)[target.name][0]
    if said.probabilities is None:
        _nothing_else(inner or None, f"'{target.name}', a value")
        found = Output(target.name, prediction, "value", lambda each: dense(each.prediction), 0)
    else:
        found = _of_class(target.classes, said, prediction, inner or None)
    score = found.score
    label = target.name if said.probabilities is None else f"{target.name}={found.label}"
    return Output(label, prediction, found.scale, lambda each: score(each.parts[number]), first + found.place)


def _of_class(names: Sequence[str], answers: Answers, prediction: Any, asked: str | None) -> Output:
    shares = dense(answers.probabilities)[0]
    if asked is None:
        code = int(dense(answers.prediction)[0]) if dense(answers.prediction).ndim == 1 else int(shares.argmax())
    elif asked in names:
        code = list(names).index(asked)
    else:
        raise UsageError(f"no class is called '{asked}'. {did_you_mean(asked, list(names))}", where="--output")
    return Output(names[code], prediction, "probability", lambda each: dense(each.probabilities)[:, code], code)


def _of_step(values: Array, asked: str | None) -> Output:
    step = _number(asked, len(values), "step")
    label = f"step {step + 1}"
    return Output(label, values.tolist(), "value", lambda each: dense(each.prediction)[:, step], step)


def _of_word(names: Sequence[str], prediction: Sequence[str], asked: str | None) -> Output:
    if not prediction:
        raise UsageError("a row without words has nothing to explain.", where="--rows", fix="leave that row out")
    said = next((place for place, tag in enumerate(prediction) if tag != _OUTSIDE), 0)
    word = said if asked is None else _number(asked, len(prediction), "word")
    code = list(names).index(prediction[word])

    def score(each: Answers) -> Array:
        assert isinstance(each.probabilities, Ragged), "each word is answered"
        return np.asarray(each.probabilities.values[each.probabilities.offsets[:-1] + word, code])

    label = f"word {word + 1}: {prediction[word]}"
    return Output(label, " ".join(prediction), "probability", score, code, word)


def _same_piece(text: str) -> Score:
    """The probability of the answer, where it is the same piece; else 0."""

    def score(each: Answers) -> Array:
        assert isinstance(each.prediction, Ragged) and each.places is not None, "each answer is a piece of a text"
        same = np.array([said == text for said in each.prediction.texts()])
        return np.asarray(np.where(same, each.places[:, 1], 0.0))

    return score


def _alike(text: str) -> Score:
    """How like what is written is to the text: twice the characters in common over all (Ratcliff and Obershelp)."""

    def score(each: Answers) -> Array:
        assert isinstance(each.prediction, Ragged), "each answer is a text"
        return np.array([SequenceMatcher(None, text, said, False).ratio() for said in each.prediction.texts()])

    return score


def _likely(each: Answers) -> Array:
    assert each.counted is not None, "a language model counts what it was asked for"
    return np.asarray(-each.counted[:, 0] / np.maximum(each.counted[:, 1], 1))


def _number(asked: str | None, count: int, what: str) -> int:
    if asked is None:
        return 0
    if asked.isdecimal() and 1 <= int(asked) <= count:
        return int(asked) - 1
    raise UsageError(f"'{asked}' is no {what} of 1 to {count}.", where="--output", fix="for example --output 1")


def _nothing_else(asked: str | None, what: str) -> None:
    if asked is not None:
        raise UsageError(
            f"these answers have no '{asked}': what is explained is {what}.",
            where="--output",
            fix="leave --output out",
        )
