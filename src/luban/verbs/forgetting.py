"""Forgetting: what raw text costs a language model before it learned chats or went on with other text, and after.

The text is one that a person names, or what the model wrote itself before. Of its own texts the rise is an estimate of
how far it went from what it was: the mean of log p - log q over what is drawn from p is the Kullback-Leibler divergence
of q from p, a token. Nothing is learned from either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Answers, Array, Ragged, Tensors
from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.errors import DataError
from luban.core.seed import derive
from luban.data import chats, roles
from luban.data.dataset import Dataset
from luban.evidence.finding import Finding
from luban.evidence.judgement import Earlier, Judgement, Told
from luban.evidence.measurement import Measurement
from luban.features import chat
from luban.features.text.byte_pairs import MARKS
from luban.models._begun import UNTOUCHED
from luban.protocols import Condition, Form, Metric, State
from luban.recipe.recipe import Recipe
from luban.training.measuring import measure

CONDITION, METRIC, TASK = "catastrophic-forgetting", "text-loss", "causal-lm"
PIECES = 64
"""Stretches of raw text that are looked at."""
LONGEST, OWN = 64, 32
"""Tokens of a stretch of a person's text, at most, and of one that the model writes, which takes a step for each."""
SHORTEST = 8
"""Tokens below which a stretch is left out: its first ones have nothing before them."""
TOGETHER = 8
"""Stretches between two looks at the time."""
BEGINNINGS = (
    "The", "A", "In", "When", "It", "There", "This", "After", "For", "If", "One", "On", "As", "We", "He", "She",
    "Many", "At", "To", "They", "Some", "During", "While", "With", "From", "By", "You", "Most", "How", "What", "People",
    "Two",
)  # fmt: skip
"""How texts begin that a model writes itself."""
LATE = "the time was over before raw text could be read"


@dataclass(frozen=True)
class Text:
    """Stretches of raw text as tokens. groups: (stretches,) which of them are of one document. how: in words."""

    pieces: tuple[Array, ...]
    groups: Array
    how: str


@dataclass(frozen=True)
class Before:
    """What raw text cost before. counted: (stretches, 2), the sum of -log p and how many tokens; seconds: it took."""

    text: Text
    counted: Array
    seconds: float


@dataclass(frozen=True)
class Reader:
    """How a column of chats, or of raw text, is seen by a network: its name among the inputs, and its state."""

    name: str
    state: State
    task: str

    def costs(self, form: Form, text: Text, until: Deadline) -> Array | None:
        """(stretches, 2) float64: the sum of -log p over the tokens behind the first, and how many they are.

        None where the time was over.
        """
        pairs = self.task == chats.PREFERENCE
        found = np.zeros((len(text.pieces), 2))
        found[:, 1] = [len(piece) - 1 for piece in text.pieces]
        for first in range(0, len(text.pieces), TOGETHER):
            if until.left() <= 0:
                return None
            some = text.pieces[first : first + TOGETHER]
            said = np.asarray(form.outputs(Tensors({self.name: self._rows(some)})))
            # Of pairs it says log p itself.
            found[first : first + TOGETHER, 0] = -said[:, 0] if pairs else said[:, 0]
        return found

    def _rows(self, pieces: Sequence[Array]) -> Ragged:
        """Stretches of raw text as the network sees them."""
        if not chats.asks(self.task):
            return Ragged.of([(piece + len(MARKS)).astype(np.int32) for piece in pieces])
        return chat.all_said(pieces, int(self.state.values["vocabulary"]), pairs=self.task == chats.PREFERENCE)

    def named(self, dataset: Dataset) -> Text:
        """Stretches of the documents of a person, from all over them. Raises DataError where they have no words."""
        schema = registry.find("tasks", TASK).documents(roles.assign(dataset, Recipe(task=TASK)))
        (column,) = schema.inputs
        texts = dataset.frame.select(pl.col(column.name).cast(pl.String).fill_null("")).collect().to_series()
        stretches: list[tuple[int, Array]] = []
        for number, tokens in enumerate(chat.cut(texts.to_list(), self.state)):
            starts = range(0, len(tokens), LONGEST)
            stretches += [(number, tokens[at : at + LONGEST]) for at in starts if len(tokens) - at >= SHORTEST]
        if len(stretches) < 2:
            raise DataError(
                f"it has {len(stretches)} stretches of {SHORTEST} tokens or more, too few to be measured on.",
                where=f"--remember {dataset.where}",
                fix="name a longer text",
            )
        chosen = np.unique(np.linspace(0, len(stretches) - 1, PIECES).round().astype(int))
        pieces = tuple(stretches[place][1] for place in chosen)
        groups = np.array([stretches[place][0] for place in chosen])
        return Text(pieces, groups, f"{len(pieces)} stretches of {dataset.name}, of at most {LONGEST} tokens")

    def written(self, form: Any, ends: Sequence[int], until: Deadline, seed: int) -> Text | None:
        """Texts that the model of a form writes itself; None where the time was over."""
        import torch

        first = [tokens[0] for tokens in chat.cut(BEGINNINGS, self.state) if len(tokens)]
        begin = torch.tensor([int(first[place % len(first)]) for place in range(PIECES)])
        draw = torch.Generator().manual_seed(derive(seed, "forgetting") % (1 << 63))
        rows = [begin]
        for tokens in form.module.goes_on(begin, ends, draw):
            rows.append(tokens)
            if until.left() <= 0:
                return None
            if len(rows) == OWN:
                break
        pieces = torch.stack(rows, dim=1).numpy()
        how = f"{PIECES} texts of {OWN} tokens that the model wrote itself before"
        return Text(tuple(pieces), np.arange(PIECES), how)


