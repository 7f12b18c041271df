"""What stands beside a language model: what the simplest one says of held-out texts, and of raw text before anything is
learned. Where time is short it is asked before the training, so that it is known what is still to come (`ending`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from luban import collate
from luban.batch import Answers, Batch, Inputs, Ragged, Tensors, ragged
from luban.core import registry
from luban.core.deadline import Deadline
from luban.data import chats
from luban.data.dataset import Dataset
from luban.forms.network import build
from luban.protocols import Form
from luban.recipe.recipe import Candidate
from luban.training import allocating
from luban.training.inside import inside
from luban.training.settings import settings
from luban.training.unit import WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder
from luban.verbs import ending, forgetting
from luban.verbs.ending import Clock, Ending
from luban.verbs.preparing import Prepared

LOOKED = 0.1
"""Share of the time that the look at raw text may take before the training; it is left out where it would take more."""
SOME, CUT = 4, 1_024
"""Held-out texts, and tokens of each from its beginning, by which it is seen how long all of them take."""


@dataclass(frozen=True)
class Stood:
    """answers: of the simplest model to the held-out texts. kept: what raw text costs it; None where nobody looked.

    weights: bytes of its network; 0 where it is none. seconds: that the answers took.
    """

    answers: Answers
    kept: forgetting.Before | None
    weights: int
    seconds: float


@dataclass(frozen=True)
class Ground:
    """Where it stands. simple: the candidate. reader: of raw texts, where a model for chats may forget them; remember:
    those that a person names. clock: seconds.
    """

    prepared: Prepared
    training: Training
    folder: WorkFolder
    simple: Candidate
    reader: forgetting.Reader | None
    remember: Dataset | None
    clock: Clock = field(default=time.monotonic)

    @property
    def tested(self) -> Batch:
        """The held-out texts as networks see them."""
        return self.training.seen_by(self.simple).batch.take(self.training.test)

    def answers(self, candidate: Candidate, form: Form) -> Answers:
        """What a form says of the held-out texts."""
        seen = self.training.seen_by(candidate)
        return self.prepared.task.answers(form.outputs(seen.batch.inputs[self.training.test]))

    def stood(self, look_until: Deadline, within: float | None = None) -> Stood:
        """What the simplest model says, which was fitted before; its memory goes back.

        within: seconds of the run; the look at raw text is then left out where it would take too large a share.
        """
        form = self.folder.form(Unit(self.simple, WHOLE))
        began = self.clock()
        answers = self.answers(self.simple, form)
        seconds = self.clock() - began
        kept = None
        if self.reader is not None and (within is None or self._looking(seconds) <= LOOKED * within):
            ends = settings(self.simple).origin.ends  # type: ignore[attr-defined]
            kept = forgetting.before(self.reader, form, ends, self.remember, look_until, self.prepared.recipe.seed)
        weights = ending.weights_of(getattr(getattr(form, "network", None), "weights", {}))
        del form
        allocating.give_back()
        return Stood(answers, kept, weights, seconds)

    def foretold(self, asked: Candidate, stood: Stood) -> Ending:
        """What follows the training of a candidate, by what was measured. stood: before it."""
        texts, weights = len(self.training.test), stood.weights
        if chats.asks(self.prepared.task.name):
            answering = ending.of_all(texts, stood.seconds)
        else:
            form = fresh(asked, self.training)
            weights = ending.weights_of(form.network.weights)
            some = _beginnings(self.tested.inputs)
            began = self.clock()
            form.outputs(some)
            taken = self.clock() - began
            ((_, read),) = some.parts.items()
            answering = ending.of_some(texts, int(self._lengths().sum()), ragged(read).lengths.tolist(), taken)
            del form
            allocating.give_back()
        again = 0.0 if stood.kept is None else stood.kept.seconds
        return ending.foretold(answering, again, weights, ending.pace_of_writing(self.folder.path, self.clock))

    def _lengths(self) -> Any:
        ((_, rows),) = self.tested.inputs.parts.items()  # type: ignore[union-attr]
        return ragged(rows).lengths

    def _looking(self, seconds: float) -> float:
        """How long it takes to look at raw text, as the answers to held-out texts took so long."""
        each = seconds / max(int(self._lengths().sum()), 1)
        if self.remember is not None:
            return each * forgetting.PIECES * forgetting.LONGEST
        # A step writes one token of each text, and reads little at once.
        return 2 * each * forgetting.PIECES * forgetting.OWN


def fresh(candidate: Candidate, training: Training) -> Any:
    """The form of a network with fresh weights: it says nothing, in the time that a trained one takes."""
    import torch

    seen = training.seen_by(candidate)
    within = inside(seen.batch, seen.work, candidate)
    with torch.random.fork_rng(devices=[]):
        module = build(candidate.model, candidate.settings, within.work)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    network: Any = registry.find("forms", "network")(
        candidate.model, dict(candidate.settings), within.work, weights, "identity"
    )
    return within.outer(network)


def _beginnings(inputs: Inputs) -> Tensors:
    """The beginnings of texts from all over."""
    ((name, rows),) = collate.parts(inputs).items()
    texts = ragged(rows)
    some = np.unique(np.linspace(0, len(texts) - 1, min(SOME, len(texts))).round().astype(np.int64))
    return Tensors({name: Ragged.of([texts[some[at : at + 1]].values[:CUT] for at in range(len(some))])})
