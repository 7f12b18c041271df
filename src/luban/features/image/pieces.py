"""Images in regions. What is left out has the mean colour of the training images, as an image that is missing has:
then nothing at all is known of it. A colour of the surroundings would keep the outline of what was left out.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.features.image.superpixels import superpixels
from luban.protocols import Cut, Shown

_DOWN, _ACROSS = ("top", "middle", "bottom"), ("left", "middle", "right")


def cut(values: pl.Series, pixels: Array, center: Array, most: int) -> Cut:
    """The regions of the one image in `values`, whose (channels, height, width) uint8 are as a model sees them.

    center: (channels,) uint8. What is given back are arrays of pixels.
    """
    regions = superpixels(pixels, most)
    shown = np.moveaxis(pixels, 0, 2)

    def masked(stays: Array) -> pl.Series:
        rows = np.where(stays[:, regions][..., None], shown, center)
        return pl.Series(values.name, rows[..., 0] if len(center) == 1 else rows)

    units = (
        Unit(f"region {number + 1}", values.name, _where(regions == number), (number,))
        for number in range(int(regions.max()) + 1)
    )
    return Cut(tuple(units), masked, regions, Shown("image", pixels))


def _where(region: Array) -> str:
    """In which ninth of the image the middle of a region lies.

    >>> _where(np.array([[True, False, False]]))
    'middle left'
    """
    height, width = region.shape
    y, x = (float(each.mean()) + 0.5 for each in np.nonzero(region))
    down, across = _DOWN[min(int(3 * y / height), 2)], _ACROSS[min(int(3 * x / width), 2)]
    return down if down == across else f"{down} {across}"
