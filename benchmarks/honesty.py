"""Planted faults: does `luban diagnose` find what was planted, and stay silent on clean tables?

Real tables (those that scikit-learn carries) and generated ones, faults planted by seed. Thresholds were chosen on
seeds from 1000 on (`--seed 1000`); those reported are below 100. An alarm is a finding above a note.

Figures: recall (over all faults), recall-<fault> (each), false-alarms (share of clean tables with an alarm),
other-alarms (share of tables with a fault on which something else is raised as well; without a goal, for a fault may
have true consequences). Whether intervals cover the truth is measured by `coverage.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

import harness
from luban.evidence.intervals import wilson

SEEDS = (0, 1, 2)
FOUND = {
    "copied-target": ("target-leakage",),
    "post-outcome": ("target-leakage",),
    "row-id": ("constant-or-id-feature",),
    "duplicates": ("train-test-duplicates",),
    "group-leak": ("group-or-time-leakage",),
    "time-leak": ("group-or-time-leakage",),
    "label-noise-10": ("label-noise",),
    "label-noise-20": ("label-noise",),
    "shuffled-labels": ("label-noise",),
    "imbalance": ("class-imbalance",),
    "scaling-off": ("unscaled-features",),
    "constant": ("constant-or-id-feature",),
}
"""The conditions that name each fault."""


@dataclass(frozen=True)
class Case:
    """A table, its target, and what was planted; `clean` where nothing was."""

    fault: str
    table: str
    frame: pl.DataFrame
    target: str = "y"
    settings: dict[str, Any] = field(default_factory=dict)


# Tables


def real(name: str, seed: int) -> pl.DataFrame:
    """A real table, nine tenths of its rows in another order for each seed."""
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    names = [str(column).replace(" ", "_") for column in loaded.feature_names]
    frame = pl.DataFrame({column: loaded.data[:, place] for place, column in enumerate(names)})
    target = loaded.target if name == "diabetes" else np.array([f"class {code}" for code in loaded.target])
    frame = frame.with_columns(y=pl.Series(target))
    return frame.sample(fraction=0.9, shuffle=True, seed=_seed(seed, name))


def generated(kind: str, seed: int) -> pl.DataFrame:
    """A clean table with correlated columns, a category, and classes that overlap, or values with noise.

    kind: `two classes`, `three classes`, `values`, or `orders`, in which innocent columns look like faults.
    """
    if kind == "orders":
        return orders(seed)
    random = np.random.default_rng(_seed(seed, kind))
    rows, columns = int(random.integers(300, 900)), int(random.integers(6, 14))
    mixing = random.normal(size=(columns, columns)) * 0.4 + np.eye(columns)
    inputs = random.normal(size=(rows, columns)) @ mixing
    town = random.choice(["Ulm", "Bonn", "Kiel", "Jena"], rows)
    signal = inputs[:, :4] @ random.normal(size=4) + (town == "Ulm") * random.normal()
    signal = (signal - signal.mean()) / signal.std()
    frame = pl.DataFrame({f"x{place}": inputs[:, place] for place in range(columns)}).with_columns(town=pl.Series(town))
    if kind == "values":
        return frame.with_columns(y=pl.Series(signal + random.normal(size=rows) * 0.5))
    cuts = [0.0] if kind == "two classes" else [-0.5, 0.5]
    classes = np.digitize(signal + random.normal(size=rows) * 0.15, cuts)
    return frame.with_columns(y=pl.Series([f"class {code}" for code in classes]))


def orders(seed: int) -> pl.DataFrame:
    """A clean table whose columns look like faults and are none.

    Moments over which the target does not wander, a category of many levels that helps, whole numbers that seldom
    repeat, amounts with a long tail, and values that are missing.
    """
    random = np.random.default_rng(_seed(seed, "orders"))
    rows = int(random.integers(400, 900))
    shop = random.integers(0, 30, rows)
    grams = random.integers(100, 100 * rows, rows)
    amount = random.lognormal(3.0, 1.2, rows)
    weight = random.normal(size=(rows, 3))
    signal = random.normal(size=30)[shop] + weight @ random.normal(size=3) + 0.5 * np.log(amount)
    signal = (signal - signal.mean()) / signal.std() + random.normal(size=rows) * 0.4
    seconds = np.sort(random.integers(0, 365 * 86_400, rows))
    frame = pl.DataFrame({f"weight{place}": weight[:, place] for place in range(3)}).with_columns(
        ordered=pl.Series(np.datetime64("2023-01-01T00:00:00", "ms") + 1000 * seconds),
        shop=pl.Series([f"shop {code}" for code in shop]),
        grams=pl.Series(grams),
        amount=pl.Series(np.where(random.random(rows) < 0.05, np.nan, amount)).fill_nan(None),
        y=pl.Series(np.where(signal > 0, "kept", "returned")),
    )
    return frame.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


# Faults


def copied_target(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """The target under another name, with a little noise."""
    values = _codes(frame["y"])
    noise = random.normal(size=len(values)) * 0.05 * max(values.std(), 1e-9)
    return frame.with_columns(outcome_code=pl.Series(values + noise))


def post_outcome(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """A column that is written after the outcome is known: it follows it but for one row in a hundred."""
    values = _codes(frame["y"])
    late = values * 10 + random.normal(size=len(values)) * 0.3 * max(
        values.std() if values.dtype.kind == "f" else 1, 1e-9
    )
    slipped = random.random(len(values)) < 0.01
    late[slipped] = random.permutation(late)[slipped]
    return frame.with_columns(days_of_treatment=pl.Series(late))


def row_id(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(number=pl.Series(random.permutation(len(frame)) + 1000))


def constant(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(country=pl.lit("DE"))


def duplicates(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Three rows in ten come twice."""
    copies = random.choice(len(frame), int(len(frame) * 0.3), replace=False)
    return pl.concat([frame, frame[copies.tolist()]]).sample(
        fraction=1.0, shuffle=True, seed=int(random.integers(2**31))
    )


