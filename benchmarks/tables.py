"""luban auto against other libraries on real tables: equal time, the same splits, one run.

Tables: those that scikit-learn carries, and adult and german-credit (`luban sample NAME --fetch`) where they are there.
Contestants: scikit-learn's HistGradientBoosting, RandomForest and SVC with defaults; AutoGluon and FLAML by `--peer
autogluon=/path/to/python --peer flaml=/path/to/python`. Each runs alone, one after the other.

Figures: mean-accuracy-luban and -<contestant> (classification tables); difference-to-<contestant>; score-<table>, that
is (s - baseline) / (best - baseline), 1 for the best; mean-rank-luban; below-baseline (tables); late (runs over the
time asked by more than 3 s or 5%); longest-over-time in seconds; cpu-seconds-ratio-<contestant>; one-row-p50 and
one-row-p99 in milliseconds; bundle-size in MB; load-average, how many processes wanted a core while all this ran: above
the number of cores, others took part of the time, and times are longer than they need be.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import harness

SECONDS = 30
QUICK_SECONDS = 8
SPLITS = 2
SCIKIT = ("hist-gradient-boosting", "random-forest", "svc")
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Table:
    """A table, its target, and whether it holds classes."""

    name: str
    frame: pl.DataFrame
    target: str
    kind: str


@dataclass
class Runs:
    """What one contestant did on one split of one table."""

    score: float
    cpu_seconds: float
    wall_seconds: float
    right: np.ndarray[Any, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def tables(quick: bool) -> list[Table]:
    import luban

    named = [("breast-cancer", "diagnosis"), ("wine", "cultivar"), ("iris", "species"), ("digits", "digit")]
    named += [("diabetes", "progression")]
    found = []
    for name, target in named[:2] if quick else named:
        frame = pl.read_csv(luban.sample(name).to_json()["path"])
        found.append(Table(name, frame, target, "regression" if name == "diabetes" else "classification"))
    if not quick:
        for name in ("adult", "german-credit"):
            try:
                sample = luban.sample(name).to_json()
            except luban.LubanError:
                continue
            frame = pl.read_csv(sample["path"], infer_schema_length=None, null_values=["?", ""])
            found.append(Table(name, frame, sample["target"], "classification"))
    return found


def split(table: Table, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Four fifths to train, a fifth to test, each class with its share."""
    random = np.random.default_rng(seed)
    test = np.zeros(len(table.frame), dtype=bool)
    keys = table.frame[table.target].to_numpy() if table.kind == "classification" else np.zeros(len(test))
    for key in np.unique(keys):
        rows = random.permutation(np.flatnonzero(keys == key))
        test[rows[: round(len(rows) * 0.2)]] = True
    return table.frame.filter(~test), table.frame.filter(test)


def score(table: Table, truth: pl.Series, predictions: list[Any]) -> tuple[float, np.ndarray[Any, Any] | None]:
    """Accuracy, or minus the RMSE: higher is better. And which rows were right."""
    if table.kind == "regression":
        return -float(np.sqrt(np.mean((truth.to_numpy() - np.array(predictions, dtype=float)) ** 2))), None
    right = np.array([str(a) == str(b) for a, b in zip(truth.to_list(), predictions, strict=True)])
    return float(right.mean()), right


