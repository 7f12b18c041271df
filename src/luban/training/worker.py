"""The process that fits. It reads units of work from stdin, writes each result into the work folder, and says so.

Fitting runs in a process of its own for three reasons: a limit of time holds whatever a library is doing, because the
process can be ended; a kill loses one unit at most; and its memory goes back to the system.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core.errors import Interrupted, StorageError
from luban.core.process import end_with_parent
from luban.evidence.fits import Remarks, listening
from luban.training import allocating, nodes, reading
from luban.training.network_fit import CHECKPOINTS, TOGETHER, NetworkFit, Trainer, alone, stopping
from luban.training.room import Room, watched
from luban.training.unit import Ask, Training, Unit, by_gradient
from luban.training.work_folder import WorkFolder
from luban.training.writing import TASK

if TYPE_CHECKING:
    from luban.protocols import Form
    from luban.training.gradient import Trained
    from luban.training.treating import Treated

Say = Callable[[str], None]
"""`say(text)`: a line for the person who waits."""
LEARNING, LEARNING_TO_WRITE = 0.92, 0.85
"""Share of the time for training a network; in the rest it answers the rows that are held out. Texts are written token
by token, which takes longer.
"""
ENDING_LEAST, ENDING_MOST, ENDING_SHARE = 3.0, 8.0, 0.02
"""Seconds that the rest takes where no row is held out, at least and at most, but for so large a share of the time."""


def fit_unit(
    folder: WorkFolder,
    training: Training,
    unit: Unit,
    threads: int,
    seconds: float | None = None,
    train: Trainer = alone,
    ask: Ask | None = None,
    room: Room | None = None,
    say: Say = lambda text: None,
) -> None:
    """Fits one unit and writes its result into the folder: held-out outputs for a fold, else the form; or both, where
    the fold's fit is what answers later. seconds: wall time for it, which networks look at; None for no limit. train:
    what trains a network. ask: whether an edit may be tried, where the recipe wants that asked. room: the memory that
    the training of a network is kept within. say: a line for the person.
    """
    from luban.training.fitting import fit_candidate
    from luban.training.staging import staged

    seen = training.seen_by(unit.candidate)
    _, answered = training.rows(unit)
    fit = NetworkFit(folder, seen, unit)
    if by_gradient(unit.candidate):
        unit, form = _trained(replace(fit, room=room or Room()), threads, seconds, train, ask, say)
    else:
        rows = fit.rows()
        with listening() as heard:
            form = fit_candidate(rows, seen.work, unit.candidate, seed=fit.seed, threads=threads)
        stages = staged(unit.candidate, form, rows, seen.batch.take(answered), seen.work) if answered.any() else None
        if heard or stages is not None:
            folder.write_remarks(unit, Remarks(tuple(heard), stages))
    if unit.part == training.ships(unit.candidate) or not answered.any():
        folder.write_form(unit, form)
    if answered.any():
        folder.write_outputs(unit, form.outputs(seen.batch.inputs[answered]))
    for name in (CHECKPOINTS, TOGETHER):
        for own in (fit, fit.of(unit.candidate)):
            shutil.rmtree(own.place / name, ignore_errors=True)


def _trained(
    fit: NetworkFit,
    threads: int,
    seconds: float | None,
    train: Trainer,
    ask: Ask | None,
    say: Say,
) -> tuple[Unit, Form]:
    """What was trained in the place of a unit, and the network; what was decided before is found again, and so are its
    checkpoints.
    """
    from luban.core.lazy import require

    torch = require("torch", extra="nets", purpose=f"the model '{fit.unit.candidate.model}'")
    from luban.training import treating

    torch.set_num_threads(threads)
    began = time.monotonic()
    if seconds is not None and fit.training.work.task == TASK:
        seconds *= LEARNING_TO_WRITE / LEARNING
    # Held until the end: to decide, to look and to train ask for the same rows.
    held = fit.rows()
    # Decided here, where it is known how much time there is.
    fresh, estimate = not fit.folder.networks.is_decided(fit.unit.candidate), fit.choices(seconds).estimate
    if fresh and estimate is not None and estimate.matters:
        say(f"{fit.unit.candidate.label}: {estimate.told()}")
    fit = replace(fit, until=_until(fit, began, seconds))
    with stopping() as asked, watched(fit.room or Room()) as became:
        first = _first(fit)
        treated = _treated(first, asked, train, ask)
        fit = fit.of(treated.candidate)
        if first.resumes:
            fit, trained = treating.follow(
                fit, asked, known=treated.known, how=fit.training.repair, ask=ask, train=train
            )
        else:
            # As it is by now: the training of the first part may have been repaired behind its first mark.
            fit = replace(fit, unit=fit.folder.actual(fit.unit))
            fit.tell_choices()
            with _failing(fit.unit):
                trained = train(fit, asked)
    del held
    fit.folder.networks.became(fit.unit, became)
    told = _on_the_way(fit, trained)
    if told:
        fit.folder.networks.ended(fit.unit, told)
    return fit.unit, trained.form


def _until(fit: NetworkFit, began: float, seconds: float | None) -> float | None:
    """When the training ends, so that the rest of its seconds is left for answering; None for no limit."""
    # Cutting parts short at different epochs could not be repeated; one fit can.
    if seconds is None or not fit.training.one_fit:
        return None
    rest = (1 - LEARNING) * seconds
    if not fit.training.rows(fit.unit)[1].any():
        rest = min(max(rest, ENDING_LEAST), max(ENDING_MOST, ENDING_SHARE * seconds))
    return began + seconds - rest


class UnitError(Exception):
    """A training that failed. unit: what was trained, in the place of the unit that was asked for."""

    def __init__(self, unit: Unit, reason: str) -> None:
        super().__init__(reason)
        self.unit, self.reason = unit, reason


@contextmanager
def _failing(unit: Unit) -> Iterator[None]:
    """While it is held an error is one of this very unit: another one may be trained in its place from now on."""
    try:
        yield
    except (Interrupted, StorageError):
        raise
    # Whatever goes wrong within a library is told of this unit.
    except Exception as error:
        raise UnitError(unit, _reason(error)) from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _on_the_way(fit: NetworkFit, trained: Trained) -> dict[str, Any]:
    """What time decided while it trained, by key of the recipe's `train`."""
    told: dict[str, Any] = {} if trained.until_step is None else {"until_step": trained.until_step}
    if trained.planned is not None:
        step, steps = trained.planned
        before = [change.model_dump(exclude_none=True) for change in fit.choices().train.later]
        told["later"] = sorted([*before, {"step": step, "steps": steps}], key=lambda change: change["step"])
    return told


