"""Superpixels: an image in connected regions of like colour and about one size (SLIC: Achanta et al., 2012,
doi 10.1109/TPAMI.2012.120).

The distance of a pixel from a region is sqrt(d_c^2 + (m d_s / s)^2): d_c of the colours in CIELAB, d_s of the places, s
the side of a cell of the grid that the regions begin as, m = 10. A pixel stays with its own cell or one of the eight
around it. Then each region keeps its largest connected piece, and what is left goes to the neighbours it touches.
"""

from __future__ import annotations

import math

import numpy as np

from luban.batch import Array

REGIONS = 40
"""Regions of an image, at most."""
_COMPACT = 10.0
_ROUNDS = 10
_FEWEST_PIXELS = 4
"""Pixels of a region, in the mean, at least."""
_MOST_SIDE = 256
"""A larger image is cut by fewer of its pixels; this bounds the time."""


def superpixels(pixels: Array, most: int) -> Array:
    """(height, width) int64: the number of the region of each pixel, from 0 on, as they begin from the top left.

    pixels: (channels, height, width) uint8, gray or red, green and blue. At most `most` regions, and at most 40.

    >>> halves = np.repeat(np.array([0, 0, 0, 255, 255, 255], np.uint8)[None, None], 4, axis=1)
    >>> superpixels(halves, 2)[0].tolist()
    [0, 0, 0, 1, 1, 1]
    """
    height, width = pixels.shape[1:]
    down, across = (np.arange(min(side, _MOST_SIDE)) * side // min(side, _MOST_SIDE) for side in (height, width))
    found = _numbered(_connected(_clustered(_lab(pixels[:, down][:, :, across]), most)))
    for axis, (some, side) in enumerate(((down, height), (across, width))):
        found = np.take(found, np.searchsorted(some, np.arange(side), side="right") - 1, axis=axis)
    return found


def _clustered(colors: Array, most: int) -> Array:
    """(height, width) int64: the region that each pixel is nearest to, by the number of its cell."""
    height, width = colors.shape[1:]
    rows, columns = _grid(height, width, min(most, REGIONS))
    side = math.sqrt(height * width / (rows * columns))
    y, x = np.mgrid[:height, :width]
    # Scaled so that all axes have one unit: pixels.
    points = np.concatenate([colors * (side / _COMPACT), y[None], x[None]]).astype(np.float64)
    row, column = y * rows // height, x * columns // width
    labels = row * columns + column
    around = [(a, b) for a in (0, -1, 1) for b in (0, -1, 1)]
    cells = [np.clip(row + a, 0, rows - 1) * columns + np.clip(column + b, 0, columns - 1) for a, b in around]
    centers = np.zeros((len(points), rows * columns))
    for _ in range(_ROUNDS):
        counts = np.bincount(labels.ravel(), minlength=rows * columns)
        sums = [np.bincount(labels.ravel(), each.ravel(), minlength=rows * columns) for each in points]
        centers = np.where(counts > 0, np.array(sums) / np.maximum(counts, 1), centers)
        before, labels = labels, cells[0]
        least = np.full(labels.shape, np.inf)
        for cell in cells:
            distance = ((points - centers[:, cell]) ** 2).sum(axis=0)
            nearer = distance < least
            labels, least = np.where(nearer, cell, labels), np.where(nearer, distance, least)
        if np.array_equal(before, labels):
            break
    return labels


def _connected(labels: Array) -> Array:
    """Each region with its largest connected piece; pixels of others go to a neighbour, those at its border first."""
    from scipy import ndimage

    found = np.full(labels.shape, -1, np.int64)
    for number in np.unique(labels).tolist():
        parts = ndimage.label(labels == number)[0]
        found[parts == np.bincount(parts.ravel())[1:].argmax() + 1] = number
    while (found < 0).any():
        around = np.pad(found, 1, constant_values=-1)
        for near in (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]):
            found = np.where(found < 0, near, found)
    return found


def _numbered(labels: Array) -> Array:
    """The same regions with the numbers 0, 1, 2 and so on, in the order of their cells."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)


def _grid(height: int, width: int, most: int) -> tuple[int, int]:
    """(rows, columns) of cells, about square, at most so many together.

    >>> _grid(28, 28, 40), _grid(8, 8, 40), _grid(10, 100, 40), _grid(1, 1, 40)
    ((6, 6), (4, 4), (2, 20), (1, 1))
    """
    most = max(1, min(most, height * width // _FEWEST_PIXELS))
    rows = max(1, min(round(math.sqrt(most * height / width)), height, most))
    return rows, max(1, min(most // rows, width))


def _lab(pixels: Array) -> Array:
    """(3 or 1, height, width) float64: CIELAB of sRGB under D65; of gray the lightness alone."""
    share = pixels.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    if len(pixels) == 1:
        return 116 * _root(linear) - 16
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    x, y, z = _root(np.einsum("ab,bhw->ahw", np.array(to_xyz), linear) / np.array([0.95047, 1, 1.08883])[:, None, None])
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _root(values: Array) -> Array:
    return np.where(values > (6 / 29) ** 3, np.cbrt(values), values / (3 * (6 / 29) ** 2) + 4 / 29)