def run_luban(table: Table, folder: Path, seconds: int, seed: int) -> Runs:
    """The command line, as a person would use it, in processes of its own."""
    bundle, answers = folder / "luban.luban", folder / "luban.csv"
    luban = [sys.executable, "-m", "luban"]
    started, began = time.monotonic(), _children()
    fit = [*luban, "fit", "train.csv", "--target", table.target, "--time", str(seconds), "--out", str(bundle)]
    fitted = subprocess.run([*fit, "--seed", str(seed), "--json"], cwd=folder, capture_output=True, text=True)
    if fitted.returncode:
        raise SystemExit(f"luban fit failed on {table.name}: {fitted.stdout[-600:]} {fitted.stderr[-600:]}")
    wall = time.monotonic() - started
    subprocess.run([*luban, "predict", str(bundle), "test.csv", "--out", str(answers)], cwd=folder, check=True)
    used = _children() - began
    test = pl.read_csv(folder / "test.csv")
    predictions = pl.read_csv(answers, schema_overrides={} if table.kind == "regression" else {"prediction": pl.String})
    value, right = score(table, test[table.target].cast(pl.String) if right_type(table) else test[table.target],
                         predictions["prediction"].to_list())  # fmt: skip
    document = json.loads(fitted.stdout)
    size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6
    p50, p99 = latency(bundle, test.drop(table.target))
    extra = {"size": size, "p50": p50, "p99": p99, "chosen": document["chosen"]["label"]}
    return Runs(value, used, wall, right, extra)


def right_type(table: Table) -> bool:
    """Whether predictions are compared as texts."""
    return table.kind == "classification"


def latency(bundle: Path, rows: pl.DataFrame) -> tuple[float, float]:
    """Milliseconds for one warm row in this process, the median and the 99th percentile."""
    import luban

    loaded = luban.load(bundle)
    singles = [rows[i % len(rows)] for i in range(300)]
    for row in singles[:20]:
        loaded.predict(row)
    times = []
    for row in singles:
        started = time.perf_counter()
        loaded.predict(row)
        times.append((time.perf_counter() - started) * 1e3)
    return float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99))


