"""A unit of work that trains a network: its rows, its seed and what was decided, found in the folder of the run.

Whoever trains it, one process or each of several, comes through here and does the same.
"""

from __future__ import annotations

import signal
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from luban.batch import Batch
from luban.core.seed import derive
from luban.evidence.trace import Trace
from luban.recipe.recipe import Candidate
from luban.training import halving
from luban.training.checkpoint import GOOD, Checkpoints, Saved
from luban.training.choices import Choices
from luban.training.distributed import ALONE, Team
from luban.training.pausing import Pause
from luban.training.request import Asked
from luban.training.unit import WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder

if TYPE_CHECKING:
    from luban.training.gradient import Trained
    from luban.training.room import Room

CHECKPOINTS, TOGETHER = "checkpoints", "together"
"""Folders of what a training leaves on its way."""


@dataclass(frozen=True)
class NetworkFit:
    """A network that is to be trained. training: as its candidate sees the rows. until: when the time is over, on the
    clock of `time.monotonic`; None without a limit. resumes: whether its checkpoints are kept, and gone on from, and
    its history told. room: the memory that it is kept within; None for any.
    """

    folder: WorkFolder
    training: Training
    unit: Unit
    until: float | None = None
    resumes: bool = True
    room: Room | None = None

    def order(self, pause: Pause | None) -> dict[str, Any]:
        """What other processes are told, so that they take part in it, as JSON values."""
        told = {"unit": self.unit.to_json(), "until": self.until, "resumes": self.resumes}
        return {**told, "pause": None if pause is None else pause.to_json()}

    @classmethod
    def ordered(
        cls, folder: WorkFolder, name: str, seed: int, order: Mapping[str, Any]
    ) -> tuple[NetworkFit, Pause | None]:
        """The fit that `order` told of, and when it pauses. folder, name, seed: where its rows lie."""
        unit = Unit.from_json(order["unit"])
        training = folder.training(name, seed).seen_by(unit.candidate)
        return cls(folder, training, unit, order["until"], order["resumes"]), Pause.from_json(order["pause"])

    def of(self, candidate: Candidate) -> NetworkFit:
        """The same fit of another candidate."""
        return replace(self, unit=replace(self.unit, candidate=candidate))

    @property
    def place(self) -> Path:
        """Where what it leaves on its way lies."""
        return self.folder.networks.place(self.unit)

    @property
    def seed(self) -> int:
        return derive(self.training.seed, "fit", self.unit.candidate.label, self.unit.part, self.unit.repeat)

    def rows(self) -> Batch:
        return _rows(self.training, self.unit.part, self.unit.repeat)

    def choices(self, seconds: float | None = None) -> Choices:
        """What is open in its training, decided: once, by whoever comes first, and then found again.

        seconds: wall time for it.
        """
        from luban.training import deciding

        seen, candidate = self.training, self.unit.candidate

        def decide() -> dict[str, Any]:
            # On the same rows, with a seed of the candidate's own: whichever unit comes first decides alike.
            rows = _rows(seen, 0 if seen.one_part else WHOLE, 0)
            own = derive(seen.seed, "deciding", candidate.label)
            asked, reasons = candidate, dict[str, str]()
            while True:
                try:
                    found = deciding.decide(
                        rows,
                        seen.work,
                        asked,
                        seen.train,
                        seed=own,
                        seconds=seconds,
                        cut_short=seen.one_fit,
                        room=self.room,
                    )
                    return replace(found, reasons={**found.reasons, **reasons}).to_json()
                except (RuntimeError, MemoryError) as error:
                    if not halving.ran_out(error):
                        raise
                sizes = deciding.sizes_of(rows, seen.work, asked, seen.train)
                smaller, reasons = halving.halved(sizes, candidate.model)
                asked = asked.model_copy(update={"train": {**asked.train, **{k: getattr(smaller, k) for k in reasons}}})

        return Choices.from_json(self.folder.networks.decided(candidate, decide))

    def tell_choices(self) -> None:
        """Tells the history what was decided, and why."""
        choices, candidate = self.choices(), self.unit.candidate
        told = {"unit": self.unit.name, "label": candidate.label, "choices": choices.chosen()}
        self.folder.tell({**told, "reasons": dict(choices.reasons)})

    def halve(self, choices: Choices) -> None:
        """Writes down that a step of these choices did not fit into memory, unless another process did before."""
        train, reasons = halving.halved(choices.train, self.unit.candidate.model)
        if self.choices() == choices:
            told = replace(choices, train=train, reasons={**choices.reasons, **reasons})
            self.folder.networks.decide_anew(self.unit.candidate, told.to_json())
            self.folder.tell({"unit": self.unit.name, "memory": reasons["batch_size"]})

    def good(self) -> Saved | None:
        """The state at the last mark at which no fault was seen, where there is one."""
        return Checkpoints(self._states(self.choices()) / GOOD).latest() if self.resumes else None

    def go_on_from(self, state: Saved) -> None:
        """Lets a training that has not begun go on from where another one was."""
        own = Checkpoints(self._states(self.choices()))
        if own.latest() is None:
            own.write(state)
            own.wait()

    def _states(self, choices: Choices) -> Path:
        # What was begun with larger steps is not gone on with.
        return self.place / CHECKPOINTS / f"{choices.train.batch_size}x{choices.train.accumulate}"

    def run(
        self,
        interrupted: Callable[[], bool],
        team: Team = ALONE,
        *,
        trace: Trace | None = None,
        pause: Pause | None = None,
    ) -> Trained:
        """The trained network; its checkpoints are found again. Steps that do not fit into memory are halved.

        trace, pause: see `request.Asked`.

        Raises ResourceError where one row does not fit. Among several processes it raises what memory ran out with,
        and whoever starts them again finds steps that are halved.
        """
        while True:
            choices = self.choices()
            try:
                return self._fit(choices, interrupted, team, trace, pause)
            except (RuntimeError, MemoryError) as error:
                if not halving.ran_out(error):
                    raise
                self.halve(choices)
                if team.size > 1:
                    raise

    def _fit(
        self, choices: Choices, interrupted: Callable[[], bool], team: Team, trace: Trace | None, pause: Pause | None
    ) -> Trained:
        from luban.training import gradient, tracing

        def tell(line: Mapping[str, Any]) -> None:
            if team.leads and self.resumes:
                self.folder.tell({"unit": self.unit.name, **line})

        asked = Asked(
            choices.train,
            self.seed,
            folder=self._states(choices) if self.resumes else None,
            until=self.until,
            tell=tell,
            interrupted=interrupted,
            team=team,
            trace=Trace() if trace is None else trace,
            pause=pause,
            recipe=tracing.editable(self.unit.candidate, choices),
            by_time="steps" in choices.reasons,
        )
        return gradient.fit(self.rows(), self.training.work, self.unit.candidate, asked)


