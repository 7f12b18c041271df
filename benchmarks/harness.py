"""What benchmarks share: their options, their figures, and how these are printed.

A benchmark is a file that ends in `harness.main(__doc__, figures)`, where `figures(options)` returns a list of
`Figure`. The last line that it prints is
`{"figures": [{name, value, low, high, goal: {op, value}, holds, how, reason}]}`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

Operator = Literal[">=", "<=", "within"]
Goal = tuple[Operator, Any]
"""`(">=", 0.9)`, `("<=", 5.0)` or `("within", (0.92, 0.98))`, ends included."""
MISSED = 4
"""The exit code of `--require` when a goal is missed."""


@dataclass(frozen=True)
class Options:
    """What was asked for. quick: under a minute, fewer cases, the same names. peers: name -> its Python.

    only: the cases to measure, where a benchmark has cases that can be named; empty for all.
    """

    quick: bool = False
    seed: int = 0
    peers: dict[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()


def say(text: str) -> None:
    """A line for whoever waits; the figures are what stdout ends with."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Figure:
    """One figure. value is None where this machine cannot measure it; the reason says why. goal: what it should be."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    goal: Goal | None = None
    how: str = ""
    reason: str | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is met; None without a goal or a value."""
        if self.goal is None or self.value is None or not math.isfinite(self.value):
            return None
        operator, wanted = self.goal
        if operator == "within":
            return bool(wanted[0] <= self.value <= wanted[1])
        return bool(self.value >= wanted if operator == ">=" else self.value <= wanted)

    def to_json(self) -> dict[str, Any]:
        goal = None
        if self.goal is not None:
            operator, wanted = self.goal
            goal = {"op": operator, "value": list(wanted) if operator == "within" else wanted}
        numbers = {key: _finite(getattr(self, key)) for key in ("value", "low", "high")}
        return {
            "name": self.name,
            **numbers,
            "goal": goal,
            "holds": self.holds,
            "how": self.how,
            "reason": self.reason,
        }


Case = tuple[Sequence[str], Sequence[str], Callable[[Options], list[Figure]]]
"""The names of its figures, the samples that it needs, and what measures it."""


def paired(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """The median ratio of two measurements taken in turns, and its 95% interval by the sign test's order statistics.

    Both are made once before, which is not counted.
    """
    first(), second()
    ratios = []
    for number in range(rounds):
        pair = (first(), second()) if number % 2 else tuple(reversed((second(), first())))
        ratios.append(pair[0] / pair[1])
    ordered = sorted(ratios)
    outer = max(0, int(rounds / 2 - 0.98 * math.sqrt(rounds)) - 1) if rounds > 5 else 0
    return ordered[rounds // 2], ordered[outer], ordered[rounds - 1 - outer]


def lacking(samples: Sequence[str]) -> str | None:
    """Which of these samples is not here, and how to get it; None where all are."""
    from luban.core.errors import UsageError
    from luban.data.catalogue import sample_path

    for name in samples:
        try:
            sample_path(name)
        except UsageError as error:
            return f"{name} is not here: {error.fix}"
    return None


def measured(cases: Mapping[str, Case], options: Options) -> list[Figure]:
    """The figures of the cases that were asked for; those whose samples are not here say so."""
    found: list[Figure] = []
    for case, (names, needed, measure) in cases.items():
        if options.only and case not in options.only:
            continue
        reason = lacking(needed)
        found += measure(options) if reason is None else [Figure(each, None, reason=reason) for each in names]
    return found


def main(doc: str | None, figures: Callable[[Options], Sequence[Figure]], cases: Sequence[str] = ()) -> NoReturn:
    """Runs a benchmark as a program: reads the options, prints the figures, exits 0, or 4 for a missed goal.

    cases: the names that `--only` takes; without them there is no such option.
    """
    arguments = _arguments(doc, cases)
    found = figures(options(arguments))
    if not arguments.json:
        for figure in found:
            print(line(figure.to_json()))
    print(json.dumps({"figures": [figure.to_json() for figure in found]}, allow_nan=False))
    missed = any(figure.holds is False for figure in found)
    sys.exit(MISSED if arguments.require and missed else 0)


def parser(doc: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--quick", action="store_true", help="fewer cases, under a minute")
    found.add_argument("--seed", type=int, default=0, help="decides every random choice")
    found.add_argument("--json", action="store_true", help="print the document only")
    found.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON", help="a peer and its interpreter")
    found.add_argument("--require", action="store_true", help=f"exit {MISSED} when a goal is missed")
    return found


def options(arguments: argparse.Namespace) -> Options:
    wrong = [peer for peer in arguments.peer if "=" not in peer]
    if wrong:
        sys.exit(f"error: --peer {wrong[0]} is not NAME=PYTHON")
    peers = dict(peer.split("=", 1) for peer in arguments.peer)
    return Options(arguments.quick, arguments.seed, peers, tuple(getattr(arguments, "only", ())))


def line(figure: dict[str, Any]) -> str:
    """A figure as a person reads it."""
    if figure["value"] is None:
        return f"{figure['name']}: not measured: {figure['reason'] or 'no reason is known'}"
    interval = "" if figure["low"] is None else f" [{number(figure['low'])}, {number(figure['high'])}]"
    verdict = {True: "  holds", False: "  MISSED", None: ""}[figure["holds"]]
    return f"{figure['name']}: {number(figure['value'])}{interval}{goal(figure)}{verdict}  ({figure['how']})"


def goal(figure: dict[str, Any]) -> str:
    if figure["goal"] is None:
        return ""
    operator, wanted = figure["goal"]["op"], figure["goal"]["value"]
    if operator == "within":
        return f"  goal {number(wanted[0])} to {number(wanted[1])}"
    return f"  goal {operator} {number(wanted)}"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _arguments(doc: str | None, cases: Sequence[str]) -> argparse.Namespace:
    found = parser(doc)
    if cases:
        found.add_argument("--only", action="append", default=[], choices=list(cases), help="measure this case alone")
    return found.parse_args()


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
