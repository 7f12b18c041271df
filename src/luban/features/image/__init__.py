"""Images: paths or bytes of files, or arrays of pixels, as uint8 of one size.

A missing image, and one that cannot be read, has the mean of each channel in every pixel. Models that see a row as one
line of numbers get the image shrunk to at most 16 x 16 points. One state serves both views.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.features import _files, _pieces
from luban.features._files import Unreadable
from luban.features._learning import is_whole, problem, spread_out, standard
from luban.features.image import pieces, reading
from luban.protocols import Cut, Shape, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

LEARNED = 2_000
"""Size, colours and brightness are learned from so many training images, evenly spaced, where there are more."""
MOST = 2_048
"""Pixels of a side at most, whatever the recipe says."""
SHRUNK = 16
"""Points of a side at most for models that see one line of numbers."""
COLORED = 8
"""Two channels that differ by more than this, of 255, make a colour; a gray JPEG may be a little off."""
_AT_ONCE = 64 << 20
_KEYS = {"channels", "height", "width", "center", "spread"}


@final
class Image:
    """A column of images, for networks and for other models."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The size and the channels of the training images, and the mean and spread of each channel (0 to 255)."""
        some = spread_out(values.drop_nulls(), LEARNED)
        height, width = _size(some, settings)
        # Read in colours first, unless gray is asked for: only the pixels tell whether there are any.
        pixels = _pixels(some, 1 if settings.color == "gray" else 3, height, width)[0]
        if settings.color == "auto" and not _has_colors(pixels):
            pixels = reading.gray(pixels)
        channels = pixels.shape[1]
        return State({"channels": channels, "height": height, "width": width, **_standard(pixels)})

    def encode(self, values: pl.Series, state: State) -> Array:
        """(rows, channels, height, width) uint8."""
        channels, height, width = self.shape(state).size
        pixels, known = _pixels(values, channels, height, width)
        if known.all():
            return pixels
        out = np.empty((len(values), channels, height, width), np.uint8)
        out[:] = _usual(state)[:, None, None]
        out[known] = pixels
        return out

    def shape(self, state: State) -> Shape:
        values = state.values
        size = (values["channels"], values["height"], values["width"])
        return Shape("image", size, center=tuple(values["center"]), spread=tuple(values["spread"]))

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, channels * points) float32 from 0 to 1: the mean of the pixels that each point covers."""
        channels, height, width = self.shape(state).size
        down, across = _covers(height, _points(height)), _covers(width, _points(width))
        out = np.empty((len(values), channels * len(down) * len(across)), np.float32)
        step = max(1, _AT_ONCE // (4 * channels * height * width))
        for first in range(0, len(values), step):
            pixels = self.encode(values[first : first + step], state).astype(np.float32) / 255
            shrunk = pixels if height <= SHRUNK and width <= SHRUNK else down @ pixels @ across.T
            out[first : first + step] = shrunk.reshape(len(pixels), -1)
        return out

    def names(self, column: str, state: State) -> tuple[str, ...]:
        channels, height, width = self.shape(state).size
        colors = ("",) if channels == 1 else (" red", " green", " blue")
        points = [(y, x) for y in range(_points(height)) for x in range(_points(width))]
        return tuple(f"{column}{color} at {y}, {x}" for color in colors for y, x in points)

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The regions of the one image in `values`, at the size that a model sees."""
        pixels, known = _pixels(values, *self.shape(state).size)
        return pieces.cut(values, pixels[0], _usual(state), most) if known[0] else _pieces.whole(values)

    def baseline(self, state: State) -> Any:
        """None: an image that is the mean all over."""
        return None

    def problems(self, values: pl.Series, state: State | None = None) -> list[str | None]:
        """(rows,) why each image cannot be read, in words; None where it can, or where there is none."""
        return [None] * len(values) if _is_pixels(values.dtype) else _files.problems(values, reading.decoded, "images")

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [reason is not None for reason in self.problems(values)], dtype=pl.Boolean)

    def check(self, state: State) -> None:
        values = state.values
        if set(values) != _KEYS or state.arrays or state.parts:
            raise BundleError(f"an image column must hold {', '.join(sorted(_KEYS))}.")
        if values["channels"] not in (1, 3) or not is_whole(values["channels"], 1, 3):
            raise BundleError(f"the images of a column must have 1 or 3 channels, not {values['channels']!r:.40}.")
        for side in ("height", "width"):
            if not is_whole(values[side], 1, MOST):
                raise BundleError(f"the {side} of an image column must be 1 to {MOST}, not {values[side]!r:.40}.")
        wrong = problem(dict(values), values["channels"])
        if wrong is not None:
            raise BundleError(f"an image column is damaged: {wrong}.")


