"""Shapley values: their error and the error that they state, beside the exact values, and beside the package shap.

Models of 10 and 30 columns by LightGBM, and one of 10 by a network that is no tree; one background row, the means.
Exact values: of every coalition for 10 columns; of every leaf for 30, which is what interventional TreeSHAP computes.
The error of a row is the sum of squares of what is missed, over that of the exact values. Ratios are of its mean over
rows and seeds, with intervals by a bootstrap of the rows; the peer is the better of KernelExplainer (l1_reg=0) and
PermutationExplainer at that budget, in the environment of `--peer shap=PYTHON`, which has shap, lightgbm and luban.

Figures: error-ratio-<case>-<budget>n (luban / the better one of shap, squared error), never-worse (the largest upper
end of these intervals), exact-<case> (what is missed with 2^10 calls), coverage (how often 1.96 standard errors hold
the exact value, budgets of 10n to 40n together), coverage-pairs (the same in games whose interactions are of pairs
alone), tree-difference (TreeExplainer and the exact values), tree-adjusted-<case>-<budget>n (what it does to the error
when trees are fitted to each game and the engine explains what they leave: `adjusting`), cpu-ratio (CPU of
KernelExplainer at 40n calls / luban's at the fewest calls that give at most its error), text-model-share (of the CPU
that it takes to explain a text by MiniLM, how much is the network's).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import adjusting
import harness
from games import Case, cases, exact

HERE = Path(__file__).resolve().parent
TIMES = (5, 10, 20, 40)
"""Calls of a row over its columns."""
GOALS = {10: 0.55, 20: 0.55, 40: 0.4}
ROWS, QUICK_ROWS = 16, 6
SEEDS, QUICK_SEEDS = 3, 1
TIMED, QUICK_TIMED = 200, 20
"""Rows whose CPU is measured."""
DRAWS = 2_000


def luban(case: Case, calls: int, seed: int) -> Any:
    """What the engine says of the rows, all at once."""
    from luban.explainers import _coalition

    answer = case.answer

    def values(coalitions: Any, games: Any) -> Any:
        mixed = np.where(coalitions[None], case.rows[games][:, None], case.background)
        return answer(mixed.reshape(-1, case.units)).reshape(len(games), -1).T

    return _coalition.attribute(values, case.units, len(case.rows), calls=calls, seed=seed)


def missed(values: Any, truth: Any) -> Any:
    """(rows,) squared error over the squares of the exact values."""
    return ((values - truth) ** 2).sum(axis=1) / (truth**2).sum(axis=1)


def ratio(first: Any, second: Any, rows: int, seed: int) -> tuple[float, float, float]:
    """The ratio of two means over rows and seeds, and its 95% interval by a bootstrap of the rows."""
    first, second = (np.reshape(each, (-1, rows)).mean(axis=0) for each in (first, second))
    drawn = np.random.default_rng(seed).integers(0, rows, (DRAWS, rows))
    low, high = np.quantile(first[drawn].mean(axis=1) / second[drawn].mean(axis=1), (0.025, 0.975))
    return float(first.mean() / second.mean()), float(low), float(high)


def figures(options: harness.Options) -> list[harness.Figure]:
    from luban.evidence.intervals import wilson

    rows, seeds = (QUICK_ROWS, QUICK_SEEDS) if options.quick else (ROWS, SEEDS)
    found, uppers, peers = [], [], {}
    covered: dict[str, list[Any]] = {}
    timed = QUICK_TIMED if options.quick else TIMED
    for case in cases(options.seed, rows):
        truth = exact(case)
        drawn = [options.seed + number for number in range(seeds)]
        mine: dict[int, Any] = {}
        for times in TIMES:
            told = [luban(case, times * case.units, seed) for seed in drawn]
            mine[times] = np.concatenate([missed(each.values, truth) for each in told])
            if times >= 10:
                inside = [(np.abs(each.values - truth) <= 1.96 * each.errors).ravel() for each in told]
                covered.setdefault(case.name, []).extend(inside)
        if case.units == 10:
            worst = float(missed(luban(case, 2**10, options.seed).values, truth).max())
            how = "largest squared error of a row with every coalition, over its squares"
            found.append(harness.Figure(f"exact-{case.name}", worst, goal=("<=", 1e-18), how=how))
        peers[case.name] = peer = _peer(options, case, truth, drawn)
        for times in TIMES:
            name, how = f"error-ratio-{case.name}-{times}n", "squared error of luban / the better one of shap"
            goal = ("<=", GOALS[times]) if times in GOALS else None
            if isinstance(peer, str):
                found.append(harness.Figure(name, None, goal=goal, how=how, reason=peer))
                continue
            better = min(
                (peer[by][str(times * case.units)] for by in ("kernel", "permutation")), key=lambda each: np.mean(each)
            )
            value, low, high = ratio(mine[times], better, rows, options.seed)
            uppers.append(high)
            found.append(harness.Figure(name, value, low, high, goal, f"{how}; luban {np.mean(mine[times]):.2e}"))
        found += _adjusted(case, truth, drawn, mine, rows)
    share = np.concatenate([each for some in covered.values() for each in some])
    low, high = wilson(int(share.sum()), len(share))
    how = "share of exact values within 1.96 standard errors, 10n to 40n calls; " + ", ".join(
        f"{name} {np.mean(np.concatenate(some)):.3f}" for name, some in covered.items()
    )
    found.append(harness.Figure("coverage", float(share.mean()), low, high, ("within", (0.9, 0.98)), how))
    found.append(_of_pairs(drawn))
    told = peers["trees-30"]
    reason, tree = (told, None) if isinstance(told, str) else (None, told["tree"])
    how = "largest upper end of a ratio"
    found.append(harness.Figure("never-worse", max(uppers, default=None), goal=("<=", 1.0), how=how, reason=reason))
    how = "largest difference of TreeExplainer, over the largest exact value"
    found.append(harness.Figure("tree-difference", tree, goal=("<=", 1e-5), how=how, reason=reason))
    return [*found, _cpu(options, timed), _text(options)]


def _adjusted(case: Case, truth: Any, seeds: list[int], mine: dict[int, Any], rows: int) -> list[harness.Figure]:
    """The engine on what trees that are fitted to each game leave, beside the engine on the games."""
    found = []
    for times in TIMES[1:]:
        told = [adjusting.attributed(case, times * case.units, seed) for seed in seeds]
        errors = np.concatenate([missed(each.values, truth) for each in told])
        chosen = np.concatenate([each.chosen for each in told])
        value, low, high = ratio(errors, mine[times], rows, seeds[0])
        mixed = np.where(chosen, errors, mine[times]).mean() / mine[times].mean()
        how = f"squared error with trees in each game / without; chosen by what is left out in {chosen.mean():.0%}, "
        how += f"which makes {mixed:.2f}; CPU {np.mean([each.seconds for each in told]) * 1000:.0f} ms a row"
        found.append(harness.Figure(f"tree-adjusted-{case.name}-{times}n", value, low, high, how=how))
    return found


def _of_pairs(seeds: list[int]) -> harness.Figure:
    """Games whose interactions are of pairs alone, of which the Shapley values are known."""
    covered, errors = [], []
    for seed in range(20 * len(seeds)):
        random = np.random.default_rng([seeds[0], seed, 2])
        alone, together = random.normal(size=12), np.triu(random.normal(size=(12, 12)), 1)
        truth = alone + (together.sum(axis=0) + together.sum(axis=1)) / 2
        for times in TIMES[1:]:
            told = _pairs_alone(alone, together, times * 12, seed)
            covered.append(np.abs(told.values[0] - truth) <= 1.96 * told.errors[0])
            errors.append(missed(told.values, truth[None]))
    how = f"share of exact values within 1.96 standard errors, 12 units; error {np.mean(errors):.1e}"
    return harness.Figure("coverage-pairs", float(np.mean(covered)), goal=(">=", 0.9), how=how)


def _pairs_alone(alone: Any, together: Any, calls: int, seed: int) -> Any:
    from luban.explainers import _coalition

    def values(coalitions: Any, games: Any) -> Any:
        there = coalitions.astype(float)
        return (there @ alone + ((there @ together) * there).sum(axis=1))[:, None]

    return _coalition.attribute(values, len(alone), calls=calls, seed=seed)


def _cpu(options: harness.Options, rows: int) -> harness.Figure:
    """KernelExplainer at 40n calls, and luban at the fewest calls, by steps of n, with at most its error."""
    case = cases(options.seed, rows)[-1]
    truth = exact(case)
    most = 40 * case.units
    peer = _peer(options, case, truth, [options.seed], budgets=[most], timed=most)
    how = f"CPU of KernelExplainer at 40n calls / luban at equal error, {rows} rows of 30 columns"
    if isinstance(peer, str):
        return harness.Figure("cpu-ratio", None, goal=(">=", 5.0), how=how, reason=peer)
    error = float(np.mean(peer["kernel"][str(most)]))
    for times in range(5, 41):
        mine = float(np.mean(missed(luban(case, times * case.units, options.seed).values, truth)))
        if mine <= error:
            break
    else:
        return harness.Figure("cpu-ratio", None, goal=(">=", 5.0), how=how, reason="luban's error is larger")
    seconds = []
    for number in range(3):
        started = time.process_time()
        # Other coalitions each time: nothing that was worked out before is used again.
        luban(case, times * case.units, options.seed + 1 + number)
        seconds.append(time.process_time() - started)
    how += f": {times}n calls; errors {error:.2e} and {mine:.2e}"
    return harness.Figure("cpu-ratio", peer["seconds"]["kernel"] / float(np.median(seconds)), goal=(">=", 5.0), how=how)


def _text(options: harness.Options) -> harness.Figure:
    """One text of about 200 tokens by MiniLM: how much of the CPU its network takes."""
    import dataclasses

    import polars as pl

    import luban as package
    from luban.bundle.bundle import rebuild_form
    from luban.data.catalogue import sample_path
    from luban.protocols import Effort
    from luban.verbs import explaining

    calls = 100 if options.quick else 1_000
    name, how = "text-model-share", f"CPU of the network / of the explanation: MiniLM, {calls:,} coalitions"
    reason = harness.lacking(["minilm", "bbc-news"])
    if reason is not None:
        return harness.Figure(name, None, goal=(">=", 0.9), how=how, reason=reason)
    table = pl.read_csv(sample_path("bbc-news")).select("text", "topic").head(1_000)
    table = table.sample(60, shuffle=True, seed=options.seed).with_columns(pl.col("text").str.slice(0, 1_000))
    with tempfile.TemporaryDirectory() as folder:
        bundle = package.fit(
            table, "topic", model="pretrained-features", from_="minilm", repair="off", set={"features.longest": 256},
            seed=options.seed, threads=1, out=Path(folder) / "it.luban",
        )  # fmt: skip
        spent = [0.0]

        def answered(inputs: Any) -> Any:
            started = time.process_time()
            said = bundle.answerer.outputs(inputs)
            spent[0] += time.process_time() - started
            return said

        answerer = dataclasses.replace(bundle.answerer, outputs=answered)
        frame = bundle.answerer.read(table.head(1))
        tokens = _tokens(bundle.answerer.preprocessor.transform(frame))
        question = explaining.Question(method="shap", effort=Effort(calls, None, options.seed))
        started = time.process_time()
        [told] = explaining.explanations(answerer, lambda: rebuild_form(bundle.stored), frame, [0], question)
        whole = time.process_time() - started
    how += f"; {tokens} tokens in {len(told.attributions)} units, {whole:.0f} s"
    return harness.Figure(name, spent[0] / whole, goal=(">=", 0.9), how=how)


def _tokens(inputs: Any) -> int:
    """How many tokens the one row has that was encoded."""
    return int(max(part.lengths[0] if hasattr(part, "lengths") else part.shape[1] for part in inputs.parts.values()))


def _peer(
    options: harness.Options, case: Case, truth: Any, seeds: list[int], budgets: list[int] | None = None, timed: int = 0
) -> dict[str, Any] | str:
    """What shap says of a case; or why it says nothing."""
    python = options.peers.get("shap")
    if python is None:
        return "give --peer shap=PYTHON, an interpreter that has luban, lightgbm and shap"
    budgets = budgets or [times * case.units for times in TIMES]
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "case.npz"
        np.savez(asked, **case.arrays(), truth=truth, budgets=budgets, seeds=seeds, timed=timed)
        done = subprocess.run([python, str(HERE / "shapley.py"), str(asked)], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()[-300:]
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    harness.main(__doc__, figures)
