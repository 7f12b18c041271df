"""A run that torch's launcher started on several machines, or several times on one: the first process is the run,
the others wait for the networks that it trains and take part in each.

They agree through the store that the launcher keeps: numbered orders, each a JSON document that names a unit of work,
and a last one that ends the waiting. The folder of the run lies where all of them see it.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from luban.core.errors import Interrupted, LubanError
from luban.evidence.trace import Trace
from luban.training.distributed import Team, together
from luban.training.network_fit import NetworkFit, stopping
from luban.training.pausing import Pause
from luban.training.work_folder import WorkFolder

if TYPE_CHECKING:
    from luban.training.gradient import Trained

PORT = 29400
LONGEST = timedelta(days=7)
"""How long the others wait for the next network."""
END: dict[str, Any] = {}


@dataclass(frozen=True)
class Place:
    """The place of this process among those that the launcher started."""

    rank: int
    size: int


def place() -> Place | None:
    """The place that torch's launcher gave this process (RANK, WORLD_SIZE); None where it started none or only one."""
    if not os.environ.get("TORCHELASTIC_RUN_ID") or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return Place(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def commands(nodes: int, workers: int, arguments: Sequence[str]) -> list[str]:
    """What to type on each node. arguments: of `luban fit`, with `--nodes` and `--workers` or without.

    >>> print(commands(2, 4, ["rows.csv", "--workers", "4", "--nodes=2"])[1])
    torchrun --nnodes 2 --nproc-per-node 4 --max-restarts 3 --rdzv-id luban --rdzv-backend c10d \
--rdzv-endpoint FIRST_NODE:29400 -m luban fit rows.csv
    """
    kept = _without(arguments, ("--nodes", "--workers"))
    meeting = f"--rdzv-id luban --rdzv-backend c10d --rdzv-endpoint FIRST_NODE:{PORT}"
    line = f"torchrun --nnodes {nodes} --nproc-per-node {workers} --max-restarts 3 {meeting} -m luban fit "
    return [line + shlex.join(kept)] * nodes


def _without(arguments: Sequence[str], options: tuple[str, ...]) -> list[str]:
    kept, value_next = [], False
    for argument in arguments:
        if value_next:
            value_next = False
        elif argument in options:
            value_next = True
        elif not argument.startswith(tuple(f"{option}=" for option in options)):
            kept.append(argument)
    return kept


@final
class Leading:
    """Trains networks together with the waiting processes. run, name, seed: where the rows lie."""

    def __init__(self, run: str, name: str, seed: int) -> None:
        self._where = {"run": run, "name": name, "seed": seed}
        self._team: Team | None = None
        # They stay connected until this process ends, or fails at what the others cannot see.
        self._connected = ExitStack()

    def __call__(
        self,
        fit: NetworkFit,
        interrupted: Callable[[], bool],
        *,
        trace: Trace | None = None,
        pause: Pause | None = None,
    ) -> Trained:
        _Orders().give({**self._where, **fit.order(pause)})
        self._team = self._team or self._connected.enter_context(together())
        try:
            return fit.run(interrupted, self._team, trace=trace, pause=pause)
        except LubanError:
            raise
        except Exception:
            # The others wait for this process in the middle of a step: without it they end, and all start again.
            self._connected.close()
            raise


def take_part() -> None:
    """Takes part in every network that the leading process trains, until it says that there are no more."""
    orders, last = _Orders(), 0
    with ExitStack() as stack:
        team = None
        while order := orders.take(last):
            last += 1
            team = team or stack.enter_context(together())
            fit, pause = NetworkFit.ordered(WorkFolder(Path(order["run"])), order["name"], order["seed"], order)
            with stopping() as asked:
                try:
                    fit.run(asked, team, pause=pause)
                except Interrupted:
                    raise
                except LubanError:
                    # The leading process met it too, and says so.
                    continue


def dismiss() -> None:
    """Says that there are no more networks."""
    _Orders().give(END)


@dataclass(frozen=True)
class _Orders:
    """The orders in the store of the launcher. They begin anew when it starts all processes again."""

    key: str = field(default_factory=lambda: f"luban/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}")

    def give(self, order: dict[str, Any]) -> None:
        store = self._store()
        number = store.add(f"{self.key}/count", 1) - 1
        store.set(f"{self.key}/{number}", json.dumps(order))

    def take(self, number: int) -> dict[str, Any]:
        """The order of this number, as soon as it is given."""
        store = self._store()
        store.wait([f"{self.key}/{number}"], LONGEST)
        return dict(json.loads(store.get(f"{self.key}/{number}")))

    def _store(self) -> Any:
        import torch.distributed as dist

        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        return dist.TCPStore(address, port, is_master=False)  # type: ignore[attr-defined]