def before(
    reader: Reader, form: Form, ends: Sequence[int], remember: Dataset | None, until: Deadline, seed: int
) -> Before | None:
    """What raw text costs the model as it was; None where the time was over.

    ends: the tokens that end an answer. remember: the documents of a person; None for what the model writes itself.
    """
    text = reader.written(form, ends, until, seed) if remember is None else reader.named(remember)
    if text is None:
        return None
    began = time.monotonic()
    counted = reader.costs(form, text, until)
    return None if counted is None else Before(text, counted, time.monotonic() - began)


@dataclass(frozen=True)
class Forgotten:
    """What became of it: the figure, what the doctor says of it, and why where it could not be looked at."""

    measurements: tuple[Measurement, ...] = ()
    findings: tuple[Finding, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()


def after(
    reader: Reader, form: Form, said: Before | None, until: Deadline, *, model: str, rate: Any, seed: int
) -> Forgotten:
    """The same text beside what it cost before. model: what answers now. rate: the learning rate of the training."""
    counted = None if said is None or until.left() < said.seconds else reader.costs(form, said.text, until)
    if said is None or counted is None:
        return Forgotten(not_run=((CONDITION, LATE),))
    metric: Metric = registry.find("metrics", METRIC)
    sizes = np.ones(len(counted))
    found = measure(
        metric, sizes, _answers(counted),
        groups=said.text.groups, split="given", baseline=(UNTOUCHED, _answers(said.counted)),
        seed=derive(seed, "interval", METRIC),
    )  # fmt: skip
    figure = replace(found, how=f"on {said.text.how}, from which nothing was learned; {found.how}")
    judgement = Judgement(
        task=reader.task,
        classes=(),
        model=model,
        held_out=Told(sizes, counted),
        split="given",
        settings={"train.learning_rate": rate},
        earlier=Earlier(TASK, sizes, said.counted, counted),
        seed=seed,
    )
    condition: Condition = registry.find("conditions", CONDITION)
    try:
        return Forgotten((figure,), tuple(condition.examine(judgement)))
    except ValueError as reason:
        # A condition says so, in words, where the rows do not allow a judgement.
        return Forgotten((figure,), not_run=((CONDITION, str(reason)),))


def _answers(counted: Array) -> Answers:
    return Answers(counted[:, 0] / counted[:, 1], counted=counted)
