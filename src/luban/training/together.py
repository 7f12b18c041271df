"""One of the processes that train a network together: started by torch's launcher, it does its part and ends.

    python -m torch.distributed.run --nproc-per-node 2 -m luban.training.together RUN NAME SEED THREADS ORDER

What comes of it lies in the folder of the unit, as `Outcome` says. A process that ends otherwise, or is killed, makes
the launcher end the others and start all anew; they go on from the last checkpoint.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from luban import states
from luban.core import files, registry
from luban.core.errors import Interrupted, LubanError, ResourceError, TrainingError, UsageError
from luban.core.process import end_with_parent
from luban.evidence.trace import Trace
from luban.training import tracing
from luban.training.distributed import Team, together
from luban.training.network_fit import TOGETHER, NetworkFit, stopping
from luban.training.pausing import Pause
from luban.training.work_folder import WorkFolder

if TYPE_CHECKING:
    from luban.training.gradient import Trained

ERRORS = {error.kind: error for error in (Interrupted, ResourceError, TrainingError, UsageError)}


@final
@dataclass(frozen=True)
class Outcome:
    """What processes that train together leave for whoever asked them, in a folder.

    stop        there when they are asked to stop
    ended.json  why they ended, written last: trained, or an error
    form        the trained network
    trace.json  what was seen of it
    """

    folder: Path

    @property
    def stop(self) -> Path:
        return self.folder / "stop"

    def clear(self) -> None:
        """Removes what earlier ones left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("stop", "ended.json", "form", "trace.json", "died.json"):
            (self.folder / name).unlink(missing_ok=True)

    def ended(self) -> dict[str, Any] | None:
        return self._read("ended.json")

    def trained(self, trained: Trained) -> None:
        states.write(self.folder / "form", trained.form.kind, trained.form.state())
        files.write_json(self.folder / "ended.json", {"until_step": trained.until_step, "paused": trained.paused})

    def failed(self, error: LubanError) -> None:
        told = {"kind": error.kind, "message": error.message, "where": error.where, "fix": error.fix}
        files.write_once(self.folder / "ended.json", files.to_json({"error": told}))

    def died(self, error: Exception) -> None:
        """Notes why a process ended against its will; the first of those that did is the cause."""
        files.write_once(self.folder / "died.json", files.to_json({"reason": f"{type(error).__name__}: {error}"}))

    def result(self) -> Trained:
        """The trained network. Raises what the processes raised."""
        from luban.training.gradient import Trained

        ended = self.ended()
        if ended is None:
            died = self._read("died.json") or {"reason": "they were killed"}
            raise TrainingError(
                f"the processes that train together ended too often: {died['reason']}",
                where=str(self.folder / "log"),
                fix="leave out --workers, or look into this file",
            )
        if "error" in ended:
            raise _error(ended["error"])
        kind, state = states.mapped(self.folder / "form")
        return Trained(registry.find("forms", kind).rebuild(state), ended["until_step"], ended["paused"])

    def saw(self, trace: Trace) -> None:
        """Writes down what was seen of the training."""
        files.write_json(self.folder / "trace.json", tracing.to_json(trace))

    def tell(self, trace: Trace) -> None:
        """Tells an empty trace what was seen."""
        document = self._read("trace.json")
        if document is not None:
            vars(trace).update(vars(tracing.from_json(document)))

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        return dict(files.read_json(path)) if path.exists() else None


def _error(told: Mapping[str, Any]) -> LubanError:
    return ERRORS.get(told["kind"], TrainingError)(told["message"], where=told["where"], fix=told["fix"])


def outcome_of(fit: NetworkFit) -> Outcome:
    return Outcome(fit.place / TOGETHER)


def take_part(fit: NetworkFit, team: Team, pause: Pause | None) -> None:
    """Trains with the others; the leading process writes what came of it. Other errors than luban's are raised."""
    outcome, trace = outcome_of(fit), Trace()
    with stopping() as asked:
        try:
            trained = fit.run(lambda: asked() or outcome.stop.exists(), team, trace=trace, pause=pause)
        except LubanError as error:
            if team.leads:
                outcome.saw(trace)
            outcome.failed(error)
            return
        # Whatever it is, the launcher starts all anew; who asked is told why, should that not help.
        except Exception as error:
            outcome.died(error)
            raise
    if team.leads:
        outcome.saw(trace)
        outcome.trained(trained)


def main(path: str, name: str, seed_text: str, threads_text: str, order: str) -> None:
    """Trains a unit with the others that the launcher started. order: the unit and its end, as JSON."""
    import torch

    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(int(threads_text))
    fit, pause = NetworkFit.ordered(WorkFolder(Path(path)), name, int(seed_text), json.loads(order))
    if outcome_of(fit).ended() is not None:
        # Another process wrote why all ended, and this one was started again.
        return
    with together() as team:
        take_part(fit, team, pause)


if __name__ == "__main__":
    main(*sys.argv[1:])
