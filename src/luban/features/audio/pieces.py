"""Sounds in stretches of time. What is left out has the mean of each band: silence would say something of its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.features import _pieces
from luban.features.audio.spectrogram import HOP
from luban.protocols import Cut, Shown


def cut(values: pl.Series, frames: Array, center: Array, most: int) -> Cut:
    """The stretches of the one sound in `values`, whose (frames, bands) spectrogram is known.

    center: (bands,) the mean of each. What is given back are spectrograms. The place of a piece is in seconds; the
    window of its last frame reaches 15 ms into the next one.
    """
    edges = _pieces.evenly(len(frames), min(_pieces.STRETCHES, most))
    seconds = [round(edge * HOP, 6) for edge in edges.tolist()]
    places = pairwise(seconds)
    units = (Unit(f"{begin:.2f} to {end:.2f} s", values.name, place=(begin, end)) for begin, end in places)

    def masked(stays: Array) -> pl.Series:
        there = _pieces.told_apart(stays, edges)
        return pl.Series(values.name, np.where(there[..., None], frames, center.astype(np.float32)))

    return Cut(tuple(units), masked, shown=Shown("sound", frames, step=HOP))
