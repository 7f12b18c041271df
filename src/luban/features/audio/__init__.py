"""Sounds: paths or bytes of files, as log-mel spectrograms of one channel at one sample rate; or such spectrograms.

The spectrograms are luban's own (`spectrogram`), or those that Whisper learned from (`whisper`), where it reads them.
A missing sound, and one that cannot be read, is one frame of the mean of each band. Models that see a row as one line
of numbers get the mean and the standard deviation of each band. One state serves both views.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError
from luban.features import _files, _pieces
from luban.features._files import Unreadable
from luban.features._learning import LONGEST, is_whole, longest_of, problem, spread_out, standard, whole
from luban.features.audio import pieces, reading, spectrogram, whisper
from luban.protocols import Cut, Shape, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

LEARNED = 2_000
"""Rate, length and loudness are learned from so many training sounds, evenly spaced, where there are more."""
USUAL_RATE, MOST_FRAMES = 16_000, 1_000
"""Samples a second, and frames, at most, where the recipe leaves it to the training rows."""
_LIMIT = 1e4
_KEYS = {"rate", "bands", "longest", "center", "spread"}
_WHISPER = "whisper"
_AS = "spectrogram"
"""The key of a state whose frames are those of Whisper."""


@final
class Audio:
    """A column of sounds, for networks and for other models."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The rate and the length of the training sounds, and the mean and spread of each band."""
        some = spread_out(values.drop_nulls(), LEARNED)
        as_whisper = settings.spectrogram == _WHISPER
        if as_whisper:
            rate = whisper.RATE
        else:
            rate = _rate(some) if settings.sample_rate == "auto" else settings.sample_rate
            rate = min(max(rate, reading.RATES[0]), reading.RATES[1])
        longest = MOST_FRAMES if settings.longest == "auto" else whole(settings.longest)
        bands = settings.mel_bands
        how = _How(rate, bands, longest, as_whisper)
        frames = [each for each in _spectrograms(some, how) if each is not None]
        if settings.longest == "auto":
            longest = longest_of(np.array([len(each) for each in frames], np.int64), longest)
        named = {_AS: _WHISPER} if as_whisper else {}
        return State({"rate": rate, "bands": bands, "longest": longest, **named, **_standard(frames, bands, how)})

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged float32 (frames, bands)."""
        learned = state.values
        nothing = np.array([learned["center"]], np.float32)
        found = _spectrograms(values, _how(state))
        rows = [nothing if each is None else each for each in found]
        return Ragged.of(rows) if rows else Ragged(nothing[:0], np.zeros(1, np.int64))

    def shape(self, state: State) -> Shape:
        values = state.values
        center, spread = tuple(values["center"]), tuple(values["spread"])
        return Shape("sequence", (values["bands"],), longest=values["longest"], center=center, spread=spread)

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, 2 * bands) float32: the mean of each band over time, then its standard deviation, both scaled."""
        center, spread = (np.array(state.values[key]) for key in ("center", "spread"))
        out = np.empty((len(values), 2 * len(center)), np.float32)
        for row in range(len(values)):
            frames = (self.encode(values[row : row + 1], state).values - center) / spread
            out[row] = np.clip(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]), -_LIMIT, _LIMIT)
        return out

    def names(self, column: str, state: State) -> tuple[str, ...]:
        bands = range(1, state.values["bands"] + 1)
        return (*(f"{column} band {band}" for band in bands), *(f"{column} variation of band {band}" for band in bands))

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The stretches of the one sound in `values`, as spectrograms."""
        learned = state.values
        frames = _spectrograms(values, _how(state))[0]
        if frames is None:
            return _pieces.whole(values)
        return pieces.cut(values, frames, np.array(learned["center"]), most)

    def baseline(self, state: State) -> Any:
        """None: a frame of the mean of each band."""
        return None

    def problems(self, values: pl.Series, state: State | None = None) -> list[str | None]:
        """(rows,) why each sound cannot be read, in words; None where it can, or where there is none.

        state: what was learned; no more of a sound is then read than is used.
        """
        if _is_spectrograms(values.dtype, None if state is None else state.values["bands"]):
            return [None] * len(values)
        seconds = math.inf if state is None else _seconds(state.values["longest"])
        return _files.problems(values, lambda value: reading.samples(value, seconds), "sounds")

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [reason is not None for reason in self.problems(values)], dtype=pl.Boolean)

    def check(self, state: State) -> None:
        values = state.values
        if set(values) - {_AS} != _KEYS or values.get(_AS, _WHISPER) != _WHISPER or state.arrays or state.parts:
            raise BundleError(f"an audio column must hold {', '.join(sorted(_KEYS))}.")
        for key, (least, most) in {"rate": reading.RATES, "bands": (8, 512), "longest": (1, LONGEST)}.items():
            if not is_whole(values[key], least, most):
                raise BundleError(f"the {key} of an audio column must be {least} to {most}, not {values[key]!r:.40}.")
        if _AS in values and values["rate"] != whisper.RATE:
            raise BundleError(f"an audio column as Whisper hears it has {whisper.RATE:,} samples a second.")
        wrong = problem(dict(values), values["bands"])
        if wrong is not None:
            raise BundleError(f"an audio column is damaged: {wrong}.")


feature = Audio()


@dataclass(frozen=True)
class _How:
    """How sounds become frames. rate: samples a second. bands: of a frame. longest: frames, at most."""

    rate: int
    bands: int
    longest: int
    as_whisper: bool

    @property
    def silence(self) -> float:
        """The value of a band in which nothing is."""
        return whisper.SILENCE if self.as_whisper else math.log(spectrogram.FLOOR)

    def frames(self, sound: Array, recorded: int) -> Array:
        """(frames, bands) float32 of samples, of which there were so many a second."""
        sound = spectrogram.resampled(sound, recorded, self.rate)
        if self.as_whisper:
            return whisper.log_mel(sound[: whisper.samples_of(self.longest)], self.bands)[: self.longest]
        return spectrogram.log_mel(sound[: spectrogram.samples_of(self.longest, self.rate)], self.rate, self.bands)


def _how(state: State) -> _How:
    values = state.values
    return _How(values["rate"], values["bands"], values["longest"], _AS in values)


def _seconds(frames: int) -> float:
    return spectrogram.WINDOW + frames * spectrogram.HOP


def _is_spectrograms(dtype: pl.DataType, bands: int | None) -> bool:
    """Whether values are arrays of (frames, bands) float32. bands: None for any number."""
    if not isinstance(dtype, pl.Array) or len(dtype.shape) != 2 or bands not in (None, dtype.shape[1]):
        return False
    return isinstance(dtype.inner, pl.Array) and dtype.inner.inner == pl.Float32 and min(dtype.shape) > 0


def _rate(values: pl.Series) -> int:
    """The commonest, at most `USUAL_RATE`."""
    rates: Counter[int] = Counter()
    for value in values.to_list() if values.dtype in (pl.String, pl.Binary) else ():
        try:
            rates[reading.rate(value)] += 1
        except Unreadable:
            continue
    return min(min(rates, key=lambda rate: (-rates[rate], rate)), USUAL_RATE) if rates else USUAL_RATE


def _spectrograms(values: pl.Series, how: _How) -> list[Array | None]:
    """(frames, bands) float32 of each sound; None where there is none that can be read."""
    if _is_spectrograms(values.dtype, how.bands):
        return [None if value is None else value.to_numpy()[: how.longest].copy() for value in values]
    found: list[Array | None] = []
    for value in values.to_list() if values.dtype in (pl.String, pl.Binary) else [None] * len(values):
        try:
            if value is None:
                found.append(None)
                continue
            sound, recorded = reading.samples(value, _seconds(how.longest))
            found.append(how.frames(sound, recorded))
        except Unreadable:
            found.append(None)
    return found


def _standard(frames: list[Array], bands: int, how: _How) -> dict[str, list[float]]:
    """Mean and spread of each band over all frames; sums are exact, so the order of the rows does not matter."""
    count = sum(map(len, frames))
    if not count:
        return standard([how.silence] * bands, [0.0] * bands)
    means = _sums([each.astype(np.float64).sum(axis=0) for each in frames], bands) / count
    variances = _sums([((each.astype(np.float64) - means) ** 2).sum(axis=0) for each in frames], bands) / count
    return standard(means.tolist(), variances.tolist())


def _sums(rows: list[Array], bands: int) -> Array:
    return np.array([math.fsum(row[band] for row in rows) for band in range(bands)])