_ROWS: weakref.WeakValueDictionary[tuple[Training, int, int], Batch] = weakref.WeakValueDictionary()
"""Rows that somebody holds. They may be as large as memory allows, so nothing is held for its own sake."""


def _rows(training: Training, part: int, repeat: int) -> Batch:
    """The rows of a part; the same object as long as somebody holds it, so that its texts are cut into tokens once."""
    # Which candidate it is makes no difference to the rows.
    fitted_on, _ = training.rows(Unit(Candidate(model=""), part, repeat))
    if fitted_on.all():
        return training.batch
    found = _ROWS.get((training, part, repeat))
    if found is None:
        found = _ROWS[training, part, repeat] = training.batch.take(fitted_on)
    return found


class Trainer(Protocol):
    """What trains a network: this process alone, or several together."""

    def __call__(
        self,
        fit: NetworkFit,
        interrupted: Callable[[], bool],
        *,
        trace: Trace | None = None,
        pause: Pause | None = None,
    ) -> Trained:
        """The trained network. trace, pause: see `request.Asked`."""


def alone(
    fit: NetworkFit, interrupted: Callable[[], bool], *, trace: Trace | None = None, pause: Pause | None = None
) -> Trained:
    """Trains a network in this process."""
    return fit.run(interrupted, trace=trace, pause=pause)


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """While it is held a request to end does not end the process: it says whether there was one,
    and the training, which asks, keeps what it has.
    """
    asked = [False]

    def stop(number: int, frame: object) -> None:
        asked[0] = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: asked[0]
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield lambda: asked[0]
    finally:
        signal.signal(signal.SIGTERM, before)
