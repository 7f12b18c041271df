"""How often cross-validation is done where nobody said it: three times, and once of a network that reads series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban

FAST = {"train.epochs": 2, "train.learning_rate": 0.01, "train.augment": {}, "split.folds": 2}


def waves() -> pl.DataFrame:
    """Series of twelve steps that rise or fall."""
    random = np.random.default_rng(0)
    slope = np.repeat([-1.0, 1.0], 30)
    series = slope[:, None] * np.linspace(-1, 1, 12) + 0.3 * random.normal(size=(60, 12))
    return pl.DataFrame({"series": series.tolist(), "label": np.where(slope > 0, "up", "down")})


def partitions(place: Path, model: str, **changes: Any) -> str:
    bundle = luban.fit(waves(), "label", model=model, set={**FAST, **changes}, out=place, threads=1)
    validated = next(m for m in bundle.measurements if m.split == "validation")
    return validated.how.split("-fold")[0]


@pytest.mark.slow
def test_a_network_of_series_is_cross_validated_once_and_what_is_quick_three_times(tmp_path: Path) -> None:
    assert partitions(tmp_path / "network.luban", "cnn") == "1 x 2"
    assert partitions(tmp_path / "asked.luban", "cnn", **{"train.repeats": 2}) == "2 x 2"
    assert partitions(tmp_path / "quick.luban", "linear") == "3 x 2"
