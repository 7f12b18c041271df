"""Series: numbers in their order, of one or many channels, as long as each row is.

Missing values are filled along a straight line between their neighbours; at the ends they are like the nearest. A
missing series, and one that cannot be read, is one step of the mean of each channel. Models that see a row as one line
of numbers get at most 64 points of each channel, and its mean, spread, smallest and largest value, and slope. One state
serves both views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError
from luban.features import _pieces
from luban.features._learning import LONGEST, is_whole, longest_of, problem, standard, whole
from luban.features.series import pieces, reading
from luban.protocols import Cut, Shape, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

MOST_STEPS = 4_096
"""Steps of a row at most, where the recipe leaves it to the training rows."""
POINTS = 64
"""Points of a channel for models that see one line of numbers."""
MOST_CHANNELS = 10_000
_FIGURES = ("mean", "spread", "smallest", "largest", "slope")
_LIMIT = 1e4
_KEYS = {"channels", "longest", "center", "spread"}


@final
class Series:
    """A column of series, for networks and for other models."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The channels and the length of the training series, and the mean and spread of each channel."""
        found = reading.steps(values)
        channels = found.values.shape[1]
        known = np.isfinite(found.values)
        counts = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, found.values, 0.0).sum(axis=0) / counts
        variances = (np.where(known, found.values - means, 0.0) ** 2).sum(axis=0) / counts
        longest = (
            longest_of(found.lengths[found.lengths > 0], MOST_STEPS)
            if settings.longest == "auto"
            else whole(settings.longest)
        )
        learned = standard(means.tolist(), variances.tolist())
        return State({"channels": channels, "longest": longest, **learned})

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged float32 (steps, channels)."""
        found = self._filled(values, state)
        return Ragged(found.values.astype(np.float32), found.offsets)

    def shape(self, state: State) -> Shape:
        values = state.values
        center, spread = tuple(values["center"]), tuple(values["spread"])
        return Shape("sequence", (values["channels"],), longest=values["longest"], center=center, spread=spread)

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, channels * (points + 5)) float32: the points of each channel in turn, then its figures; all scaled."""
        learned = state.values
        found = self._filled(values, state)
        if not len(found):
            return np.zeros((0, len(self.names("", state))), np.float32)
        scaled = Ragged(np.clip((found.values - learned["center"]) / learned["spread"], -_LIMIT, _LIMIT), found.offsets)
        points = _resampled(scaled, min(learned["longest"], POINTS))
        figures = _figures(scaled)
        together = np.concatenate([points, figures], axis=1)
        return np.clip(together.swapaxes(1, 2).reshape(len(found), -1), -_LIMIT, _LIMIT).astype(np.float32)

    def names(self, column: str, state: State) -> tuple[str, ...]:
        count = state.values["channels"]
        channels = [column] if count == 1 else [f"{column} channel {number}" for number in range(1, count + 1)]
        points = range(1, min(state.values["longest"], POINTS) + 1)
        own = (*(f"at point {point}" for point in points), *_FIGURES)
        return tuple(f"{channel} {each}" for channel in channels for each in own)

    def baseline(self, state: State) -> Any:
        """A series of one step: the mean of each channel."""
        center = list(state.values["center"])
        return center if len(center) == 1 else [center]

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The windows of the one series in `values`; what is left out has the mean of its channel."""
        if not reading.steps(values, state.values["channels"]).lengths[0]:
            return _pieces.whole(values)
        return pieces.cut(values, self._filled(values, state).values, np.array(state.values["center"]), most)

    def problems(self, values: pl.Series, state: State | None = None) -> list[str | None]:
        """(rows,) why each value is no series of this column, in words; None where it is one, or there is none.

        state: what was learned, which says how many channels there must be; else most of the values say it.
        """
        return reading.steps(values, None if state is None else state.values["channels"]).problems

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [reason is not None for reason in self.problems(values)], dtype=pl.Boolean)

    def check(self, state: State) -> None:
        values = state.values
        if set(values) != _KEYS or state.arrays or state.parts:
            raise BundleError(f"a series column must hold {', '.join(sorted(_KEYS))}.")
        for key, most in (("channels", MOST_CHANNELS), ("longest", LONGEST)):
            if not is_whole(values[key], 1, most):
                raise BundleError(f"the {key} of a series column must be 1 to {most}, not {values[key]!r:.40}.")
        wrong = problem(dict(values), values["channels"])
        if wrong is not None:
            raise BundleError(f"a series column is damaged: {wrong}.")

    def _filled(self, values: pl.Series, state: State) -> Ragged:
        """float64, cut to the longest; no value is missing, and no row is without a step."""
        learned = state.values
        center = np.array(learned["center"])
        found = reading.steps(values, learned["channels"])
        cut = np.minimum(found.lengths, learned["longest"])
        offsets = np.concatenate([[0], np.cumsum(np.maximum(cut, 1))]).astype(np.int64)
        out = np.empty((int(offsets[-1]), len(center)))
        out[:] = center
        place = np.arange(len(found.values)) - np.repeat(np.cumsum(found.lengths) - found.lengths, found.lengths)
        kept = place < learned["longest"]
        out[(np.repeat(offsets[:-1], found.lengths) + place)[kept]] = found.values[kept]
        missing = ~np.isfinite(out).all(axis=1)
        for row in np.unique(np.searchsorted(offsets, np.flatnonzero(missing), side="right") - 1).tolist():
            _fill(out[offsets[row] : offsets[row + 1]], center)
        return Ragged(out, offsets)


feature = Series()


def _fill(steps: Array, center: Array) -> None:
    """Fills missing values of (steps, channels) in place."""
    for channel in range(steps.shape[1]):
        known = np.flatnonzero(np.isfinite(steps[:, channel]))
        if len(known):
            steps[:, channel] = np.interp(np.arange(len(steps)), known, steps[known, channel])
        else:
            steps[:, channel] = center[channel]


def _resampled(series: Ragged, points: int) -> Array:
    """(rows, points, channels): each row at evenly spaced times from its first step to its last, on straight lines."""
    places = np.linspace(0.0, 1.0, points) * (series.lengths[:, None] - 1)
    before = np.floor(places).astype(np.int64)
    after = np.minimum(before + 1, series.lengths[:, None] - 1)
    part = (places - before)[..., None]
    starts = series.offsets[:-1, None]
    return series.values[starts + before] * (1 - part) + series.values[starts + after] * part


def _figures(series: Ragged) -> Array:
    """(rows, 5, channels): what `_FIGURES` names. Slope: of the least-squares line over a time from 0 to 1."""
    starts, lengths = series.offsets[:-1], series.lengths[:, None]
    mean = np.add.reduceat(series.values, starts) / lengths
    off = series.values - np.repeat(mean, series.lengths, axis=0)
    spread = np.sqrt(np.add.reduceat(off**2, starts) / lengths)
    place = np.arange(len(series.values)) - np.repeat(starts, series.lengths)
    time = place / np.repeat(np.maximum(series.lengths - 1, 1), series.lengths) - 0.5
    square = np.add.reduceat(time**2, starts)[:, None]
    slope = np.where(lengths > 1, np.add.reduceat(off * time[:, None], starts) / np.where(lengths > 1, square, 1), 0.0)
    low, high = np.minimum.reduceat(series.values, starts), np.maximum.reduceat(series.values, starts)
    return np.stack([mean, spread, low, high, slope], axis=1)
