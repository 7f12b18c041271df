"""Anchors: the shortest rule of units that keeps the answer, whatever becomes of the others (Ribeiro et al., 2018).

Of rows that keep the units of the rule, each other unit is left out with a chance of one half; with a background one of
its rows, by chance, stands for what is left out. The precision of a rule is the share of these rows that are answered
the same. Rules grow by the unit that helps most, a few of them side by side; one is taken when the lower end of its
Wilson interval, on rows that were not used to find it, reaches 95 %.

What a unit adds is by how much it raised the precision when it came into the rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.evidence import intervals
from luban.explainers import _mixtures
from luban.protocols import Attributed, Effort, Subject

PRECISION = 0.95
BEAM = 3
"""Rules that grow side by side."""
DRAWN, FEWEST = 200, 16
"""Rows by which the next unit of a rule is looked for; where calls are few, an eighth of them."""
CHECKED = 400
"""Rows by which a rule is checked, at most."""
LONGEST = 8
"""Units of a rule at most: a longer one is not read."""
MOST = 6_000
"""Calls for a row, where nothing else is asked."""
LEAST = 100
"""Calls below which no rule is found and checked."""
_STEP = 100


@dataclass(frozen=True)
class _Rule:
    """units: in the order in which they came. precisions: with none of them, with the first, and so on."""

    units: tuple[int, ...]
    precisions: tuple[float, ...]


@dataclass(eq=False)
class _Asking:
    """Draws rows of a game that keep some units, and counts them."""

    subject: Subject
    game: int
    same: Callable[..., Array]
    random: np.random.Generator
    most: int
    calls: int = 0

    @property
    def drawn(self) -> int:
        """Rows by which a rule is looked for."""
        return int(np.clip(self.most // 8, FEWEST, DRAWN))

    def __call__(self, units: tuple[int, ...], count: int) -> tuple[Array, Array]:
        """(rows, units) who stays, and (rows,) whether the answer is the same."""
        count = min(count, self.most - self.calls)
        stays = self.random.random((count, self.subject.count)) < 0.5
        stays[:, list(units)] = True
        stands_in = self.random.integers(0, len(self.subject.inside.usual), count)
        self.calls += count
        if not count:
            return stays, np.zeros(0, bool)
        return stays, self.same(_mixtures.written(self.subject, self.game, stays, stands_in))


@final
class Anchors:
    """A rule that keeps the answer."""

    name: ClassVar[str] = "anchors"

    def declines(self, subject: Subject) -> str | None:
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        if effort.calls is not None and effort.calls < LEAST:
            message = f"{effort.calls:,} calls of the model are too few to find a rule and to check it."
            raise UsageError(message, fix=f"allow {LEAST:,} calls or more")
        return [_explained(subject, game, effort) for game in range(len(subject.units))]


def _explained(subject: Subject, game: int, effort: Effort) -> Attributed:
    same, means = _mixtures.is_same(subject, game)
    random = np.random.default_rng(derive(effort.seed, "anchors", subject.numbers[game]))
    most = effort.calls or MOST
    asking = _Asking(subject, game, same, random, most)
    rule, kept, rows = _found(asking)
    low, high = intervals.wilson(kept, rows) if rows else (0.0, 1.0)
    values = np.zeros(subject.count)
    values[list(rule.units)] = np.diff(rule.precisions)
    names = [subject.units[game][unit].name for unit in rule.units]
    coverage = _coverage(subject, game, rule)
    stays = f"where {_listed(names)} stay{'s' if len(names) == 1 else ''} as here" if names else "whatever is changed"
    told = f"{stays}, {kept / max(rows, 1):.0%} of changed rows ({low:.0%} to {high:.0%}) are {means}"
    if low < PRECISION:
        told += f"; no rule of at most {LONGEST} parts was shown to reach {PRECISION:.0%}"
    conditions = [{"unit": each.name, "value": each.value} for each in (subject.units[game][n] for n in rule.units)]
    more: dict[str, Any] = {
        "rule": conditions,
        "precision": kept / max(rows, 1),
        "low": low,
        "high": high,
        "coverage": coverage,
    }
    base, whole = rule.precisions[0], rule.precisions[-1]
    more |= {"rows": rows, "text": told}
    return Attributed(values, None, base, whole, asking.calls, "probability", more=more)


def _found(asking: _Asking) -> tuple[_Rule, int, int]:
    """The first rule that holds, else the best one; on how many new rows it kept the answer, and of how many."""
    _, kept = asking((), asking.drawn)
    beam = [_Rule((), (float(kept.mean()),))]
    best = (beam[0], int(kept.sum()), len(kept))
    for _ in range(min(LONGEST, asking.subject.count)):
        checked = []
        for rule in beam:
            kept_here, rows = _checked(asking, rule)
            measured = _Rule(rule.units, (*rule.precisions[:-1], kept_here / max(rows, 1)))
            checked.append((measured, kept_here, rows))
        holding = [each for each in checked if each[2] and intervals.wilson(each[1], each[2])[0] >= PRECISION]
        best = max([best, *checked], key=lambda each: each[1] / max(each[2], 1))
        if holding:
            return max(holding, key=lambda each: each[1] / each[2])
        grown = [rule for each, _, _ in checked for rule in _grown(asking, each)]
        unlike = {frozenset(rule.units): rule for rule in sorted(grown, key=lambda rule: rule.precisions[-1])}
        beam = sorted(unlike.values(), key=lambda rule: (-rule.precisions[-1], rule.units))[:BEAM]
        if not beam or asking.calls >= asking.most:
            break
    for rule in beam:
        kept_here, rows = _checked(asking, rule)
        if rows:
            best = max(
                best, (_Rule(rule.units, (*rule.precisions[:-1], kept_here / rows)), kept_here, rows), key=_share
            )
    return best


def _share(each: tuple[_Rule, int, int]) -> float:
    return each[1] / max(each[2], 1)


def _checked(asking: _Asking, rule: _Rule) -> tuple[int, int]:
    """How many of new rows keep the answer: more of them until the interval is on one side of what is wanted."""
    kept = rows = 0
    while rows < CHECKED and asking.calls < asking.most:
        _, same = asking(rule.units, _STEP)
        kept, rows = kept + int(same.sum()), rows + len(same)
        low, high = intervals.wilson(kept, rows)
        if low >= PRECISION or high < PRECISION:
            break
    return kept, rows


def _grown(asking: _Asking, rule: _Rule) -> list[_Rule]:
    """The rule with one more unit, for each that is not in it, and the precision among rows that keep it by chance."""
    stays, same = asking(rule.units, asking.drawn)
    others = [unit for unit in range(asking.subject.count) if unit not in rule.units and stays[:, unit].any()]
    return [_Rule((*rule.units, unit), (*rule.precisions, float(same[stays[:, unit]].mean()))) for unit in others]


def _coverage(subject: Subject, game: int, rule: _Rule) -> float:
    """The share of rows to which the rule applies: of a background, those that have the same values, numbers within
    the same quarter; else of rows of which each unit is left out with a chance of one half.
    """
    units = [subject.units[game][unit] for unit in rule.units]
    usual = subject.inside.usual
    if len(usual) < 2 or any(unit.column in subject.cuts[game] for unit in units):
        return float(0.5 ** len(units))
    applies = np.ones(len(usual), bool)
    for unit in units:
        here, values = subject.frame[unit.column][game], usual[unit.column]
        if values.dtype.is_numeric() and here is not None:
            numbers = values.cast(float).to_numpy()
            edges = np.nanquantile(numbers, [0.25, 0.5, 0.75])
            applies &= np.searchsorted(edges, numbers) == np.searchsorted(edges, float(here))
        else:
            applies &= np.array([each == here for each in values.to_list()])
    return float(applies.mean())


def _listed(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted or [""])


explainer = Anchors()