def _first(fit: NetworkFit) -> NetworkFit:
    """The fit that is looked at: of the first part. The unit of that part goes on from where it was looked at; another
    leaves nothing behind.
    """
    unit = Unit(fit.unit.candidate, 0 if (fit.training.folds[0] >= 0).any() else fit.unit.part)
    return replace(fit, unit=unit, resumes=fit.unit == unit)


def _treated(first: NetworkFit, interrupted: Callable[[], bool], train: Trainer, ask: Ask | None) -> Treated:
    """What came of looking at it at its first mark: whoever comes first looks. Its candidate is trained in the place of
    the one that was asked for.
    """
    from luban.training import treating

    def treat() -> dict[str, Any]:
        return treating.treat(first, interrupted, how=first.training.repair, ask=ask, train=train).to_json()

    return treating.Treated.from_json(first.folder.networks.treat(first.unit.candidate, treat))


def main(path: str, name: str, seed_text: str, threads_text: str, together_text: str) -> None:
    """Serves units until stdin ends. together_text: how many processes train each network."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Results are bytes on this stream; whatever a library prints must not mix with them.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    folder = WorkFolder(Path(path))
    import luban.training.fitting

    luban.training.fitting.warm_up()

    def ask(question: str) -> bool:
        print(json.dumps({"ask": question}), file=answers, flush=True)
        return bool(json.loads(sys.stdin.readline())["answer"])

    def say(text: str) -> None:
        print(json.dumps({"say": text}), file=answers, flush=True)

    train, training = _trainer(path, name, int(seed_text), int(threads_text), int(together_text)), None
    for line in sys.stdin:
        # Workers start before the rows are encoded; whoever gives the first unit has written them.
        training = training or folder.training(name, int(seed_text))
        asked = json.loads(line)
        unit = Unit.from_json(asked["unit"])
        started = time.process_time()
        try:
            room = Room(asked["memory"], os.getppid())
            with reading.once(folder, training):
                fit_unit(folder, training, unit, int(threads_text), asked["seconds"], train, ask, room, say)
            allocating.give_back()
        except Interrupted:
            # Its state is on disk, and whoever asked waits for the end of this process.
            return
        except StorageError as error:
            # No fault of the candidate: the next one could not be kept either, and this one can once there is room.
            told = {"message": error.message, "where": error.where, "fix": error.fix}
            print(json.dumps({"storage": told}), file=answers, flush=True)
            return
        except UnitError as error:
            folder.fail(error.unit, error.reason)
        # A candidate that fails must not end the run: its reason is written down and shown with the candidates.
        except Exception as error:  # noqa: BLE001
            folder.fail(folder.actual(unit), _reason(error))
        print(json.dumps({"name": unit.name, "cpu_seconds": time.process_time() - started}), file=answers, flush=True)


def _trainer(path: str, name: str, seed: int, threads: int, together: int) -> Trainer:
    if together == 1:
        return alone
    if nodes.place() is not None:
        return nodes.Leading(path, name, seed)
    from luban.training.launching import Launched

    return Launched(path, name, seed, max(threads // together, 1), together)


if __name__ == "__main__":
    main(*sys.argv[1:])
