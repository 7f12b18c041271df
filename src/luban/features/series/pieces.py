"""Series in windows of time; where there are several channels, each or a few together by themselves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.features import _pieces
from luban.protocols import Cut, Shown

PIECES = 40
"""Pieces of a series of several channels, at most."""


def cut(values: pl.Series, steps: Array, center: Array, most: int) -> Cut:
    """The windows of the one series in `values`, whose (steps, channels) are known; the channels in turn.

    What is left out has the mean of its channel, `center`. The place of a piece are its first step and the one behind
    the last; where there are several channels, then its first channel and the one behind the last.
    """
    count, channels = steps.shape
    most = min(most, PIECES)
    groups = _pieces.evenly(channels, min(channels, math.isqrt(most)))
    windows = _pieces.evenly(count, min(_pieces.STRETCHES, most // (len(groups) - 1)))
    units: list[Unit] = []
    numbers = np.empty((count, channels), np.int64)
    for first, behind in pairwise(groups.tolist()):
        of = "" if channels == 1 else f"{_pieces.named('channel', first, behind)}, "
        own = () if channels == 1 else (first, behind)
        for begin, end in pairwise(windows.tolist()):
            numbers[begin:end, first:behind] = len(units)
            name = of + _pieces.named("step", begin, end)
            told = _pieces.mean(steps[begin:end, first:behind])
            units.append(Unit(name, values.name, told, (begin, end, *own)))

    def masked(stays: Array) -> pl.Series:
        rows = np.where(stays[:, numbers], steps, center)
        return pl.Series(values.name, rows[..., 0] if channels == 1 else rows)

    return Cut(tuple(units), masked, shown=Shown("series", steps))
