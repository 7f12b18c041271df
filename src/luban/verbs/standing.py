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
from luban.core.seed import derive
from luban.data.dataset import Dataset
from luban.evidence.measurement import Measurement
from luban.forms.network import build
from luban.protocols import Continuing, Form, Metric
from luban.recipe.recipe import Candidate
from luban.training import allocating, packing
from luban.training.inside import inside
from luban.training.measuring import measure
from luban.training.settings import settings
from luban.training.unit import WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder
from luban.training.worker import fit_unit
from luban.verbs import encoding, ending, forgetting
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
        if stood.weights:
            # The model as it was took as long as what comes of it will.
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


def as_it_was(asked: Candidate) -> Candidate | None:
    """What a pretrained model that goes on with its own task was before; None for any other one."""
    model = registry.find("models", asked.model)
    return model.as_it_was(settings(asked)) if isinstance(model, Continuing) else None


@dataclass(frozen=True)
class Counted:
    """What counts of the same tokens say of held-out texts. model: that counts. figure: theirs, beside what answers."""

    model: str
    figure: Measurement

    @property
    def reason(self) -> str:
        """In words."""
        more, figure = self.figure.difference, self.figure
        assert more is not None, "it stands beside what answers"
        return (
            f"counts of the same tokens ({self.model}) have {figure.value:.4g} {figure.metric}, "
            f"{more.value:+.3g} [{more.low:.3g}, {more.high:.3g}] beside it"
        )

    def line(self) -> dict[str, Any]:
        """As a candidate that was looked at."""
        told = {"label": self.model, "model": self.model, "settings": {}, "value": self.figure.value}
        return {**told, "status": "finished", "reason": f"{self.figure.metric} of counts of the same tokens"}


def counted_beside(ground: Ground, target: Any, answering: Candidate, answers: Answers) -> Counted | None:
    """Counts of the same tokens beside what answers; None where these are the simplest model, or chats are learned.

    target: the bytes of the held-out texts. answering, answers: what answers, and what it says of them.
    """
    prepared = ground.prepared
    counting = Candidate(model=prepared.task.baseline)
    if counts(prepared, ground.simple) or not packing.packs(prepared.task.name):
        return None
    fit_unit(ground.folder, ground.training, Unit(counting, WHOLE), threads=1)
    metric: Metric = registry.find("metrics", prepared.task.compared_by)
    figure = measure(
        metric, target, ground.answers(counting, ground.folder.form(Unit(counting, WHOLE))),
        groups=groups_of(prepared), split="test", baseline=(answering.model, answers),
        seed=derive(prepared.recipe.seed, "interval", "counts"),
    )  # fmt: skip
    return Counted(counting.model, figure)


def counts(prepared: Prepared, simple: Candidate) -> bool:
    """Whether the simplest model counts tokens; else it is a pretrained one as it was."""
    return packing.packs(prepared.task.name) and simple.model == prepared.task.baseline


def groups_of(prepared: Prepared) -> Any:
    """(held-out texts,) which of them belong together; None where nothing says so."""
    groups = prepared.division.groups
    return None if groups is None else groups[encoding.test_rows(prepared)]


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
