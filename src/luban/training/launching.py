"""From the worker of a run to several processes that train its network together, by torch's launcher.

The launcher (`torch.distributed.run`) starts them, lets them find each other, and starts all again when one dies. It
meets them on the loopback device of this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from luban.core.process import end_with_parent
from luban.evidence.trace import Trace
from luban.training.network_fit import NetworkFit
from luban.training.pausing import Pause
from luban.training.together import outcome_of

if TYPE_CHECKING:
    from luban.training.gradient import Trained

RESTARTS = 3
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
ASKED_EVERY = 0.2
"""Seconds between two looks at whether the training was asked to stop."""


@final
@dataclass(frozen=True)
class Launched:
    """Trains networks by several processes. run, name, seed: where its rows lie. threads: of each process."""

    run: str
    name: str
    seed: int
    threads: int
    workers: int

    def __call__(
        self,
        fit: NetworkFit,
        interrupted: Callable[[], bool],
        *,
        trace: Trace | None = None,
        pause: Pause | None = None,
    ) -> Trained:
        """The trained network. Raises what one of the processes raised, and TrainingError where they die too often."""
        outcome = outcome_of(fit)
        outcome.clear()
        order = json.dumps(fit.order(pause))
        command = [sys.executable, "-m", "luban.training.launching", str(self.workers)]
        with (outcome.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [*command, self.run, self.name, str(self.seed), str(self.threads), order],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
            )
        while process.poll() is None:
            try:
                process.wait(ASKED_EVERY)
            except subprocess.TimeoutExpired:
                if interrupted():
                    outcome.stop.touch()
        if trace is not None:
            outcome.tell(trace)
        return outcome.result()

    def _environment(self) -> dict[str, str]:
        own = {"GLOO_SOCKET_IFNAME": LOOPBACK[sys.platform]} if sys.platform in LOOPBACK else {}
        return {**os.environ, **own, "OMP_NUM_THREADS": str(self.threads)}


def main(workers: str, *arguments: str) -> None:
    """Becomes torch's launcher, which ends when its parent dies."""
    from torch.distributed import run

    end_with_parent()
    on_loopback = ["--standalone", "--local-addr", "127.0.0.1"]
    how = ["--nproc-per-node", workers, "--max-restarts", str(RESTARTS)]
    run.main([*on_loopback, *how, "-m", "luban.training.together", *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
