"""What one command reaches on real data of every kind: the score on test rows, on an ordinary machine.

Each sample is fitted by the command line, `luban fit sample:NAME --target COLUMN --time SECONDS`, with no model named
unless a figure says so, and every core that is there. The test rows are those that came split off, or a fifth.

Figures: <sample>, the score on its test rows with its interval, and <sample>-over, the seconds beyond the time asked.
`spoken-digits` learns digits from synthetic voices and is tested on recorded takes. With --quick the smallest samples
only; `--only NAME` measures one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness

ALLOWED, SHARE = 3.0, 0.05
"""Seconds that a run may end late, or this share of its time."""


@dataclass(frozen=True)
class Case:
    """A sample, the seconds that it is given, and the score that it should reach."""

    sample: str
    seconds: int
    goal: float | None = None
    options: tuple[str, ...] = ()
    quick: bool = False
    name: str = ""

    @property
    def named(self) -> str:
        """The name of its figure."""
        return self.name or self.sample

    @property
    def wanted(self) -> harness.Goal | None:
        """What its figure should be."""
        return None if self.goal is None else (">=", self.goal)


RECORDED = (
    "--test", "sample:spoken-digits", "--model", "cnn", "--set", "drop=[language]",
    "--set", "train.augment={mask: 0.2, shift: 0.2, noise: 0.3}",
)  # fmt: skip
CASES = (
    Case("digits", 120, 0.98, quick=True),
    Case("gunpoint", 120, quick=True),
    Case("basic-motions", 120, quick=True),
    Case("titanic", 120, quick=True),
    Case("japanese-vowels", 200, 0.95),
    Case("bbc-news", 200, 0.96),
    Case("bbc-news", 400, options=("--model", "cnn"), name="bbc-news-network"),
    Case("spoken-language", 300, 0.95),
    Case("mnist", 300, 0.985),
    Case("chinese-reviews", 400, 0.84),
    Case("fashion-mnist", 590, 0.92, ("--model", "cnn")),
    Case("air-passengers", 120),
    Case("taylor", 150),
    Case("spoken-digits-voices", 300, options=RECORDED, name="spoken-digits"),
)


def figures(options: harness.Options) -> list[harness.Figure]:
    found = []
    for case in CASES:
        if case.named in options.only or (not options.only and (case.quick or not options.quick)):
            found += measured(case, options)
    return found


def measured(case: Case, options: harness.Options) -> list[harness.Figure]:
    import luban

    named = case.named
    try:
        target = luban.sample(case.sample).to_json()["target"]
    except luban.LubanError as error:
        return [harness.Figure(named, None, goal=case.wanted, reason=str(error).splitlines()[0])]
    seconds = 20 if options.quick else case.seconds
    asked = ["fit", f"sample:{case.sample}", "--target", target, "--time", str(seconds), *case.options]
    with tempfile.TemporaryDirectory() as folder:
        document, wall = run([*asked, "--seed", str(options.seed), "--out", str(Path(folder) / "it.luban")])
    if "error" in document:
        return [harness.Figure(named, None, goal=case.wanted, reason=document["error"]["message"])]
    over = max(wall - seconds, 0.0)
    return [
        told(named, document, f"luban {' '.join(asked)}: {wall:.0f} s", case),
        harness.Figure(
            f"{named}-over", over, goal=("<=", max(ALLOWED, SHARE * seconds)), how=f"seconds beyond {seconds}"
        ),
    ]


def told(name: str, document: dict[str, Any], how: str, case: Case | None = None) -> harness.Figure:
    """The first test score of a run's document."""
    first = next(m for m in document["measurements"] if m["split"] == "test")
    baseline = first["baseline"]["value"] if first.get("baseline") else None
    chosen = document["chosen"]["label"]
    simplest = "" if baseline is None else f"; the simplest model {baseline:.3f}"
    harness.say(f"{name}: {first['metric']} {first['value']:.4f}, {chosen}; {how}")
    found = f"{first['metric']} on {first['rows']:,} test rows by {chosen}{simplest}; {how}; {os.cpu_count()} cores"
    return harness.Figure(name, first["value"], first["low"], first["high"], case.wanted if case else None, found)


def run(arguments: list[str]) -> tuple[dict[str, Any], float]:
    """The document of one call of the program, and its wall seconds."""
    started = time.monotonic()
    command = [sys.executable, "-m", "luban", *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return json.loads(done.stdout), time.monotonic() - started


if __name__ == "__main__":
    harness.main(__doc__, figures, [case.named for case in CASES])
