"""eSpeak NG 1.52 (GPL-3.0-or-later), which speaks any text in many voices, as the package espeakng-loader carries it.

The package itself is a library and its data, and names no licence of its own. It is the one package of which something
is run: the library, once its sum is checked, in a process of its own, because it is native code with one global state.

    python -m luban.data.samples._espeak FOLDER     reads a JSON list of utterances, writes their sounds one by one
"""

from __future__ import annotations

import ctypes
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from luban.batch import Array
from luban.core.errors import ResourceError, UsageError
from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package(
    "espeakng-loader", "0.2.4", "08721baf27d13d461f6be6eed9a65277e70d68234ff484fd8b9897b222cdcb6d"
)
SYSTEM = ("Linux", "x86_64")
"""What the library in the package's file is built for."""
FOLDER, LIBRARY = "espeakng_loader/", "libespeak-ng.so"
RATE = 22_050
"""Samples a second of what it says."""
_SYNCHRONOUS, _NEVER_EXIT, _UTF8 = 2, 0x8000, 1
_SPEED, _PITCH = 1, 3
_LENGTH = 4
"""Bytes of how many samples follow."""


@dataclass(frozen=True)
class Utterance:
    """What is said. voice: a language, `+` and a speaker, as `en-us+f2`. speed: words a minute. pitch: 0 to 100."""

    voice: str
    text: str
    speed: int = 175
    pitch: int = 50


def spoken(utterances: Sequence[Utterance]) -> list[Array]:
    """(samples,) int16 of each, `RATE` a second, the same each time.

    Raises UsageError on a system that the library is not built for, ResourceError where it fails.
    """
    here = (platform.system(), platform.machine())
    if here != SYSTEM:
        raise UsageError(
            f"the voices are made by a library for {' '.join(SYSTEM)}, and this is {' '.join(here)}.",
            fix="fetch the sample on such a machine, and copy its folder: luban sample NAME --out FOLDER",
        )
    with tempfile.TemporaryDirectory(prefix="luban-fetch-") as folder:
        for name, content in _archives.of_wheel(_fetched.download(PACKAGE), FOLDER):
            place = Path(folder, name)
            if not place.resolve().is_relative_to(Path(folder).resolve()):
                raise _failed(f"it holds a file {name!r:.80}")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, folder],
            input=json.dumps([astuple(each) for each in utterances]).encode(),
            capture_output=True, timeout=_fetched.PATIENCE, check=False,
        )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _failed(said[-1][:200] if said else f"it ended with the status {done.returncode}")
    return list(_sounds(done.stdout))


def _sounds(data: bytes) -> Iterator[Array]:
    place = 0
    while place < len(data):
        count = int.from_bytes(data[place : place + _LENGTH], "little")
        place += _LENGTH
        yield np.frombuffer(data, np.dtype("<i2"), count, place)
        place += 2 * count


def _failed(why: str) -> ResourceError:
    return ResourceError(f"eSpeak NG did not speak: {why}", where=f"the package {PACKAGE.name}", fix="try again")


def main(folder: str) -> None:
    """Speaks what stands on stdin, by the library in the folder."""
    library = ctypes.CDLL(str(Path(folder, LIBRARY)))
    if library.espeak_Initialize(_SYNCHRONOUS, 0, folder.encode(), _NEVER_EXIT) != RATE:
        raise SystemExit("the library does not find its data")
    parts: list[bytes] = []

    def take(samples: int | None, count: int, events: int | None) -> int:
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(take)
    library.espeak_SetSynthCallback(callback)
    for voice, text, speed, pitch in json.load(sys.stdin):
        # Breath and roughness are drawn at random; else they would depend on the time and on what was said before.
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        if library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit(f"it knows no voice {voice}")
        library.espeak_SetParameter(_SPEED, speed, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        words = text.encode()
        size = ctypes.c_size_t(len(words) + 1)
        library.espeak_Synth(ctypes.c_char_p(words), size, 0, 1, 0, _UTF8, None, None)
        sound = b"".join(parts)
        parts.clear()
        sys.stdout.buffer.write((len(sound) // 2).to_bytes(_LENGTH, "little") + sound)


if __name__ == "__main__":
    main(sys.argv[1])