def run_other(name: str, python: str, table: Table, folder: Path, seconds: int) -> Runs:
    command = [
        python,
        str(HERE / "contestants.py"),
        name,
        "train.csv",
        "test.csv",
        table.target,
        str(seconds),
        table.kind,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed on {table.name}: {done.stderr[-800:]}")
    document = json.loads(done.stdout.strip().splitlines()[-1])
    truth = pl.read_csv(folder / "test.csv")[table.target]
    value, right = score(table, truth, document["predictions"])
    return Runs(value, document["cpu_seconds"], document["wall_seconds"], right)


def baseline(table: Table, train: pl.DataFrame, test: pl.DataFrame) -> float:
    """The commonest class, or the mean."""
    known = train[table.target]
    answer = known.mean() if table.kind == "regression" else known.mode().sort()[0]
    return score(table, test[table.target], [answer] * len(test))[0]


def figures(options: harness.Options) -> list[harness.Figure]:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    contestants = [(name, sys.executable) for name in SCIKIT] + list(options.peers.items())
    names = ["luban", *(name for name, _ in contestants)]
    results: dict[str, list[dict[str, Runs]]] = {}
    baselines: dict[str, list[float]] = {}
    loads = []
    found = tables(options.quick)
    for table in found:
        for seed in range(options.seed, options.seed + (1 if options.quick else SPLITS)):
            train, test = split(table, seed)
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                train.write_csv(folder / "train.csv")
                test.write_csv(folder / "test.csv")
                runs = {"luban": run_luban(table, folder, seconds, seed)}
                for name, python in contestants:
                    runs[name] = run_other(name, python, table, folder, seconds)
            loads.append(os.getloadavg()[0])
            results.setdefault(table.name, []).append(runs)
            baselines.setdefault(table.name, []).append(baseline(table, train, test))
            told = ", ".join(f"{name} {run.score:.4f}" for name, run in runs.items())
            walls = ", ".join(f"{run.wall_seconds:.1f}" for run in runs.values())
            harness.say(
                f"{table.name} split {seed}: {told}; luban chose {runs['luban'].extra['chosen']}; seconds {walls}; "
                f"load average {loads[-1]:.1f}"
            )
    return [
        *_accuracies(found, results, names),
        *_scores(results, baselines, names),
        *_costs(results, contestants, seconds),
        harness.Figure(
            "load-average",
            statistics.median(loads),
            min(loads),
            max(loads),
            how=f"of one minute, after each split: the median, the least, the most; {os.cpu_count()} cores",
        ),
    ]


def _accuracies(
    found: list[Table], results: dict[str, list[dict[str, Runs]]], names: list[str]
) -> list[harness.Figure]:
    classes = [table.name for table in found if table.kind == "classification"]
    told = []
    for name in names:
        means = [statistics.mean(run[name].score for run in results[table]) for table in classes]
        how = f"mean over {len(classes)} tables of the mean over splits"
        told.append(harness.Figure(f"mean-accuracy-{name}", statistics.mean(means), how=how))
    for name in names[1:]:
        value, low, high = _difference([results[table] for table in classes], name)
        goal = (">=", -0.005) if name == "autogluon" else None
        how = "luban less the other, mean of tables, paired bootstrap over test rows"
        told.append(harness.Figure(f"difference-to-{name}", value, low, high, goal, how=how))
    return told


def _difference(tables_: list[list[dict[str, Runs]]], name: str) -> tuple[float, float, float]:
    """The mean difference in accuracy and its 95% interval, rows drawn with replacement in each table and split."""
    random = np.random.default_rng(0)
    gains = [[run["luban"].right.astype(float) - run[name].right for run in runs] for runs in tables_]
    value = float(np.mean([np.mean([gain.mean() for gain in table]) for table in gains]))
    drawn = [
        np.mean([np.mean([random.choice(gain, len(gain)).mean() for gain in table]) for table in gains])
        for _ in range(1000)
    ]
    return value, float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def _scores(
    results: dict[str, list[dict[str, Runs]]], baselines: dict[str, list[float]], names: list[str]
) -> list[harness.Figure]:
    told, ranks, below = [], [], 0
    for table, splits in results.items():
        means = {name: statistics.mean(run[name].score for run in splits) for name in names}
        zero, best = statistics.mean(baselines[table]), max(means.values())
        scaled = (means["luban"] - zero) / (best - zero) if best > zero else 0.0
        told.append(harness.Figure(f"score-{table}", scaled, how="(s - baseline) / (best - baseline), mean of splits"))
        ranks.append(1 + sum(value > means["luban"] for value in means.values()))
        below += means["luban"] < zero
    told.append(harness.Figure("mean-rank-luban", statistics.mean(ranks), how=f"among {len(names)}, mean over tables"))
    told.append(harness.Figure("below-baseline", below, goal=("<=", 0), how="tables where luban is below the baseline"))
    return told


def _costs(
    results: dict[str, list[dict[str, Runs]]], contestants: list[tuple[str, str]], seconds: int
) -> list[harness.Figure]:
    every = [run for splits in results.values() for run in splits]
    allowed = max(3.0, 0.05 * seconds)
    late = sum(run["luban"].wall_seconds > seconds + allowed for run in every)
    told = [
        harness.Figure(
            "late", late, goal=("<=", 0), how=f"runs of {len(every)} over {seconds} s by more than {allowed:g} s"
        ),
        harness.Figure(
            "longest-over-time",
            max(run["luban"].wall_seconds for run in every) - seconds,
            how="seconds over the time asked",
        ),
    ]
    for name, _ in contestants:
        ratios = [run["luban"].cpu_seconds / max(run[name].cpu_seconds, 1e-3) for run in every]
        told.append(harness.Figure(f"cpu-seconds-ratio-{name}", statistics.median(ratios), how="luban / other, median"))
    worst = {key: max(run["luban"].extra[key] for run in every) for key in ("p50", "p99", "size")}
    told.append(harness.Figure("one-row-p50", worst["p50"], goal=("<=", 5.0), how="milliseconds, the slowest bundle"))
    told.append(harness.Figure("one-row-p99", worst["p99"], goal=("<=", 20.0), how="milliseconds, the slowest bundle"))
    told.append(harness.Figure("bundle-size", worst["size"], how="MB, the largest"))
    return told


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    harness.main(__doc__, figures)
