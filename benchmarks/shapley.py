"""What `explain.py` measures in an interpreter that has the package shap: its estimators beside luban's, on one game.

    python benchmarks/shapley.py FILE

FILE is an npz that `explain.py` writes: a case, the exact values, the budgets and the seed. The last line of stdout is
a document: for each budget the squared error of each row by each estimator, relative to the squares of the exact
values; how far TreeExplainer is from the exact values; and CPU seconds by calls of a row.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import explain
from games import Case


def kernel(case: Case, calls: int, seed: int) -> Any:
    """Values by shap.KernelExplainer without its selection of columns."""
    import shap

    np.random.seed(seed)
    explainer = shap.KernelExplainer(case.answer, case.background[None])
    return explainer.shap_values(case.rows, nsamples=calls, l1_reg=0, silent=True)


def permutation(case: Case, calls: int, seed: int) -> Any:
    """Values by shap.PermutationExplainer."""
    import shap

    # A permutation forwards and backwards takes two calls a unit and one more.
    least = 2 * case.units + 1
    explainer = shap.PermutationExplainer(case.answer, case.background[None], seed=seed)
    return explainer(case.rows, max_evals=max(calls, least), silent=True).values


def main(path: str) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    # A benchmark here is called as a package is that shap looks for.
    sys.path = [place for place in sys.path if Path(place).resolve() != explain.HERE]
    with np.load(path, allow_pickle=False) as asked:
        case = Case.of(asked)
        truth, budgets, seeds = asked["truth"], asked["budgets"].tolist(), asked["seeds"].tolist()
        timed = int(asked["timed"])
    found: dict[str, Any] = {"kernel": {}, "permutation": {}, "seconds": {}}
    for calls in budgets:
        for name, by in (("kernel", kernel), ("permutation", permutation)):
            started = time.process_time()
            missed = [explain.missed(by(case, calls, seed), truth).tolist() for seed in seeds]
            found[name][calls] = np.concatenate(missed).tolist()
            if calls == timed:
                found["seconds"][name] = (time.process_time() - started) / len(seeds)
    if case.booster:
        import shap

        exact = shap.TreeExplainer(case.model(), case.background[None]).shap_values(case.rows)
        found["tree"] = float(np.abs(exact - truth).max() / np.abs(truth).max())
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
