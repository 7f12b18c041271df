"""How the number of clusters was chosen: it travels with the form, so that a report can say why there are three."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from luban.core.errors import BundleError

_MOST_TRIALS = 1_000
_MOST_TEXT = 2_000


@dataclass(frozen=True)
class Trial:
    """One number of clusters. score: its criterion. stability: mean adjusted Rand index over bootstrap samples."""

    clusters: int
    score: float
    stability: float


@dataclass(frozen=True)
class Choice:
    """The number of clusters, by which criterion, why, and what else was tried.

    noise: whether the last output stands for rows that belong to no cluster.
    """

    clusters: int
    criterion: str
    reason: str
    trials: tuple[Trial, ...] = ()
    noise: bool = False

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "trials": [asdict(trial) for trial in self.trials]}

    @classmethod
    def from_json(cls, document: Any) -> Choice:
        """The choice that `to_json` wrote; BundleError for anything else."""
        if not isinstance(document, Mapping) or set(document) != {"clusters", "criterion", "reason", "trials", "noise"}:
            raise _odd()
        trials = document["trials"]
        if not isinstance(trials, list) or len(trials) > _MOST_TRIALS or not isinstance(document["noise"], bool):
            raise _odd()
        texts = (document["criterion"], document["reason"])
        if not all(isinstance(text, str) and len(text) <= _MOST_TEXT for text in texts):
            raise _odd()
        read = tuple(_trial(trial) for trial in trials)
        return cls(_count(document["clusters"]), texts[0], texts[1], read, document["noise"])


def _trial(document: Any) -> Trial:
    if not isinstance(document, Mapping) or set(document) != {"clusters", "score", "stability"}:
        raise _odd()
    numbers = (document["score"], document["stability"])
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        raise _odd()
    return Trial(_count(document["clusters"]), float(numbers[0]), float(numbers[1]))


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100_000:
        raise _odd()
    return value


def _odd() -> BundleError:
    return BundleError("the record of how the number of clusters was chosen cannot be read.")
