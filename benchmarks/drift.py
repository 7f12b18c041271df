"""Planted shifts: does `luban diagnose B --against NEWER` find them, tell them apart, and stay silent without one?

Real tables (those that scikit-learn carries), halved by seed: one half is learned from, newer rows are drawn from the
other. Three kinds of shift in four strengths, from barely there to plain. An alarm is a finding above a note.

- covariate: one of the columns moves by 0.25, 0.5, 1 and 2 standard deviations.
- label: one class (of values: the upper half) gains 0.15, 0.25, 0.35 and 0.45 of the rows; unseen-label: the newer rows
  do not say their class.
- concept: 10%, 20%, 30% and 50% of the rows get another class; values rise on one side of a column and fall on the
  other by 0.5, 0.75, 1 and 1.5 of their standard deviation.

Figures: recall-<kind>, over all strengths; recall-<kind>-<1 to 4>, by strength; told-apart (share of the shifts with an
alarm where it is of this kind and no other); false-alarms (share of draws without a shift that raise an alarm);
false-alarms-<condition>; correction (how much lower the log loss is after the advised correction of probabilities, in
unseen label shifts that were found, mean and its interval over cases).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import harness
import honesty
import luban
from luban.conditions._attribution import of_target
from luban.core.console import SILENT
from luban.evidence.intervals import of_mean, wilson
from luban.verbs.comparing import compare
from luban.verbs.diagnose import diagnose

TABLES = ("breast_cancer", "wine", "iris", "digits", "diabetes")
VALUES = "diabetes"
SEEDS = (0, 1, 2)
WITHOUT = 14
"""Draws without a shift from each half: 5 tables x 3 seeds x 14 = 210."""
SETTINGS = {"train.repeats": 1, "split.folds": 2, "repair": "off"}
STRENGTHS = {
    "covariate": (0.25, 0.5, 1.0, 2.0),
    "label": (0.15, 0.25, 0.35, 0.45),
    "concept": (0.1, 0.2, 0.3, 0.5),
}
OF_VALUES = (0.5, 0.75, 1.0, 1.5)
CONDITIONS = {
    "covariate": "covariate-shift",
    "label": "label-shift",
    "unseen-label": "label-shift",
    "concept": "concept-shift",
}


@dataclass(frozen=True)
class Case:
    """Newer rows in which a kind of shift of a strength from 1 to 4 was planted; 0 and `none` where none was."""

    kind: str
    strength: int
    newer: pl.DataFrame


def halves(table: str, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is learned from, and what newer rows are drawn from."""
    frame = honesty.real(table, seed)
    return frame[: len(frame) // 2], frame[len(frame) // 2 :]


def cases(table: str, pool: pl.DataFrame, seed: int, draws: int) -> Iterator[Case]:
    """Every kind in every strength once, and draws without a shift, each of four fifths of the pool."""
    random = np.random.default_rng(honesty._seed(seed, "drift", table))
    for strength in range(4):
        yield Case("covariate", strength + 1, moved(drawn(pool, random), STRENGTHS["covariate"][strength], random))
        of_other_shares = shares(table, pool, STRENGTHS["label"][strength], random)
        yield Case("label", strength + 1, of_other_shares)
        if table != VALUES:
            yield Case("unseen-label", strength + 1, of_other_shares)
        yield Case("concept", strength + 1, turned(table, drawn(pool, random), strength, random))
    for _ in range(draws):
        yield Case("none", 0, drawn(pool, random))


def drawn(pool: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return pool[np.sort(random.permutation(len(pool))[: len(pool) * 4 // 5]).tolist()]


def moved(frame: pl.DataFrame, by: float, random: np.random.Generator) -> pl.DataFrame:
    """One column that varies, moved."""
    columns = [name for name in frame.columns if name != "y" and frame[name].n_unique() > 10]
    name = columns[int(random.integers(len(columns)))]
    return frame.with_columns(frame[name] + by * float(np.std(frame[name].to_numpy())))


def shares(table: str, pool: pl.DataFrame, gain: float, random: np.random.Generator) -> pl.DataFrame:
    """As many rows as `drawn` has, of which one class, or the upper half of values, has so much more."""
    target = pool["y"].to_numpy()
    if table == VALUES:
        inside = target > np.median(target)
    else:
        classes = np.unique(target)
        inside = target == classes[int(random.integers(len(classes)))]
    count = len(pool) * 4 // 5
    more = round(count * min(inside.mean() + gain, 0.95))
    rows = [*random.choice(np.flatnonzero(inside), more), *random.choice(np.flatnonzero(~inside), count - more)]
    return pool[[int(row) for row in rows]]


def turned(table: str, frame: pl.DataFrame, strength: int, random: np.random.Generator) -> pl.DataFrame:
    """The same inputs with other classes or values."""
    target = frame["y"].to_numpy().copy()
    if table == VALUES:
        side = np.sign(frame["bmi"].to_numpy() - np.median(frame["bmi"].to_numpy()))
        return frame.with_columns(y=pl.Series(target + OF_VALUES[strength] * target.std() * side))
    classes = np.unique(target)
    for row in np.flatnonzero(random.random(len(target)) < STRENGTHS["concept"][strength]):
        target[row] = random.choice(classes[classes != target[row]])
    return frame.with_columns(y=pl.Series(target))


def seen(bundle: Any, case: Case) -> set[str]:
    newer = case.newer.drop("y") if case.kind == "unseen-label" else case.newer
    return {finding.condition for finding in diagnose(bundle, against=newer).findings if finding.severity != "note"}


def correction(bundle: Any, newer: pl.DataFrame) -> float:
    """How much lower the log loss is when probabilities are corrected by the ratio of the shares."""
    shares = of_target(compare(bundle, newer.drop("y"), threads=1, console=SILENT)[0])
    if shares is None:
        return 0.0
    before = bundle.predict_proba(newer.drop("y")).to_numpy()
    after = before * (shares.now / np.maximum(shares.before, 1e-12))[:-1]
    after /= np.maximum(after.sum(axis=1, keepdims=True), 1e-12)
    code = np.array([bundle.classes.index(name) for name in newer["y"]])
    of_class = [np.clip(said[np.arange(len(code)), code], 1e-6, 1.0) for said in (before, after)]
    return float(np.mean(np.log(of_class[1]) - np.log(of_class[0])))


def figures(options: harness.Options) -> list[harness.Figure]:
    tables = ("breast_cancer", VALUES) if options.quick else TABLES
    seeds = (options.seed,) if options.quick else tuple(options.seed + step for step in SEEDS)
    hits: dict[tuple[str, int], list[bool]] = {}
    alone: list[bool] = []
    without: list[set[str]] = []
    gains: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for table, seed in ((table, seed) for table in tables for seed in seeds):
            learned, pool = halves(table, seed)
            place = Path(folder) / f"{table}-{seed}.luban"
            bundle = luban.fit(learned, "y", model="linear", set=SETTINGS, out=place, threads=1, seed=seed)
            for case in cases(table, pool, seed, 20 if options.quick else WITHOUT):
                found = seen(bundle, case)
                if case.kind == "none":
                    without.append(found)
                    continue
                hit = CONDITIONS[case.kind] in found
                hits.setdefault((case.kind, case.strength), []).append(hit)
                if found:
                    alone.append(found == {CONDITIONS[case.kind]})
                if hit and case.kind == "unseen-label":
                    gains.append(correction(bundle, case.newer))
                told = ", ".join(sorted(found)) or "silent"
                harness.say(f"{table:14} {seed} {case.kind:13} {case.strength} {'found' if hit else 'MISSED'} ({told})")
            alarmed = sum(bool(found) for found in without)
            harness.say(f"{table:14} {seed} without a shift: {alarmed} of {len(without)} draws so far alarm")
    return [*_recalls(hits), *_others(alone, without, gains)]


def _recalls(hits: dict[tuple[str, int], list[bool]]) -> list[harness.Figure]:
    told = []
    for kind in CONDITIONS:
        every = [hit for strength in range(1, 5) for hit in hits.get((kind, strength), [])]
        told.append(_share(f"recall-{kind}", every, "shifts"))
        for strength in range(1, 5):
            # What barely changes may pass; what is plain must not.
            goal: harness.Goal | None = (">=", 0.9) if strength == 4 else None
            told.append(_share(f"recall-{kind}-{strength}", hits.get((kind, strength), []), "shifts", goal))
    return told


def _others(alone: list[bool], without: list[set[str]], gains: list[float]) -> list[harness.Figure]:
    told = [
        _share("told-apart", alone, "shifts with an alarm", (">=", 0.75)),
        _share("false-alarms", [bool(found) for found in without], "draws without a shift", ("<=", 0.05)),
    ]
    for condition in sorted(set(CONDITIONS.values())):
        told.append(_share(f"false-alarms-{condition}", [condition in each for each in without], "draws"))
    if len(gains) < 2:
        return [*told, harness.Figure("correction", None, reason="fewer than 2 label shifts were found")]
    interval = of_mean(np.array(gains))
    how = f"mean gain in log loss over {len(gains)} cases; {interval.method}"
    return [*told, harness.Figure("correction", float(np.mean(gains)), interval.low, interval.high, (">=", 0.0), how)]


def _share(name: str, hits: list[bool], of: str, goal: harness.Goal | None = None) -> harness.Figure:
    if not hits:
        return harness.Figure(name, None, goal=goal, reason="no such case")
    low, high = wilson(sum(hits), len(hits))
    how = f"{sum(hits)} of {len(hits)} {of}, Wilson interval"
    return harness.Figure(name, sum(hits) / len(hits), low, high, goal, how)


if __name__ == "__main__":
    harness.main(__doc__, figures)
