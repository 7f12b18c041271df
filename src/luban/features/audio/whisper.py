"""Log-mel frames as Whisper (Radford et al., 2022) learned from, every 10 ms of a sound of 16,000 samples a second.

    frame t:   x_t = the 25 ms around t * 10 ms, times a Hann window; before the sound it is mirrored, behind it silence
    power:     P_t[k] = |DFT(x_t)[k]|^2
    band b:    L_t[b] = log10(max(sum over k of w_b[k] * P_t[k], 1e-10))
    value:     (max(L_t[b], max of all L - 8) + 4) / 4

w_b are triangles between equal steps of the mel scale of Slaney (1998), linear up to 1,000 Hz, each of the area 1.
A sound ends where no window reaches it any more: what follows in the windows of 30 seconds that Whisper learned from is
one value, that of silence.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from luban.batch import Array

RATE, WINDOW, HOP = 16_000, 400, 160
FLOOR = 1e-10
DEEP, MOVED, SCALED = 8.0, 4.0, 4.0
"""How far below the loudest everything is silence, in powers of ten; what is added, and what the sum is divided by."""
SILENCE = (math.log10(FLOOR) + MOVED) / SCALED
"""The value of a sound in which nothing is."""
_KNEE, _LINEAR = 1_000.0, 200.0 / 3
"""Hertz up to which the scale is linear, and hertz in a step of it there."""
_STEP = math.log(6.4) / 27
"""The logarithm of the ratio of two steps above."""
_FRAMES_AT_ONCE = 4_096


def log_mel(samples: Array, bands: int) -> Array:
    """(frames, bands) float32 of (samples,) float32.

    >>> log_mel(np.zeros(16_000, np.float32), 80).shape
    (102, 80)
    """
    half = WINDOW // 2
    frames = max(math.ceil((len(samples) + half) / HOP), 1)
    behind = (frames - 1) * HOP + half - len(samples)
    filled = np.pad(samples.astype(np.float64), (0, max(behind, half + 1 - len(samples))))
    padded = np.pad(filled, (half, 0), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    filters = mel_filters(bands)
    logarithms = np.empty((frames, bands))
    for first in range(0, frames, _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(windows[first : first + _FRAMES_AT_ONCE] * _hann())
        power = spectrum.real**2 + spectrum.imag**2
        logarithms[first : first + len(power)] = np.log10(np.maximum(power @ filters.T, FLOOR))
    deep = np.maximum(logarithms, logarithms.max() - DEEP)
    return ((deep + MOVED) / SCALED).astype(np.float32)


def samples_of(frames: int) -> int:
    """How many samples give so many frames.

    >>> log_mel(np.zeros(samples_of(50), np.float32), 8).shape
    (50, 8)
    """
    return max(frames * HOP - WINDOW // 2, 1)


@functools.lru_cache(maxsize=4)
def mel_filters(bands: int) -> Array:
    """(bands, 201) float64: the weight of each bin of the spectrum in each band."""
    tips = _hertz(np.linspace(0.0, _mel(RATE / 2), bands + 2))
    bins = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)
    rising = (bins - tips[:-2, None]) / (tips[1:-1] - tips[:-2])[:, None]
    falling = (tips[2:, None] - bins) / (tips[2:] - tips[1:-1])[:, None]
    heights: Array = (2.0 / (tips[2:] - tips[:-2]))[:, None]
    return np.maximum(np.minimum(rising, falling), 0.0) * heights


@functools.lru_cache(maxsize=1)
def _hann() -> Array:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def _mel(hertz: float) -> float:
    """Of a frequency above the knee."""
    return _KNEE / _LINEAR + math.log(hertz / _KNEE) / _STEP


def _hertz(mels: Array) -> Array:
    knee = _KNEE / _LINEAR
    return np.where(mels < knee, mels * _LINEAR, _KNEE * np.exp((np.maximum(mels, knee) - knee) * _STEP))
