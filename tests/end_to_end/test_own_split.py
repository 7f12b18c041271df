"""Data that came split, from fit to verify: its test rows give the score, and new rows need no split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import luban
from luban.core.console import Console
from luban.verbs.evaluate import evaluate
from luban.verbs.predict import predict
from luban.verbs.verify import verify

WORDS = {"pos": ("good", "great", "fine", "lovely"), "neg": ("bad", "awful", "poor", "sad")}


@pytest.mark.slow
def test_a_folder_that_came_split_is_scored_on_its_own_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for part, rows in (("train", 40), ("test", 15)):
        for label, words in WORDS.items():
            folder = tmp_path / "reviews" / part / label
            folder.mkdir(parents=True)
            for number in range(rows):
                text = " ".join([*random.choice(words, 6), f"w{random.integers(1000)}", f"x{random.integers(1000)}"])
                (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    data = tmp_path / "reviews"
    bundle = luban.fit(data, "label", model="linear", out=tmp_path / "reviews.luban")
    tested = [measurement for measurement in bundle.measurements if measurement.split == "test"]
    assert {measurement.rows for measurement in tested} == {30}
    assert bundle.schema["split"].role == "split"
    assert verify(bundle, data).met
    capsys.readouterr()
    assert evaluate(bundle, data, console=Console()).rows == 110
    assert "all its 110 rows are measured, training rows among them" in capsys.readouterr().err
    assert evaluate(bundle, data / "test", console=Console()).rows == 30
    assert "came split" not in capsys.readouterr().err
    answers = predict(bundle, {"text": ["good great", "awful sad"]}).predictions
    assert answers is not None and [answer["prediction"] for answer in answers] == ["pos", "neg"]
