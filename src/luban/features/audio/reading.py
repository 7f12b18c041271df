"""The samples of sounds: files opened with a bound on what is read of them, mixed to one channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from luban.batch import Array
from luban.core.lazy import require
from luban.features._files import Unreadable, opened

FORMATS = ("AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "RF64", "W64", "WAV", "WAVEX")
"""What is read; soundfile knows others, which hold no sound that people record today."""
RATES = (1_000, 200_000)
"""Samples a second, at least and at most."""
MOST_CHANNELS = 32
_AT_ONCE = 1 << 18


def rate(value: str | bytes) -> int:
    """Samples a second, as the header says. Raises Unreadable."""
    with _sound(value) as file:
        return int(file.samplerate)


def samples(value: str | bytes, seconds: float = float("inf")) -> tuple[Array, int]:
    """(samples,) float32, finite, the mean of all channels, about -1 to 1; and how many there are in a second.

    seconds: no more of the sound is read; a small file can hold hours.
    Raises Unreadable.
    """
    with _sound(value) as file:
        wanted = int(min(seconds * file.samplerate + 1, 2**62))
        parts: list[Array] = []
        while wanted > 0:
            block = file.read(min(wanted, _AT_ONCE), dtype="float32", always_2d=True)
            if not len(block):
                break
            parts.append(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1))
            wanted -= len(block)
        if not parts:
            raise Unreadable("the file holds no sound")
        together = parts[0] if len(parts) == 1 else np.concatenate(parts)
        # Files of decimals may hold anything; what is no loudness is silence, and 100 is far too loud.
        return np.clip(np.nan_to_num(together, nan=0.0, posinf=0.0, neginf=0.0), -100, 100), int(file.samplerate)


@contextmanager
def _sound(value: str | bytes) -> Iterator[Any]:
    soundfile = require("soundfile", extra="nets", purpose="reading sounds")
    source = opened(value)
    try:
        with soundfile.SoundFile(source) as file:
            if file.format not in FORMATS:
                raise Unreadable(f"this is a file of the format {file.format}, and luban reads {', '.join(FORMATS)}")
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise Unreadable(
                    f"it says it has {file.samplerate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} are read"
                )
            if not 1 <= file.channels <= MOST_CHANNELS:
                raise Unreadable(f"it says it has {file.channels:,} channels; up to {MOST_CHANNELS} are read")
            yield file
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        said = str(error).split(": ")[-1].strip(" .")
        raise Unreadable(f"the sound is damaged, or of no format that luban reads ({said:.80})") from None
