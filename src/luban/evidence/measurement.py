"""A measurement: a number that says what it is, on which rows, how sure it is, and how to get it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["higher", "lower"]
Part = Literal["train", "validation", "test", "given"]


@dataclass(frozen=True)
class Difference:
    """How much two models differ on the same rows, with a paired 95% interval; positive where the first is higher."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Baseline:
    """What the simplest model scores on the same rows."""

    model: str
    value: float


@dataclass(frozen=True)
class Measurement:
    """One figure.

    value, low, high: the figure and its 95% interval, in the metric's own unit.
    direction: which way is better.
    rows, split: how many rows it was measured on, and which.
    how: the method of value and interval, in words; with the bundle and the rows it can be repeated.
    baseline, difference: the simplest model's figure, and the paired difference to it.
    target: which of several targets it is about; None where there is one, or it is about all.
    """

    metric: str
    value: float
    low: float
    high: float
    direction: Direction
    rows: int
    split: Part
    how: str
    baseline: Baseline | None = None
    difference: Difference | None = None
    target: str | None = None

    @property
    def name(self) -> str:
        """The metric, and of which target where there are several.

        >>> Measurement("accuracy", 0.8, 0.7, 0.9, "higher", 50, "test", "Wilson", target="survived").name
        'accuracy of survived'
        """
        return self.metric if self.target is None else f"{self.metric} of {self.target}"

    def to_json(self) -> dict[str, Any]:
        """The measurement as `--json` and `evidence/` hold it; parts that do not apply are left out."""
        return without_none(
            {
                **{key: getattr(self, key) for key in ("metric", "value", "low", "high", "direction")},
                **{key: getattr(self, key) for key in ("rows", "split", "how")},
                "baseline": vars(self.baseline) if self.baseline else None,
                "difference": vars(self.difference) if self.difference else None,
                "target": self.target,
            }
        )

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Measurement:
        """The measurement that `to_json` wrote."""
        given = dict(document)
        baseline, difference = given.pop("baseline", None), given.pop("difference", None)
        return cls(
            **given,
            baseline=Baseline(**baseline) if baseline else None,
            difference=Difference(**difference) if difference else None,
        )


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its keys whose value is None.

    >>> without_none({"a": 1, "b": None})
    {'a': 1}
    """
    return {key: value for key, value in document.items() if value is not None}