def label_noise(share: float) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    def plant(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        labels = frame["y"].to_numpy().copy()
        classes = np.unique(labels)
        for row in random.choice(len(labels), int(len(labels) * share), replace=False):
            labels[row] = random.choice(classes[classes != labels[row]])
        return frame.with_columns(y=pl.Series(labels))

    return plant


def shuffled(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(y=pl.Series(random.permutation(frame["y"].to_numpy())))


def imbalance(name: str, seed: int) -> pl.DataFrame | None:
    """One class against the rest, thinned to 1 in 51; None where fewer than 20 rows of it would remain."""
    random = np.random.default_rng(_seed(seed, "imbalance", name))
    frame = generated("two classes", seed) if name == "generated" else real(name, seed)
    if name == "generated":
        # Large enough for 20 rows of the rare class.
        frame = pl.concat([frame, *(generated_like(frame, random) for _ in range(6))])
    classes = frame["y"].unique().sort()
    rare = (frame["y"] == classes[int(random.integers(len(classes)))]).to_numpy()
    keep = int((~rare).sum() / 50)
    if keep < 20:
        return None
    rows = np.concatenate([np.flatnonzero(~rare), random.permutation(np.flatnonzero(rare))[:keep]])
    thinned = frame[rows.tolist()].with_columns(y=pl.Series(np.where(rare[rows], "rare", "usual")))
    return thinned.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


def generated_like(frame: pl.DataFrame, random: np.random.Generator, error: float = 0.3) -> pl.DataFrame:
    """Rows like those of a table: each with a little noise, so that none is a copy.

    error: in standard deviations of the column.
    """
    noise = {
        name: frame[name] + pl.Series(random.normal(size=len(frame)) * error * float(np.std(frame[name].to_numpy())))
        for name, kind in frame.schema.items()
        if kind.is_float() and name != "y"
    }
    return frame.with_columns(**noise)


def groups(seed: int) -> pl.DataFrame:
    """Rigs that are measured several times: traits of the rig, and an outcome that is its own.

    The column is not named as one of machines or persons: by such a name luban splits by groups from the start.
    """
    random = np.random.default_rng(_seed(seed, "groups"))
    count = int(random.integers(60, 120))
    sizes = random.integers(4, 9, count)
    rig = np.repeat(np.arange(count), sizes)
    traits = random.normal(size=(count, 6))[rig] + random.normal(size=(len(rig), 6)) * 0.2
    outcome = random.integers(0, 2, count)[rig]
    frame = pl.DataFrame({f"trait{place}": traits[:, place] for place in range(6)})
    names = np.array([f"r{number:03}" for number in random.permutation(count)])[rig]
    frame = frame.with_columns(rig=pl.Series(names), y=pl.Series(np.where(outcome == 1, "fails", "runs")))
    return frame.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


def measured_again(name: str, seed: int) -> pl.DataFrame:
    """A real table of which each row is a thing that was measured three to six times, with an error of each time."""
    random = np.random.default_rng(_seed(seed, "measured again", name))
    frame = real(name, seed)
    things = random.permutation(len(frame))[:120]
    which = np.repeat(things, random.integers(3, 7, len(things)))
    again = generated_like(frame[which.tolist()], random, error=0.1)
    again = again.with_columns(thing=pl.Series([f"no {code}" for code in random.permutation(len(frame))[which]]))
    return again.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


def course(kind: str, seed: int) -> pl.DataFrame:
    """Days on which a value wanders; the columns say a little of it; the rows are in no order."""
    random = np.random.default_rng(_seed(seed, "course", kind))
    days = int(random.integers(300, 700))
    value = np.cumsum(random.normal(size=days))
    start = np.datetime64("2022-01-01")
    frame = pl.DataFrame({"day": start + np.arange(days), "load": value * 0.2 + random.normal(size=days) * 3})
    frame = frame.with_columns(wind=pl.Series(random.normal(size=days)))
    if kind == "classes":
        frame = frame.with_columns(y=pl.Series(np.where(value > np.median(value), "high", "low")))
    else:
        frame = frame.with_columns(y=pl.Series(value))
    return frame.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


# Cases

CLASSES = ("breast_cancer", "wine", "iris", "digits")
ANY = (*CLASSES, "diabetes")
CLEAN = (*ANY, "two classes", "three classes", "values", "orders")
PLANTED: dict[str, tuple[Callable[..., pl.DataFrame], tuple[str, ...]]] = {
    "copied-target": (copied_target, ANY),
    "post-outcome": (post_outcome, ANY),
    "row-id": (row_id, ANY),
    "constant": (constant, ANY),
    "duplicates": (duplicates, ANY),
    "label-noise-10": (label_noise(0.1), CLASSES),
    "label-noise-20": (label_noise(0.2), CLASSES),
    "shuffled-labels": (shuffled, ANY),
}
"""What is planted into tables as they are, and into which."""


def cases(seeds: tuple[int, ...], quick: bool) -> Iterator[Case]:
    """Every fault on every table where it makes sense, by seed; then clean tables: 9 kinds by 7 seeds."""
    for seed in seeds:
        for fault, (plant, tables) in PLANTED.items():
            for table in tables[:2] if quick else tables:
                random = np.random.default_rng(_seed(seed, fault, table))
                yield Case(fault, table, plant(real(table, seed), random))
        yield Case("group-leak", "rigs", groups(seed))
        for table in ("breast_cancer", "wine"):
            yield Case("group-leak", table, measured_again(table, seed))
        for kind in ("classes", "values"):
            yield Case("time-leak", f"days, {kind}", course(kind, seed))
        # The columns of iris and digits have like scales: without scaling nothing is wrong with them.
        for table in ("breast_cancer", "wine", "diabetes"):
            yield Case("scaling-off", table, real(table, seed), settings={"features.scale": "none"})
        for table in ("generated", *CLASSES):
            frame = imbalance(table, seed)
            if frame is not None:
                yield Case("imbalance", table, frame)
    first = seeds[0] + 10
    for seed in range(first, first + (1 if quick else 7)):
        for kind in CLEAN:
            yield Case("clean", kind, real(kind, seed) if kind in ANY else generated(kind, seed))


def alarms(case: Case) -> tuple[set[str], set[str]]:
    """The ids of what is found above a note; and of everything."""
    from luban.verbs.diagnose import diagnose

    found = diagnose(case.frame, case.target, set=case.settings, seed=0)
    loud = {finding.condition for finding in found.findings if finding.severity != "note"}
    quiet = {finding.condition for finding in found.findings}
    return loud, quiet


def figures(options: harness.Options) -> list[harness.Figure]:
    first = options.seed
    seeds = (first,) if options.quick else tuple(first + step for step in SEEDS)
    hits: dict[str, list[bool]] = {}
    clean: list[bool] = []
    others: list[bool] = []
    for case in cases(seeds, options.quick):
        loud, quiet = alarms(case)
        if case.fault == "clean":
            clean.append(bool(loud))
            seen = ", ".join(sorted(loud)) or "silent"
        else:
            # What luban has already set aside, such as a row number, it tells in a note.
            hit = bool(set(FOUND[case.fault]) & quiet)
            hits.setdefault(case.fault, []).append(hit)
            others.append(bool(loud - set(FOUND[case.fault])))
            seen = ("found" if hit else "MISSED") + f" ({', '.join(sorted(loud)) or 'silent'})"
        harness.say(f"{case.fault:16} {case.table:14} {seen}")
    every = [hit for found in hits.values() for hit in found]
    told = [_share("recall", every, ">=", 0.90)]
    told += [_share(f"recall-{fault}", found, ">=", 0.75) for fault, found in sorted(hits.items())]
    return [*told, _share("false-alarms", clean, "<=", 0.05), _share("other-alarms", others)]


def _share(name: str, hits: list[bool], op: harness.Operator = ">=", goal: float | None = None) -> harness.Figure:
    low, high = wilson(sum(hits), len(hits))
    wanted = None if goal is None else (op, goal)
    how = f"{sum(hits)} of {len(hits)} tables, Wilson interval"
    return harness.Figure(name, sum(hits) / len(hits), low, high, wanted, how)


def _codes(values: pl.Series) -> np.ndarray[Any, Any]:
    if values.dtype.is_numeric():
        return values.to_numpy().astype(float)
    return values.rank("dense").to_numpy().astype(float)


def _seed(seed: int, *purpose: str) -> int:
    return zlib.crc32(repr((seed, *purpose)).encode())


if __name__ == "__main__":
    harness.main(__doc__, figures)
