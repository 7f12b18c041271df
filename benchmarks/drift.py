"""Planted shifts: does `luban diagnose B --against NEWER` find them, tell them apart, stay silent without one, and do
its repairs help?

Real tables (those that scikit-learn carries), halved by seed: one half is learned from, newer rows are drawn from the
other. Kinds of shift in four strengths, from barely there to plain. An alarm is a finding above a note. Seeds from 1000
on are for tuning thresholds; figures are reported of others.

- covariate: one of the columns moves by 0.25, 0.5, 1 and 2 standard deviations.
- joint: a column that goes together with another takes its values from other newer rows, in 25%, 50%, 75% and 100% of
  them, so that no single column changes; joint-beside: the same with the rows that were learned from at hand.
- label: one class (of values: the upper half) gains 0.15, 0.25, 0.35 and 0.45 of the rows; unseen-label: the newer rows
  do not say their class.
- concept: 10%, 20%, 30% and 50% of the rows get another class; values rise on one side of a column and fall on the
  other by 0.5, 0.75, 1 and 1.5 of their standard deviation.

Figures: recall-<kind>, over all strengths; recall-<kind>-<1 to 4>, by strength; carrier-named (share of the joint
shifts that were found whose first column is the planted one); told-apart (share of the shifts with an alarm where it
is of this kind and no other); false-alarms (share of draws without a shift that raise an alarm);
false-alarms-<condition>; false-alarms-beside (with the rows that were learned from at hand).
Repairs: correction (how much lower the log loss is after `--corrected`, in unseen label shifts that were found, mean
and its interval over cases); correction-improves (share of them with a lower loss); correction-accepted and
correction-accepted-improves (where classes are known: share that is kept, and share of those kept whose loss is lower
on rows of the same shares that are drawn anew); weighing and weighing-improves (rows chosen by one column, so that the
meaning of inputs stays: the gain of a fit to rows of `--weighed` in log loss, or in mean absolute error as a share, and
how often it is above 0); weighing-harms (share whose paired interval lies below 0).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import harness
import honesty
import luban
from luban.evidence.finding import Finding
from luban.evidence.intervals import of_mean, wilson
from luban.verbs.diagnose import diagnose

TABLES = ("breast_cancer", "wine", "iris", "digits", "diabetes")
VALUES = "diabetes"
SEEDS = (0, 1, 2)
WITHOUT = 14
"""Draws without a shift from each half: 5 tables x 3 seeds x 14 = 210."""
BESIDE = 4
"""Those of them that are looked at beside the rows that were learned from."""
CHOSEN = 1.5
"""How steeply rows are chosen by a column: the log-odds by standard deviation."""
SETTINGS = {"train.repeats": 1, "split.folds": 2, "repair": "off"}
STRENGTHS = {
    "covariate": (0.25, 0.5, 1.0, 2.0),
    "joint": (0.25, 0.5, 0.75, 1.0),
    "label": (0.15, 0.25, 0.35, 0.45),
    "concept": (0.1, 0.2, 0.3, 0.5),
}
OF_VALUES = (0.5, 0.75, 1.0, 1.5)
CONDITIONS = {
    "covariate": "covariate-shift",
    "joint": "covariate-shift",
    "joint-beside": "covariate-shift",
    "label": "label-shift",
    "unseen-label": "label-shift",
    "concept": "concept-shift",
}


@dataclass(frozen=True)
class Case:
    """Newer rows in which a kind of shift of a strength from 1 to 4 was planted; 0 and `none` where none was.

    column: in which it was planted, where it was one. more: further rows of the same shares of classes.
    """

    kind: str
    strength: int
    newer: pl.DataFrame
    column: str = ""
    more: pl.DataFrame | None = None


def halves(table: str, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is learned from, and what newer rows are drawn from."""
    frame = honesty.real(table, seed)
    return frame[: len(frame) // 2], frame[len(frame) // 2 :]


def cases(table: str, pool: pl.DataFrame, seed: int, draws: int) -> Iterator[Case]:
    """Every kind in every strength once, and draws without a shift, each of four fifths of the pool."""
    random = np.random.default_rng(honesty._seed(seed, "drift", table))
    for strength in range(4):
        yield Case("covariate", strength + 1, moved(drawn(pool, random), STRENGTHS["covariate"][strength], random))
        apart, column = parted(drawn(pool, random), STRENGTHS["joint"][strength], random)
        yield Case("joint", strength + 1, apart, column)
        yield Case("joint-beside", strength + 1, apart, column)
        of_other_shares, more = shares(table, pool, STRENGTHS["label"][strength], random)
        yield Case("label", strength + 1, of_other_shares, more=more)
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


def parted(frame: pl.DataFrame, share: float, random: np.random.Generator) -> tuple[pl.DataFrame, str]:
    """A column whose values come from other rows, in a share of them; one that goes together with another column."""
    columns = [name for name in frame.columns if name != "y" and frame[name].n_unique() > 10]
    ranks = frame.select(pl.col(columns).rank()).to_numpy()
    together = np.abs(np.corrcoef(ranks.T)) - np.eye(len(columns))
    name = columns[int(random.choice(np.flatnonzero(together.max(axis=0) > 0.5)))]
    values, rows = frame[name].to_numpy().copy(), np.flatnonzero(random.random(len(frame)) < share)
    values[rows] = values[random.permutation(rows)]
    return frame.with_columns(pl.Series(name, values)), name


def chosen(pool: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Rows that were chosen by one column: the inputs lie otherwise, and mean the same."""
    columns = [name for name in pool.columns if name != "y" and pool[name].n_unique() > 10]
    values = pool[columns[int(random.integers(len(columns)))]].to_numpy()
    odds = CHOSEN * (values - values.mean()) / values.std()
    return pool.filter(pl.Series(random.random(len(pool)) < 1 / (1 + np.exp(-odds))))


def shares(
    table: str, pool: pl.DataFrame, gain: float, random: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As many rows as `drawn` has, of which one class, or the upper half of values, has so much more.

    And as many again, drawn anew from the same rows.
    """
    target = pool["y"].to_numpy()
    if table == VALUES:
        inside = target > np.median(target)
    else:
        classes = np.unique(target)
        inside = target == classes[int(random.integers(len(classes)))]
    count = len(pool) * 4 // 5
    more = round(count * min(inside.mean() + gain, 0.95))
    found = []
    for _ in range(2):
        rows = [*random.choice(np.flatnonzero(inside), more), *random.choice(np.flatnonzero(~inside), count - more)]
        found.append(pool[[int(row) for row in rows]])
    return found[0], found[1]


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


def seen(bundle: Any, case: Case, learned: pl.DataFrame) -> list[Finding]:
    newer = case.newer.drop("y") if case.kind == "unseen-label" else case.newer
    data = learned if case.kind.endswith("beside") else None
    return [each for each in diagnose(bundle, against=newer, data=data).findings if each.severity != "note"]


def losses(bundle: Any, rows: pl.DataFrame) -> Any:
    """(rows,) the log loss; of values the absolute error."""
    if not bundle.classes:
        return np.abs(np.asarray(bundle.predict(rows.drop("y"))) - rows["y"].to_numpy())
    said = bundle.predict_proba(rows.drop("y")).to_numpy()
    code = np.array([bundle.classes.index(name) for name in rows["y"]])
    return -np.log(np.clip(said[np.arange(len(code)), code], 1e-6, 1.0))


def correction(bundle: Any, newer: pl.DataFrame, more: pl.DataFrame, place: Path) -> float | None:
    """How much lower the log loss of `more` is in the bundle corrected to `newer`; None where it was not kept."""
    result = diagnose(bundle, against=newer, corrected=place)
    if "corrected" not in result.about:
        return None
    gain = float(np.mean(losses(bundle, more)) - np.mean(losses(luban.load(place), more)))
    shutil.rmtree(place)
    return gain


def weighing(bundle: Any, learned: pl.DataFrame, newer: pl.DataFrame, folder: Path, seed: int) -> Any:
    """(newer rows,) how much lower the loss is when the rows learned from are weighed; None where nothing was found.

    Of values as a share of the mean.
    """
    rows = folder / "weighed.parquet"
    found = diagnose(bundle, against=newer.drop("y"), data=learned, weighed=rows).findings
    edits = {edit.path: edit.after for each in found for edit in each.edits}
    if "weight" not in edits:
        return None
    again = luban.fit(rows, recipe=bundle.recipe, weight=edits["weight"], out=folder / "w.luban", threads=1, force=True)
    before, after = losses(bundle, newer), losses(again, newer)
    return (before - after) / (1.0 if bundle.classes else before.mean())


@dataclass
class Seen:
    """What was seen so far."""

    hits: dict[tuple[str, int], list[bool]] = field(default_factory=dict)
    carriers: list[bool] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    without: list[set[str]] = field(default_factory=list)
    beside: list[set[str]] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)
    kept: list[float | None] = field(default_factory=list)
    weighed: list[Any] = field(default_factory=list)


def look(told: Seen, bundle: Any, case: Case, learned: pl.DataFrame, folder: Path, name: str) -> None:
    findings = seen(bundle, case, learned)
    found = {each.condition for each in findings}
    if case.kind in ("none", "none-beside"):
        (told.without if case.kind == "none" else told.beside).append(found)
        return
    hit = CONDITIONS[case.kind] in found
    told.hits.setdefault((case.kind, case.strength), []).append(hit)
    if found:
        told.alone.append(found == {CONDITIONS[case.kind]})
    if hit and case.column and case.kind.startswith("joint"):
        told.carriers.append(
            next(each for each in findings if each.condition == "covariate-shift").where.column == case.column
        )
    if hit and case.kind == "unseen-label":
        gain = correction(bundle, case.newer.drop("y"), case.newer, folder / "c.luban")
        told.corrected += [] if gain is None else [gain]
    if hit and case.kind == "label" and case.more is not None and bundle.classes:
        told.kept.append(correction(bundle, case.newer, case.more, folder / "c.luban"))
    names = ", ".join(sorted(found)) or "silent"
    harness.say(f"{name} {case.kind:13} {case.strength} {'found' if hit else 'MISSED'} ({names})")


def figures(options: harness.Options) -> list[harness.Figure]:
    tables = ("breast_cancer", VALUES) if options.quick else TABLES
    seeds = (options.seed,) if options.quick else tuple(options.seed + step for step in SEEDS)
    told = Seen()
    with tempfile.TemporaryDirectory() as folder:
        for table, seed in ((table, seed) for table in tables for seed in seeds):
            learned, pool = halves(table, seed)
            place = Path(folder) / f"{table}-{seed}.luban"
            bundle = luban.fit(learned, "y", model="linear", set=SETTINGS, out=place, threads=1, seed=seed)
            name = f"{table:14} {seed}"
            for case in cases(table, pool, seed, 20 if options.quick else WITHOUT):
                look(told, bundle, case, learned, Path(folder), name)
            for case in clean_beside(table, pool, seed):
                look(told, bundle, case, learned, Path(folder), name)
            newer = chosen(pool, np.random.default_rng(honesty._seed(seed, "chosen", table)))
            gain = weighing(bundle, learned, newer, Path(folder), seed)
            told.weighed += [] if gain is None else [gain]
            alarmed = sum(bool(found) for found in told.without)
            harness.say(f"{name} without a shift: {alarmed} of {len(told.without)} draws so far alarm")
    return [*_recalls(told.hits), *_others(told), *_repairs(told)]


def clean_beside(table: str, pool: pl.DataFrame, seed: int) -> Iterator[Case]:
    """Draws without a shift, looked at beside the rows that were learned from."""
    random = np.random.default_rng(honesty._seed(seed, "beside", table))
    for _ in range(BESIDE):
        yield Case("none-beside", 0, drawn(pool, random))


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


def _others(told: Seen) -> list[harness.Figure]:
    found = [
        _share("carrier-named", told.carriers, "joint shifts that were found"),
        _share("told-apart", told.alone, "shifts with an alarm", (">=", 0.75)),
        _share("false-alarms", [bool(each) for each in told.without], "draws without a shift", ("<=", 0.05)),
    ]
    for condition in sorted(set(CONDITIONS.values())):
        found.append(_share(f"false-alarms-{condition}", [condition in each for each in told.without], "draws"))
    return [*found, _share("false-alarms-beside", [bool(each) for each in told.beside], "draws without a shift")]


def _repairs(told: Seen) -> list[harness.Figure]:
    kept = [gain for gain in told.kept if gain is not None]
    of_rows = [of_mean(gain) for gain in told.weighed if np.ptp(gain) > 0]
    return [
        _mean("correction", told.corrected, (">=", 0.0)),
        _share("correction-improves", [gain > 0 for gain in told.corrected], "corrections, classes unknown"),
        _share("correction-accepted", [gain is not None for gain in told.kept], "corrections, classes known"),
        _share("correction-accepted-improves", [gain > 0 for gain in kept], "corrections that were kept"),
        _mean("weighing", [float(np.mean(gain)) for gain in told.weighed]),
        _share("weighing-improves", [float(np.mean(gain)) > 0 for gain in told.weighed], "fits to weighed rows"),
        _share("weighing-harms", [each.high < 0 for each in of_rows], "fits to weighed rows"),
    ]


def _mean(name: str, gains: list[float], goal: harness.Goal | None = None) -> harness.Figure:
    if len(gains) < 2:
        return harness.Figure(name, None, goal=goal, reason="fewer than 2 cases")
    interval = of_mean(np.array(gains))
    how = f"mean gain over {len(gains)} cases; {interval.method}"
    return harness.Figure(name, float(np.mean(gains)), interval.low, interval.high, goal, how)


def _share(name: str, hits: list[bool], of: str, goal: harness.Goal | None = None) -> harness.Figure:
    if not hits:
        return harness.Figure(name, None, goal=goal, reason="no such case")
    low, high = wilson(sum(hits), len(hits))
    how = f"{sum(hits)} of {len(hits)} {of}, Wilson interval"
    return harness.Figure(name, sum(hits) / len(hits), low, high, goal, how)


if __name__ == "__main__":
    harness.main(__doc__, figures)
