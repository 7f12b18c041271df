"""Hugging Face's trainer_state.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from luban.core.errors import DataError
from luban.logs.trainer_state import log


def state(folder: Path, history: Any) -> Path:
    path = folder / "trainer_state.json"
    path.write_text(json.dumps({"log_history": history}), encoding="utf-8")
    return path


def test_a_checkpoint_and_the_file_in_it_read_alike(tmp_path: Path) -> None:
    path = state(tmp_path, [{"loss": 1.5, "step": 10}, {"eval_loss": 1.7, "step": 10}])
    assert log.fits(path) and log.fits(tmp_path)
    assert log.read(path) == log.read(tmp_path) == {"": [{"loss": 1.5, "step": 10.0}, {"eval_loss": 1.7, "step": 10.0}]}


def test_the_summary_of_the_whole_training_is_left_out(tmp_path: Path) -> None:
    path = state(tmp_path, [{"loss": 1.5, "step": 10}, {"train_runtime": 3.0, "train_loss": 9.0, "step": 10}])
    assert log.read(path) == {"": [{"loss": 1.5, "step": 10.0}]}


def test_a_filtered_loss_is_read_as_no_number(tmp_path: Path) -> None:
    path = state(tmp_path, [{"loss": 0.0, "grad_norm": float("nan"), "step": 1}, {"loss": 0.0, "grad_norm": 1.0}])
    (rows,) = log.read(path).values()
    assert math.isnan(rows[0]["loss"]) and rows[1]["loss"] == 0.0


@pytest.mark.parametrize("text", ["{", "[]", '{"log_history": 3}', '{"other": []}', '{"log_history": [3]}'])
def test_another_file_of_this_name_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "trainer_state.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="log_history"):
        log.read(tmp_path)
