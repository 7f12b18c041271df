"""What the fit of a model tells of itself: whether it reached its end, and how its loss went as it grew.

A fit returns a form, and a form is data alone. So whoever fits listens, and trainers tell; where nobody listens nothing
is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ending:
    """How an iterated estimator ended. iterations: how many it took, of at most `limit`."""

    estimator: str
    iterations: int
    limit: int
    converged: bool


@dataclass(frozen=True)
class Stages:
    """How the loss went while rounds of boosting were added.

    rounds: ascending; the last are all. held_out, train: the mean loss of a row after so many rounds, on rows that it
    was not fitted on and on rows that it was. metrics: further losses on the former, by
    name.
    doubts: (stages, stages) covariances of the held-out means over rows, of the `loss` and of metrics by name: with few
    rows, stages differ by chance. Empty where they are not known.
    """

    rounds: tuple[int, ...]
    held_out: tuple[float, ...]
    train: tuple[float, ...]
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    doubts: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)

    def doubt(self, name: str, first: int, second: int) -> float:
        """The standard error of the difference between two stages, by their places, on the same held-out rows.

        >>> stages = Stages((5, 10), (0.5, 0.4), (0.3, 0.2), doubts={"loss": ((0.05, 0.02), (0.02, 0.03))})
        >>> round(stages.doubt("loss", 0, 1), 3)
        0.2
        """
        known = self.doubts[name]
        variance = known[first][first] + known[second][second] - 2 * known[first][second]
        return float(max(variance, 0.0) ** 0.5)


@dataclass(frozen=True)
class Remarks:
    """What a fit told."""

    endings: tuple[Ending, ...] = ()
    stages: Stages | None = None

    def to_json(self) -> dict[str, Any]:
        stages = None if self.stages is None else vars(self.stages)
        return {"endings": [vars(ending) for ending in self.endings], "stages": stages}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Remarks:
        """What `to_json` wrote."""
        stages, told = None, document["stages"]
        if told is not None:
            metrics = {name: tuple(values) for name, values in told["metrics"].items()}
            doubts = {name: tuple(map(tuple, lines)) for name, lines in told["doubts"].items()}
            stages = Stages(tuple(told["rounds"]), tuple(told["held_out"]), tuple(told["train"]), metrics, doubts)
        return cls(tuple(Ending(**ending) for ending in document["endings"]), stages)


_heard: ContextVar[list[Ending] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[Sequence[Ending]]:
    """What is told within, in its order.

    >>> with listening() as heard:
    ...     tell(Ending("LogisticRegression", 500, 500, converged=False))
    >>> len(heard)
    1
    """
    heard: list[Ending] = []
    before = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(before)


def tell(ending: Ending) -> None:
    """Tells whoever listens how an estimator ended."""
    heard = _heard.get()
    if heard is not None:
        heard.append(ending)
