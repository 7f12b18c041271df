"""What follows the training of a language model under `--time`: foretold from what was measured in the run itself, so
that the training ends early enough and no earlier.

Held-out texts are answered by a network of the very size that is trained, before it is: by the model as it was, where
one is adapted, which has to answer all of them anyway, and else by fresh weights, some of them. How fast weights are
written is seen by a file of zeros where they will lie.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luban.core import units

if TYPE_CHECKING:
    from pathlib import Path

Clock = Callable[[], float]
"""`clock()`: seconds from some moment on."""

LEAST = 3.0
"""Seconds of it, at least."""
MOST = 0.5
"""Share of the time that is kept for it, at most: what would take longer has no training before it."""
SURE = 1.25
"""How many times as long as foretold it may take: other work on the machine comes and goes."""
DRAWN = 2.0
"""Seconds for intervals, the report and the card, by trial on one slow core."""
COPIES = 3
"""How often the weights are written, or read to be fingerprinted, behind the training."""
PROBE = 16 << 20
"""Bytes that are written to see how long that takes."""


@dataclass(frozen=True)
class Step:
    """A part of the ending. seconds: foretold. how: what that is known from."""

    what: str
    seconds: float
    how: str


@dataclass(frozen=True)
class Ending:
    """What follows a training, foretold. steps: of it, in their order.

    >>> ending = Ending((Step("to answer 40 texts", 12.0, "as 4 took 1.2 s"), Step("to write 540 MB", 4.0, "")))
    >>> ending.seconds, ending.within(20.0), ending.within(90.0)
    (20.0, 10.0, 20.0)
    """

    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """All of it, with some to spare."""
        return max(SURE * sum(step.seconds for step in self.steps), LEAST)

    def within(self, seconds: float) -> float:
        """What is kept of so much time."""
        return min(self.seconds, MOST * seconds)

    def told(self, seconds: float) -> str:
        """What is kept of so much time, and why, in words.

        >>> Ending((Step("to answer 40 texts", 12.0, "as 4 took 1.2 s"),)).told(90.0)
        '15.0 of 90 s are kept for what follows: 12.0 s to answer 40 texts (as 4 took 1.2 s)'
        """
        parts = ", ".join(
            f"{step.seconds:.1f} s {step.what}{f' ({step.how})' if step.how else ''}" for step in self.steps
        )
        return f"{self.within(seconds):.1f} of {seconds:g} s are kept for what follows: {parts}"

    def to_json(self, became: float) -> dict[str, Any]:
        """What was foretold, beside what it became. became: seconds, up to when the bundle is written."""
        steps = [{"what": step.what, "seconds": round(step.seconds, 2), "how": step.how} for step in self.steps]
        return {"seconds": round(self.seconds, 2), "became": round(became, 2), "steps": steps}


def foretold(answering: Step, again: float, written: int, writes: float) -> Ending:
    """The ending of a training. answering: of held-out texts. again: seconds to read raw text again, of which it is
    looked at what was forgotten. written: bytes of the weights. writes: bytes a second that were written.

    >>> foretold(Step("to answer 9 texts", 6.0, ""), 1.5, 300_000_000, 1e8).seconds
    23.125
    """
    steps = [answering]
    if again:
        steps.append(Step("to see what was forgotten", again, "as it took before"))
    pace = f"at {units.read_size(writes)} a second" if writes else ""
    seconds = COPIES * written / writes if writes else 0.0
    steps.append(Step(f"to write and check {units.read_size(written)} of weights", seconds, pace))
    steps.append(Step("for intervals and the report", DRAWN, ""))
    return Ending(tuple(steps))


def of_some(texts: int, tokens: int, some: Sequence[int], seconds: float) -> Step:
    """How long all held-out texts take, as some of them did. tokens: of all. some: those that were read, of each text.

    >>> of_some(100, 50_000, [400, 600], 0.5)
    Step(what='to answer 100 held-out texts', seconds=25.0, how='as 1,000 of 50,000 tokens took 0.5 s')
    """
    share = tokens / max(sum(some), 1)
    how = f"as {sum(some):,} of {tokens:,} tokens took {seconds:.2g} s"
    return Step(f"to answer {texts:,} held-out texts", share * seconds, how)


def of_all(texts: int, seconds: float) -> Step:
    """How long all held-out texts take, as they did before."""
    return Step(f"to answer {texts:,} held-out texts", seconds, "as the model as it was took")


def pace_of_writing(place: Path, clock: Clock = time.monotonic, size: int = PROBE) -> float:
    """Bytes a second that are written to this folder, as `luban.core.files` does it."""
    from luban.core import files, fingerprint

    path, content = place / "probe", b"\0" * size
    began = clock()
    files.write(path, content)
    fingerprint.of_file(path)
    taken = clock() - began
    path.unlink()
    return size / max(taken, 1e-9)


def weights_of(arrays: Mapping[str, Any]) -> int:
    """Bytes of the weights of a network."""
    return sum(int(array.nbytes) for array in arrays.values())
