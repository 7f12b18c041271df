"""Planted faults: does `luban diagnose` find what was planted, and stay silent on clean tables?

Real tables (those that scikit-learn carries) and generated ones, faults planted by seed. Thresholds were chosen on
seeds from 1000 on; those reported are below 100. An alarm is a finding above a note.

Figures: recall (over all faults), recall-<fault> (each), false-alarms (share of clean tables with an alarm). Whether
intervals cover the truth is measured by `coverage.py`.
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
    """A clean table with correlated columns, a category, and classes that overlap, or values with noise."""
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
    random = np.random.default_rng(_seed(seed, "imbalance"))
    frame = generated("two classes", seed) if name == "generated" else real(name, seed)
    if name == "generated":
        # Large enough for 20 rows of the rare class.
        frame = pl.concat([frame, *(generated_like(frame, random) for _ in range(3))])
    classes = frame["y"].unique().sort()
    rare = frame["y"] == classes[int(random.integers(len(classes)))]
    keep = int((~rare).sum() / 50)
    if keep < 20:
        return None
    rows = np.concatenate(
        [np.flatnonzero(~rare.to_numpy()), random.permutation(np.flatnonzero(rare.to_numpy()))[:keep]]
    )
    labels = pl.Series(np.where(rare.to_numpy()[rows], "rare", "usual"))
    thinned = frame[rows.tolist()].with_columns(y=labels)
    return thinned.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


def generated_like(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Rows like those of a table: each with a little noise, so that none is a copy."""
    numbers = [name for name, kind in frame.schema.items() if kind.is_float()]
    noise = {name: frame[name] + pl.Series(random.normal(size=len(frame)) * 0.3) for name in numbers}
    return frame.with_columns(**noise)


def groups(seed: int) -> pl.DataFrame:
    """Machines that are measured several times: traits of the machine, and an outcome that is the machine's own."""
    random = np.random.default_rng(_seed(seed, "groups"))
    count = int(random.integers(60, 120))
    sizes = random.integers(4, 9, count)
    machine = np.repeat(np.arange(count), sizes)
    traits = random.normal(size=(count, 6))[machine] + random.normal(size=(len(machine), 6)) * 0.2
    outcome = random.integers(0, 2, count)[machine]
    frame = pl.DataFrame({f"trait{place}": traits[:, place] for place in range(6)})
    names = np.array([f"m{number:03}" for number in random.permutation(count)])[machine]
    frame = frame.with_columns(machine=pl.Series(names), y=pl.Series(np.where(outcome == 1, "fails", "runs")))
    return frame.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


def course(seed: int) -> pl.DataFrame:
    """Days on which a value wanders; the columns say a little of it; the rows are in no order."""
    random = np.random.default_rng(_seed(seed, "course"))
    days = int(random.integers(300, 700))
    value = np.cumsum(random.normal(size=days))
    start = np.datetime64("2022-01-01")
    frame = pl.DataFrame({"day": start + np.arange(days), "load": value * 0.2 + random.normal(size=days) * 3})
    frame = frame.with_columns(wind=pl.Series(random.normal(size=days)))
    if seed % 2:
        frame = frame.with_columns(y=pl.Series(np.where(value > np.median(value), "high", "low")))
    else:
        frame = frame.with_columns(y=pl.Series(value))
    return frame.sample(fraction=1.0, shuffle=True, seed=int(random.integers(2**31)))


# Cases

CLASSES = ("breast_cancer", "wine", "iris", "digits")
ANY = (*CLASSES, "diabetes")


def cases(seeds: tuple[int, ...], quick: bool) -> Iterator[Case]:
    """Every fault on every table where it makes sense, by seed; then clean tables."""
    planted: dict[str, tuple[Callable[..., pl.DataFrame], tuple[str, ...]]] = {
        "copied-target": (copied_target, ANY),
        "post-outcome": (post_outcome, ANY),
        "row-id": (row_id, ANY),
        "constant": (constant, ANY),
        "duplicates": (duplicates, ANY),
        "label-noise-10": (label_noise(0.1), CLASSES),
        "label-noise-20": (label_noise(0.2), CLASSES),
        "shuffled-labels": (shuffled, ANY),
    }
    for seed in seeds:
        for fault, (plant, tables) in planted.items():
            for table in tables[:2] if quick else tables:
                random = np.random.default_rng(_seed(seed, fault, table))
                yield Case(fault, table, plant(real(table, seed), random))
        yield Case("group-leak", "machines", groups(seed))
        yield Case("time-leak", "days", course(seed))
        for table in ("breast_cancer", "wine"):
            yield Case("scaling-off", table, real(table, seed), settings={"features.scale": "none"})
        for table in ("generated", "digits", "breast_cancer"):
            frame = imbalance(table, seed)
            if frame is not None:
                yield Case("imbalance", table, frame)
    for seed in seeds[:1] if quick else range(seeds[0], seeds[0] + 7):
        for table in ANY:
            yield Case("clean", table, real(table, seed + 10))
        for table in ("two classes", "three classes", "values", "values"):
            yield Case("clean", table, generated(table, seed + 10 + 1000 * (table == "values")))


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
    for case in cases(seeds, options.quick):
        loud, quiet = alarms(case)
        if case.fault == "clean":
            clean.append(bool(loud))
            seen = ", ".join(sorted(loud)) or "silent"
        else:
            # What luban has already set aside, such as a row number, it tells in a note.
            hit = bool(set(FOUND[case.fault]) & quiet)
            hits.setdefault(case.fault, []).append(hit)
            seen = ("found" if hit else "MISSED") + f" ({', '.join(sorted(loud)) or 'silent'})"
        harness.say(f"{case.fault:16} {case.table:14} {seen}")
    every = [hit for found in hits.values() for hit in found]
    told = [_share("recall", every, ">=", 0.90)]
    told += [_share(f"recall-{fault}", found, ">=", 0.75) for fault, found in sorted(hits.items())]
    return [*told, _share("false-alarms", clean, "<=", 0.05)]


def _share(name: str, hits: list[bool], op: str, goal: float) -> harness.Figure:
    low, high = wilson(sum(hits), len(hits))
    return harness.Figure(
        name, sum(hits) / len(hits), low, high, (op, goal), how=f"{sum(hits)} of {len(hits)} tables, Wilson interval"
    )


def _codes(values: pl.Series) -> np.ndarray[Any, Any]:
    if values.dtype.is_numeric():
        return values.to_numpy().astype(float)
    return values.rank("dense").to_numpy().astype(float)


def _seed(seed: int, *purpose: str) -> int:
    return zlib.crc32(repr((seed, *purpose)).encode())


if __name__ == "__main__":
    harness.main(__doc__, figures)
