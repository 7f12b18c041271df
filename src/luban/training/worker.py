"""The process that fits. It reads units of work from stdin, writes each result into the work folder, and says so.

Fitting runs in a process of its own for three reasons: a limit of time holds whatever a library is doing, because the
process can be ended; a kill loses one unit at most; and its memory goes back to the system.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core.errors import Interrupted
from luban.core.seed import derive
from luban.training.work_folder import HELD_BACK, Training, Unit, WorkFolder, by_gradient

if TYPE_CHECKING:
    from luban.batch import Batch
    from luban.protocols import Form

CHECKPOINTS = "checkpoints"
LEARNING = 0.92
"""Share of the time for training a network; in the rest it answers the rows that are held out."""


def fit_unit(folder: WorkFolder, training: Training, unit: Unit, threads: int, seconds: float | None = None) -> None:
    """Fits one unit and writes its result into the folder: held-out outputs for a fold, else the form; or both, where
    the fold's fit is what answers later. seconds: wall time for it, which networks look at; None for no limit.
    """
    from luban.training.fitting import fit_candidate

    seen = training.seen_by(unit.candidate)
    fitted_on, answered = training.rows(unit)
    batch = seen.batch if fitted_on.all() else seen.batch.take(fitted_on)
    chance = derive(training.seed, "fit", unit.candidate.label, unit.part, unit.repeat)
    if by_gradient(unit.candidate):
        form = _train(folder, seen, unit, batch, chance, threads, seconds)
    else:
        form = fit_candidate(batch, seen.work, unit.candidate, seed=chance, threads=threads)
    if unit.part == training.ships(unit.candidate) or not answered.any():
        folder.write_form(unit, form)
    if answered.any():
        folder.write_outputs(unit, form.outputs(seen.batch.inputs[answered]))
    shutil.rmtree(folder.network(unit) / CHECKPOINTS, ignore_errors=True)


def _train(
    folder: WorkFolder, seen: Training, unit: Unit, batch: Batch, chance: int, threads: int, seconds: float | None
) -> Form:
    """The trained network of a unit; what was decided before is found again, and so are its checkpoints."""
    from luban.core.lazy import require
    from luban.training import deciding, gradient

    torch = require("torch", extra="nets", purpose=f"the model '{unit.candidate.model}'")
    torch.set_num_threads(threads)
    began = time.monotonic()

    def decide() -> dict[str, Any]:
        # On all training rows, with a seed of the candidate's own: whichever unit comes first decides alike.
        rows = seen.batch.take(seen.folds[0] != HELD_BACK)
        own = derive(seen.seed, "deciding", unit.candidate.label)
        return deciding.decide(rows, seen.work, unit.candidate, seen.train, seed=own, seconds=seconds).to_json()

    choices = deciding.Choices.from_json(folder.decided(unit.candidate, decide))
    folder.tell({"unit": unit.name, "choices": choices.chosen(), "reasons": dict(choices.reasons)})
    with _stopping() as asked:
        trained = gradient.fit(
            batch,
            seen.work,
            unit.candidate,
            choices.train,
            seed=chance,
            folder=folder.network(unit) / CHECKPOINTS,
            # Cutting parts short at different epochs could not be repeated; one part can.
            until=began + LEARNING * seconds if seconds is not None and seen.one_part else None,
            tell=lambda line: folder.tell({"unit": unit.name, **line}),
            interrupted=lambda: asked[0],
        )
    if trained.until_epoch is not None:
        folder.ended_early(unit, trained.until_epoch)
    return trained.form


@contextmanager
def _stopping() -> Iterator[list[bool]]:
    """While it is held a request to end does not end the process: the training sees it, and keeps what it has."""
    asked = [False]

    def stop(number: int, frame: object) -> None:
        asked[0] = True

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def main(path: str, name: str, seed_text: str, threads_text: str) -> None:
    """Serves units until stdin ends."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Results are bytes on this stream; whatever a library prints must not mix with them.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    folder = WorkFolder(Path(path))
    import luban.training.fitting

    luban.training.fitting.warm_up()
    training = None
    for line in sys.stdin:
        # Workers start before the rows are encoded; whoever gives the first unit has written them.
        training = training or folder.training(name, int(seed_text))
        asked = json.loads(line)
        unit = Unit.from_json(asked["unit"])
        started = time.process_time()
        try:
            fit_unit(folder, training, unit, int(threads_text), asked["seconds"])
        except Interrupted:
            # Its state is on disk, and whoever asked waits for the end of this process.
            return
        # A candidate that fails must not end the run: its reason is written down and shown with the candidates.
        except Exception as error:  # noqa: BLE001
            folder.fail(unit, f"{type(error).__name__}: {error}")
        print(json.dumps({"name": unit.name, "cpu_seconds": time.process_time() - started}), file=answers, flush=True)


def _end_with_parent() -> None:
    """Asks Linux to end this process when its parent dies, so that a killed run leaves nobody working."""
    parent_death_signal = 1
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
