"""An explanation: what each unit of a row adds to an answer, how sure that is, and whether the model agrees.

A unit is what a person sees: a column, a word, a region of an image, a stretch of a sound, a window of a series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from luban.evidence.measurement import without_none

Scale = Literal["probability", "log-odds", "value", "score"]
"""The unit of attributions: a probability from 0 to 1, its log-odds, a value in the unit of the target, or a score that
has no unit, such as how unlike other rows a row is."""


@dataclass(frozen=True)
class Unit:
    """A part of a row that is there or left out as a whole.

    name: what a person calls it; the column, or the piece of it. value: what the row has there, as text.
    place: where in the value of the column a piece lies, from 0 on: (begin, end) of characters, words, steps, or
        seconds; for a series of several channels (begin, end) of steps, then of channels; of an image the number of
        the region; empty for a whole column.
    """

    name: str
    column: str
    value: str = ""
    place: tuple[float, ...] = ()


@dataclass(frozen=True)
class Attribution:
    """What a unit adds to the answer. standard_error: 0 where it is exact, None where the method has none."""

    unit: Unit
    attribution: float
    standard_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        about = {"column": self.unit.column, "value": self.unit.value, "place": list(self.unit.place)}
        return {
            "unit": self.unit.name,
            "attribution": self.attribution,
            "standard_error": self.standard_error,
            **{key: value for key, value in about.items() if value},
        }


@dataclass(frozen=True)
class Faithfulness:
    """Whether the model agrees with the order of the units (Petsiuk et al., RISE, arXiv 1806.07421).

    insertion: the mean answer while units are put in, the one that adds most first; deletion: while they are taken out
    in that order. gap: insertion less deletion. The inverse order has the gap with the other sign (arXiv 2502.15403).
    random_gap: the mean gap of random orders. above_random: the share of them whose gap is not larger.
    holds: whether the gap is above zero, hence above that of the inverse order, and 95% of random ones are not larger.
    calls: how many rows the model was asked for this.
    """

    insertion: float
    deletion: float
    random_gap: float
    above_random: float
    holds: bool
    text: str
    calls: int

    @property
    def gap(self) -> float:
        return self.insertion - self.deletion

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "gap": self.gap, "inverse_gap": -self.gap}


@dataclass(frozen=True)
class Explanation:
    """Why one row is answered as it is.

    row: its number in the data, from 0. output: what is explained: a class, a target, a step, a word.
    prediction: what the model answers. value: the answer for the output, in `scale`; base_value: the same of a row
        about which nothing is known.
    attributions: of all units, the one that adds or takes most first.
    completeness_error: how far the attributions and the base value are from adding up to the value; None for methods
        that do not divide an answer up.
    calls: how many rows the model was asked. reason: why this method.
    more: what a method tells beside: a rule, a changed row, a goodness of fit.
    """

    row: int
    output: str
    prediction: Any
    value: float
    base_value: float
    scale: Scale
    method: str
    reason: str
    calls: int
    attributions: tuple[Attribution, ...]
    completeness_error: float | None = None
    faithfulness: Faithfulness | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        document = {
            **vars(self),
            "faithfulness": None if self.faithfulness is None else self.faithfulness.to_json(),
            "attributions": [each.to_json() for each in self.attributions],
            "more": dict(self.more) or None,
        }
        return without_none(document)