feature = Image()


def _usual(state: State) -> Array:
    """(channels,) uint8: the mean of the training images."""
    return np.rint(np.clip(state.values["center"], 0, 255)).astype(np.uint8)


def _is_pixels(dtype: pl.DataType) -> bool:
    """Whether values are arrays of pixels: (height, width) or (height, width, 1 or 3) uint8."""
    if not isinstance(dtype, pl.Array):
        return False
    base: Any = dtype
    while isinstance(base, pl.Array):
        base = base.inner
    shape = dtype.shape
    return base == pl.UInt8 and (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))) and min(shape) > 0


def _size(values: pl.Series, settings: Features) -> tuple[int, int]:
    """(height, width) that is asked for, or the commonest, where its sides are not above what the recipe allows."""
    if settings.image_size != "auto":
        side = min(max(settings.image_size, 1), MOST)
        return side, side
    sizes: Counter[tuple[int, int]] = Counter()
    if isinstance(values.dtype, pl.Array) and _is_pixels(values.dtype):
        sizes[values.dtype.shape[:2]] += 1  # type: ignore[index]
    elif values.dtype in (pl.String, pl.Binary):
        for value in values.to_list():
            try:
                sizes[reading.size(value)] += 1
            except Unreadable:
                continue
    if not sizes:
        return settings.image_most, settings.image_most
    height, width = min(sizes, key=lambda size: (-sizes[size], size))
    most = settings.image_most
    return (height, width) if max(height, width) <= most else (most, most)


def _pixels(values: pl.Series, channels: int, height: int, width: int) -> tuple[Array, Array]:
    """(readable rows, channels, height, width) uint8, and (rows,) which rows these are."""
    if _is_pixels(values.dtype):
        known = values.is_not_null().to_numpy()
        stored = values.drop_nulls().to_numpy() if len(values) else np.zeros((0, height, width), np.uint8)
        return _of_arrays(stored, channels, height, width), known
    known = np.zeros(len(values), dtype=bool)
    out = np.empty((len(values), channels, height, width), np.uint8)
    if values.dtype in (pl.String, pl.Binary):
        for row, value in enumerate(values.to_list()):
            try:
                if value is not None:
                    picture = reading.decoded(value, at_least=2 * max(height, width))
                    out[row] = _channels_first(picture.convert("L" if channels == 1 else "RGB"), height, width)
                    known[row] = True
            except Unreadable:
                continue
    return out if known.all() else out[known], known


def _of_arrays(stored: Array, channels: int, height: int, width: int) -> Array:
    """(rows, channels, height, width) of (rows, height, width) or (rows, height, width, 1 or 3)."""
    if stored.shape[1:3] != (height, width):
        resized = [_channels_first(reading.of_pixels(pixels), height, width) for pixels in stored]
        found = np.stack(resized) if resized else np.zeros((0, channels, height, width), np.uint8)
    else:
        found = stored[:, None] if stored.ndim == 3 else np.moveaxis(stored, 3, 1)
    if found.shape[1] < channels:
        return np.repeat(found, channels, axis=1)
    return reading.gray(found) if found.shape[1] > channels else np.ascontiguousarray(found)


def _channels_first(picture: Any, height: int, width: int) -> Array:
    pixels = reading.fitted(picture, height, width)
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)


def _has_colors(pixels: Array) -> bool:
    if not len(pixels):
        return False
    spread = pixels.max(axis=1).astype(np.int16) - pixels.min(axis=1)
    return bool((spread > COLORED).any())


def _standard(pixels: Array) -> dict[str, list[float]]:
    """Mean and spread of each channel, from how often each brightness occurs: no sum depends on the order of rows."""
    levels = np.arange(256, dtype=np.float64)
    means, variances = [], []
    for channel in range(pixels.shape[1]):
        counts = np.bincount(pixels[:, channel].ravel(), minlength=256)
        total = max(int(counts.sum()), 1)
        mean = float((counts * levels).sum() / total)
        means.append(mean if counts.any() else 127.5)
        variances.append(float((counts * (levels - mean) ** 2).sum() / total))
    return standard(means, variances)


def _points(side: int) -> int:
    return min(side, SHRUNK)


def _covers(side: int, points: int) -> Array:
    """(points, side) float32: the share that each pixel has in the mean of a point.

    >>> _covers(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = np.arange(points + 1) * (side / points)
    low, high = np.arange(side), np.arange(side) + 1
    covered = np.minimum(edges[1:, None], high) - np.maximum(edges[:-1, None], low)
    return (np.clip(covered, 0, None) * (points / side)).astype(np.float32)
