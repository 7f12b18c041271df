"""Rows that an autoencoder draws badly are the strange ones: planted among rows of a plane, and among pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import luban

PLANTED = 20


def off_the_plane(seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Rows of five numbers that two decide, and some whose numbers are each usual, but not together."""
    random = np.random.default_rng(seed)
    ways = np.random.default_rng(0).normal(size=(2, 5))
    rows = random.normal(size=(400, 2)) @ ways + 0.05 * random.normal(size=(400, 5))
    strange = np.zeros(400, dtype=bool)
    strange[random.choice(400, PLANTED, replace=False)] = True
    # Each column is shuffled by itself among them.
    for column in range(5):
        rows[strange, column] = random.permutation(rows[~strange, column])[:PLANTED]
    return pl.DataFrame({f"x{column}": rows[:, column] for column in range(5)}), strange


def picture(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.slow
def test_rows_off_the_plane_are_ranked_first_and_a_loaded_bundle_says_the_same(tmp_path: Path) -> None:
    rows, strange = off_the_plane(1)
    asked = {"model.autoencoder.code": 2, "train.epochs": 60}
    bundle = luban.fit(rows, task="anomaly", model="autoencoder", set=asked, out=tmp_path / "b.luban", threads=1)
    scores = bundle.predict(rows).to_numpy()
    assert roc_auc_score(strange, scores) > 0.95
    # A number by itself says little: the twin that shows it is the plane that is learned.
    assert max(roc_auc_score(strange, np.abs(column)) for column in rows.to_numpy().T) < 0.7
    assert np.array_equal(luban.load(tmp_path / "b.luban").predict(rows).to_numpy(), scores)
    assert bundle.stored.evidence["runtime"]["answers_by"] == "onnx"
    assert bundle.stored.evidence["evaluation"]["scores"]["train"]["0.99"] > 0


@pytest.mark.slow
def test_a_foreign_picture_among_digits_is_strange_and_auto_tries_the_autoencoder_first(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits().images[:500] * 16
    random = np.random.default_rng(3)
    foreign = random.integers(0, 256, (10, 8, 8))
    pictures = [picture(pixels) for pixels in (*digits, *foreign)]
    rows = pl.DataFrame({"picture": pictures})
    bundle = luban.fit(
        rows, task="anomaly", column={"picture": "image"}, set={"train.epochs": 15}, out=tmp_path / "b.luban", threads=1
    )
    assert bundle.stored.evidence["evaluation"]["chosen"]["label"] == "autoencoder"
    scores = bundle.predict(rows).to_numpy()
    assert roc_auc_score(np.arange(510) >= 500, scores) > 0.98
    assert np.array_equal(luban.load(tmp_path / "b.luban").predict(rows).to_numpy(), scores)
