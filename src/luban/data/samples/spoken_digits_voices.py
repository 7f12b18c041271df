"""Spoken digits by voices of eSpeak NG (GPL-3.0-or-later), to learn from where `spoken-digits` tests. Fetched.

Zero to nine in English and in French by 60 speakers in three accents each, at a speed and a pitch that are drawn, as
over a telephone: 8,000 steps a second, with pauses around and a noise. A `speaker` stays on one side of the split.
"""

from __future__ import annotations

import csv
import io
import math
import random
import wave
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from luban.batch import Array
from luban.data.samples import _espeak
from luban.data.samples._spoken import COLUMNS, DIGITS, TABLE

RATE = 8_000
WORDS = {
    "english": DIGITS,
    "french": ("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
}
ACCENTS = {"english": ("en-us", "en-gb-x-rp", "en-029"), "french": ("fr", "fr-be", "fr-ch")}
SPEAKERS = [
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "Alex", "Alicia", "Andrea", "Andy",
    "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike",
    "Nguyen", "Reed", "adam", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed",
    "edward", "grandma", "grandpa", "gustave", "ian", "iven", "john", "linda", "marcelo", "max", "michel", "miguel",
    "norbert", "pablo", "paul", "pedro", "quincy", "robert", "sandro",
]  # fmt: skip
"""Those that sound like a person: no robots, whispers or monsters."""
SPEEDS, PITCHES = (110, 190), (25, 75)
PAUSES, LOUDNESS, NOISE = (0.02, 0.2), (0.4, 1.2), (0.5, 100.0)
"""Seconds; times as loud; standard deviation, where a sample goes up to 32,767."""


@final
class SpokenDigitsVoices:
    """Paths of sounds with ten classes, and a group."""

    target: ClassVar[str] = "digit"
    title: ClassVar[str] = "3,600 spoken digits by 60 synthetic voices: which of ten, in English and French"
    rows: ClassVar[int] = 3600
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        said = utterances()
        write_folder(said, _espeak.spoken([utterance for _, _, utterance in said]), place)


def utterances() -> list[tuple[str, int, _espeak.Utterance]]:
    """Language, digit, and how it is said, of each sound."""
    chance = random.Random(0)
    return [
        (
            language,
            digit,
            _espeak.Utterance(f"{accent}+{speaker}", word, chance.randint(*SPEEDS), chance.randint(*PITCHES)),
        )
        for language, words in WORDS.items()
        for accent in ACCENTS[language]
        for speaker in SPEAKERS
        for digit, word in enumerate(words)
    ]


def write_folder(said: list[tuple[str, int, _espeak.Utterance]], sounds: list[Array], place: Path) -> None:
    """Writes a folder of sounds for each language, and the table."""
    from luban.features.audio import spectrogram

    chance = np.random.default_rng(0)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (language, digit, utterance), sound in zip(said, sounds, strict=True):
        accent, _, speaker = utterance.voice.partition("+")
        path = f"{language}/{accent}-{speaker}-{digit}.wav"
        (place / language).mkdir(exist_ok=True)
        with wave.open(str(place / path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            there = on_a_line(spectrogram.resampled(sound.astype(np.float32), _espeak.RATE, RATE), chance)
            file.writeframes(np.clip(there.round(), -32_768, 32_767).astype("<i2").tobytes())
        writer.writerow((path, language, speaker, DIGITS[digit]))
    (place / TABLE).write_text(out.getvalue(), encoding="utf-8")


def on_a_line(sound: Array, chance: np.random.Generator) -> Array:
    """The sound with a loudness, a silence before and behind, and a noise that are drawn: no recording has a silence
    of zeros."""
    before, behind = (int(chance.uniform(*PAUSES) * RATE) for _ in range(2))
    louder = sound * chance.uniform(*LOUDNESS)
    low, high = map(math.log, NOISE)
    noise = math.exp(chance.uniform(low, high))
    padded = np.concatenate([np.zeros(before), louder, np.zeros(behind)])
    return padded + chance.normal(size=len(padded)) * noise


sample = SpokenDigitsVoices()
