"""The network of a bundle as a torch module, and its outline; what is no network says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import luban


@pytest.mark.slow
def test_a_bundle_gives_its_network_and_what_is_none_says_what_to_do(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    rows = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(x.sum(axis=1) > 0, "up", "down")})
    asked = {"model.mlp.units": [6], "train.epochs": 5, "train.learning_rate": 0.05, "train.repeats": 1}
    bundle = luban.fit(rows, "y", model="mlp", set=asked, out=tmp_path / "network.luban", threads=1)
    assert isinstance(bundle.network, torch.nn.Module) and not bundle.network.training
    found = luban.load(tmp_path / "network.luban").outline()
    assert (found.layers[0].kind, found.layers[0].gives) == ("Linear", (6,))
    assert found.parameters == sum(p.numel() for p in bundle.network.parameters())
    linear = luban.fit(rows, "y", model="linear", out=tmp_path / "linear.luban", threads=1)
    with pytest.raises(luban.LubanError, match="is not one network"):
        linear.outline()
