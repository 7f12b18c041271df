"""Log-mel spectrograms: how loud a sound is in each frequency band, on a scale as hearing has it, every 10 ms.

    frame t:   x_t = the 25 ms from t * 10 ms on, times a Hann window
    power:     P_t[k] = |DFT(x_t)[k]|^2
    band b:    ln(max(sum over k of w_b[k] * P_t[k], 1e-10))
    w_b:       a triangle between equal steps of mel(f) = 2595 log10(1 + f / 700) from 0 to half the sample rate

(Davis and Mermelstein, 1980; the mel scale of O'Shaughnessy, 1987). All of it is numpy in one fixed order, so that a
bundle answers without torch, and equally on any number of threads.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

WINDOW, HOP = 0.025, 0.010
"""Seconds of a frame, and from one frame to the next."""
FLOOR = 1e-10
"""The power below which everything is silence."""
_FRAMES_AT_ONCE = 4_096


def log_mel(samples: Array, rate: int, bands: int) -> Array:
    """(frames, bands) float32 of (samples,) float32. A sound shorter than a window is one frame.

    >>> log_mel(np.zeros(16_000, np.float32), 16_000, 8).shape
    (98, 8)
    """
    window, hop = window_and_hop(rate)
    if len(samples) < window:
        samples = np.pad(samples, (0, window - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    filters = mel_filters(rate, bands)
    length = 2 * (filters.shape[1] - 1)
    out = np.empty((len(frames), bands), np.float32)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        some = frames[first : first + _FRAMES_AT_ONCE] * _hann(window)
        spectrum = np.fft.rfft(some, n=length)
        power = spectrum.real**2 + spectrum.imag**2
        out[first : first + len(some)] = np.log(np.maximum((filters @ power.T).T, FLOOR))
    return out


def window_and_hop(rate: int) -> tuple[int, int]:
    """Samples of a window, and between the starts of two."""
    return max(round(WINDOW * rate), 1), max(round(HOP * rate), 1)


def samples_of(frames: int, rate: int) -> int:
    """How many samples so many frames need."""
    window, hop = window_and_hop(rate)
    return window + (frames - 1) * hop


@functools.lru_cache(maxsize=8)
def mel_filters(rate: int, bands: int) -> csr_matrix:
    """(bands, bins) float32, sparse: the weight of each bin of the spectrum in each band, 1 at the tip of a triangle.

    The spectrum is made so fine (by zeros behind the window) that no band lies between two bins.
    """
    from scipy.sparse import csr_matrix

    tips = _hertz(np.linspace(0.0, _mel(rate / 2), bands + 2))
    window = window_and_hop(rate)[0]
    length = 2 ** math.ceil(math.log2(max(window, rate / (tips[1] - tips[0]))))
    bins = np.arange(length // 2 + 1) * (rate / length)
    rising = (bins - tips[:-2, None]) / (tips[1:-1] - tips[:-2])[:, None]
    falling = (tips[2:, None] - bins) / (tips[2:] - tips[1:-1])[:, None]
    return csr_matrix(np.maximum(np.minimum(rising, falling), 0.0).astype(np.float32))


def resampled(samples: Array, old: int, new: int) -> Array:
    """The sound at another sample rate, (ceil(samples * new / old),) float32, by its spectrum: what the new rate cannot
    hold is left out, and nothing else changes.

    >>> bool(np.allclose(resampled(np.ones(441, np.float32), 44_100, 8_000)[20:60], 1, atol=0.02))
    True
    """
    if old == new or not len(samples):
        return samples
    common = math.gcd(old, new)
    # A whole number of periods of both rates, and silence behind, because the spectrum takes the end for the beginning.
    periods = math.ceil((len(samples) + old // 50) / (old // common))
    before, after = periods * (old // common), periods * (new // common)
    spectrum = np.fft.rfft(samples.astype(np.float64), n=before)
    kept = spectrum[: after // 2 + 1]
    found = np.fft.irfft(kept, n=after) * (after / before)
    return found[: math.ceil(len(samples) * new / old)].astype(np.float32)


@functools.lru_cache(maxsize=8)
def _hann(window: int) -> Array:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)


def _mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def _hertz(mel: Array) -> Array:
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
