"""What `explain.py` measures beside luban's engine: the same engine on what trees leave that are fitted to each game.

Trees are fitted to the values of the coalitions that were asked about, in five parts; the Shapley values of the trees
are exact, and the engine explains what the trees miss in the part that they did not see (regression adjustment, Witter,
Liu and Musco, arXiv 2506.11849). A game is taken so where the standard errors are smaller so: they are scaled by what
is missed of each value when it is foretold by the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from games import Case, of_leaves

PARTS = 5
TREES = 60
"""Fewer leaves than rows for each: games have some hundreds of coalitions."""


@dataclass(frozen=True, eq=False)
class Adjusted:
    """values: (rows, units). chosen: (rows,) where trees leave less than the engine. seconds: CPU of a row."""

    values: Any
    chosen: Any
    seconds: float


def attributed(case: Case, calls: int, seed: int) -> Adjusted:
    """The Shapley values of the rows of a case by trees and the engine on what they leave."""
    from luban.explainers import _coalition, _smoother

    pairs = _coalition.drawn(case.units, (calls - 2) // 2, seed)
    known = np.concatenate([np.ones((1, case.units), bool), pairs])
    both = np.concatenate([known, ~known])
    told = np.stack([case.answer(np.where(both, row, case.background)) for row in case.rows])
    started = time.process_time()
    values, chosen = [], []
    for row in told:
        gains = row[: len(known)] - row[len(known) :]
        of_trees, foretold = _trees(both, row, seed)
        plain, rest = (_smoother.solve(pairs, each[:, None]) for each in (gains, gains - foretold))
        values.append(of_trees + rest.values[0])
        chosen.append(np.square(rest.errors).sum() < np.square(plain.errors).sum())
    return Adjusted(np.stack(values), np.array(chosen), (time.process_time() - started) / len(told))


def _trees(both: Any, row: Any, seed: int) -> tuple[Any, Any]:
    """The mean Shapley values of the trees, and each difference as those foretell it that did not see it."""
    import lightgbm

    half, units = len(both) // 2, both.shape[1]
    part = np.random.default_rng(seed).permutation(half) % PARTS
    values, foretold, added = np.zeros(units), np.zeros(half), 0.0
    settings = {"objective": "regression", "num_leaves": 8, "min_data_in_leaf": 4, "learning_rate": 0.15}
    settings |= {"verbose": -1, "num_threads": 1, "seed": seed}
    for number in range(PARTS):
        seen = np.tile(part != number, 2)
        model = lightgbm.train(settings, lightgbm.Dataset(both[seen].astype(float), row[seen]), TREES)
        said = model.predict(both.astype(float), num_threads=1)
        values += of_leaves(model.dump_model()["tree_info"], np.ones(units), np.zeros(units)) / PARTS
        foretold += np.where(part == number, said[:half] - said[half:], 0.0)
        added += (said[0] - said[half]) / PARTS
    # What all units add belongs to no part.
    foretold[0] = added
    return values, foretold
