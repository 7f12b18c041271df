"""Games whose Shapley values are known: models of trees and a network, each with rows, and the exact values of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Case:
    """A model and rows. booster: LightGBM's text, empty for the network, whose weights are `hidden` and `last`."""

    name: str
    rows: Any
    background: Any
    booster: str = ""
    hidden: Any = None
    last: Any = None

    @property
    def units(self) -> int:
        return int(self.rows.shape[1])

    def model(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.booster)

    @property
    def answer(self) -> Any:
        """(rows,) for (rows, columns)."""
        if self.booster:
            model = self.model()
            return lambda rows: model.predict(rows, num_threads=1)
        return lambda rows: np.tanh(rows @ self.hidden) @ self.last

    def arrays(self) -> dict[str, Any]:
        """What `of` reads again."""
        network = {} if self.hidden is None else {"hidden": self.hidden, "last": self.last}
        return {"name": self.name, "rows": self.rows, "background": self.background, "booster": self.booster, **network}

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> Case:
        network = {key: arrays[key] for key in ("hidden", "last") if key in arrays}
        name, booster = str(arrays["name"]), str(arrays["booster"])
        return cls(name, arrays["rows"], arrays["background"], booster, **network)


def cases(seed: int, rows: int) -> list[Case]:
    """Two models of trees and a network, fitted to sums, products and steps of correlated columns."""
    import lightgbm

    found = []
    for units in (10, 30):
        random = np.random.default_rng([seed, units])
        inputs = random.normal(size=(2_000, units)) @ (np.eye(units) + 0.4 * random.normal(size=(units, units)) / units)
        target = inputs[:, 0] * inputs[:, 1] + np.sin(2 * inputs[:, 2]) + inputs[:, 3] * (inputs[:, 4] > 0)
        target += inputs[:, 5] * inputs[:, 6] * inputs[:, 7] + inputs[:, :10] @ random.normal(size=10) / 2
        target += random.normal(size=2_000) * 0.3
        settings = {"objective": "regression", "num_leaves": 31, "verbose": -1, "num_threads": 1, "seed": seed}
        booster = lightgbm.train(settings, lightgbm.Dataset(inputs, target), 100)
        found.append(Case(f"trees-{units}", inputs[:rows], inputs.mean(axis=0), booster.model_to_string()))
        if units == 10:
            hidden, last = random.normal(size=(units, 24)) * 0.7, random.normal(size=24)
            found.append(Case("network-10", inputs[:rows], inputs.mean(axis=0), hidden=hidden, last=last))
    return found


def exact(case: Case) -> Any:
    """(rows, columns) the Shapley values: by every leaf of trees of many columns, else by every coalition."""
    if case.units > 10:
        trees = case.model().dump_model()["tree_info"]
        return np.stack([of_leaves(trees, row, case.background) for row in case.rows])
    units = case.units
    coalitions = (np.arange(2**units)[:, None] >> np.arange(units)) & 1 == 1
    sizes = coalitions.sum(axis=1)
    within = np.array([0.0, *(1 / (size * comb(units, size)) for size in range(1, units + 1))])
    weights = np.where(coalitions, within[sizes][:, None], -within[units - sizes][:, None])
    return np.stack([case.answer(np.where(coalitions, row, case.background)) @ weights for row in case.rows])


def of_leaves(trees: list[dict[str, Any]], row: Any, background: Any) -> Any:
    """A leaf is reached where some columns are the row's and some others the background's: a game of few columns."""
    values = np.zeros(len(row))

    def walk(node: dict[str, Any], own: frozenset[int], other: frozenset[int]) -> None:
        if "leaf_value" in node:
            ways = comb(len(own) + len(other), len(own))
            for column in own:
                values[column] += node["leaf_value"] / (len(own) * ways)
            for column in other:
                values[column] -= node["leaf_value"] / (len(other) * ways)
            return
        column, threshold = node["split_feature"], node["threshold"]
        for child, goes in (("left_child", True), ("right_child", False)):
            mine, theirs = (row[column] <= threshold) == goes, (background[column] <= threshold) == goes
            if mine and theirs:
                walk(node[child], own, other)
            elif mine and column not in other:
                walk(node[child], own | {column}, other)
            elif theirs and column not in own:
                walk(node[child], own, other | {column})

    for tree in trees:
        walk(tree["tree_structure"], frozenset(), frozenset())
    return values
