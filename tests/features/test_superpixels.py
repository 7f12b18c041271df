"""Superpixels: connected, of like colour, as many as are asked for, at any size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from luban.features.image.superpixels import superpixels

RANDOM = np.random.default_rng(0)


def noisy(channels: int, height: int, width: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (channels, height, width), dtype=np.uint8)


@pytest.mark.parametrize(
    "size", [(1, 1, 1), (3, 2, 3), (1, 8, 8), (3, 28, 28), (1, 5, 200), (3, 200, 3), (3, 300, 270)]
)
@pytest.mark.parametrize("most", [1, 2, 7, 40, 1_000])
def test_regions_are_connected_and_none_is_without_a_pixel(size: tuple[int, int, int], most: int) -> None:
    regions = superpixels(noisy(*size), most)
    assert regions.shape == size[1:] and regions.dtype == np.int64
    count = int(regions.max()) + 1
    assert count <= min(most, 40) and np.array_equal(np.unique(regions), np.arange(count))
    assert all(ndimage.label(regions == number)[1] == 1 for number in range(count))


def test_regions_keep_to_the_borders_of_what_is_shown() -> None:
    height, width = 60, 80
    y, x = np.mgrid[:height, :width]
    disc = (y - 28) ** 2 + (x - 43) ** 2 < 17**2
    picture = np.where(disc, np.array([200, 40, 40])[:, None, None], np.array([40, 90, 200])[:, None, None])
    regions = superpixels(np.clip(picture + RANDOM.normal(0, 6, picture.shape), 0, 255).astype(np.uint8), 40)
    shares = np.bincount(regions.ravel(), disc.ravel()) / np.bincount(regions.ravel())
    mixed = np.minimum(shares, 1 - shares) * np.bincount(regions.ravel())
    # A grid of the same number of squares has more than 200 pixels on the wrong side.
    grid = (y * 6 // height) * 6 + x * 6 // width
    of_grid = np.bincount(grid.ravel(), disc.ravel()) / np.bincount(grid.ravel())
    assert (np.minimum(of_grid, 1 - of_grid) * np.bincount(grid.ravel())).sum() > 200
    assert mixed.sum() < 40


def test_an_even_image_is_cut_into_squares() -> None:
    regions = superpixels(np.full((3, 24, 24), 90, np.uint8), 36)
    assert np.array_equal(regions, (np.arange(24) // 4)[:, None] * 6 + np.arange(24) // 4)


def test_gray_is_cut_as_the_same_gray_in_three_channels() -> None:
    gray = ndimage.gaussian_filter(noisy(1, 40, 40).astype(float), (0, 3, 3))
    gray = ((gray - gray.min()) / np.ptp(gray) * 255).astype(np.uint8)
    assert np.mean(superpixels(gray, 20) != superpixels(np.repeat(gray, 3, axis=0), 20)) < 0.02


def test_a_large_image_is_cut_as_it_is_when_shrunk() -> None:
    small = np.repeat(np.repeat(noisy(3, 32, 32), 8, axis=1), 8, axis=2)
    large = np.repeat(np.repeat(small, 2, axis=1), 2, axis=2)
    regions = superpixels(large, 40)
    assert regions.shape == (512, 512)
    assert np.array_equal(regions[::2, ::2], superpixels(small, 40))
