"""The process that fits. It reads units of work from stdin, writes each result into the work folder, and says so.

Fitting runs in a process of its own for three reasons: a limit of time holds whatever a library is doing, because the
process can be ended; a kill loses one unit at most; and its memory goes back to the system.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

from luban.training.work_folder import Training, Unit, WorkFolder


def fit_unit(folder: WorkFolder, training: Training, unit: Unit, threads: int) -> None:
    """Fits one unit and writes its result into the folder: held-out outputs for a fold, else the form."""
    from luban.core import seed
    from luban.training.fitting import fit_candidate

    fitted_on, answered = training.rows(unit)
    batch = training.batch if fitted_on.all() else training.batch.take(fitted_on)
    form = fit_candidate(
        batch,
        training.work,
        unit.candidate,
        seed=seed.derive(training.seed, "fit", unit.candidate.label, unit.part, unit.repeat),
        threads=threads,
    )
    if answered.any():
        folder.write_outputs(unit, form.outputs(training.batch.inputs[answered]))
    else:
        folder.write_form(unit, form)


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
        unit = Unit.from_json(json.loads(line))
        started = time.process_time()
        try:
            fit_unit(folder, training, unit, int(threads_text))
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
