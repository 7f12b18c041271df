"""How the future of series is asked about: the part of the recipe that only forecasts read. `auto` is found in the
training rows, and the bundle's recipe then holds the value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from luban.recipe.section import Section

Auto = Literal["auto"]
Steps = Annotated[int, Field(ge=1, le=100_000)]


class Forecast(Section):
    """How far ahead, from how much of the past, in which steps."""

    horizon: Steps | Auto = Field("auto", union_mode="left_to_right")
    """Steps ahead that are answered; `auto` takes one season, or 10 where there is none."""
    season: Steps | Auto = Field("auto", union_mode="left_to_right")
    """Steps after which a series comes round; `auto` finds it by autocorrelation; 1 for none."""
    history: Steps | Auto = Field("auto", union_mode="left_to_right")
    """Steps of the past that a model sees; `auto` takes two seasons, where the series are long enough."""
    step: str = "auto"
    """The time between neighbouring rows, such as `1 months`, `30 minutes` or `weekdays`; `auto` finds it."""
