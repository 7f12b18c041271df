"""Histories that are tables: what is one, and what its cells say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from luban.core.errors import DataError
from luban.logs.table import log


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_an_empty_cell_says_nothing_and_nan_says_that_there_is_no_number(tmp_path: Path) -> None:
    path = written(tmp_path, "h.csv", "step,loss,val_loss\n1,0.5,\n2,nan,0.7\n")
    (rows,) = log.read(path).values()
    assert rows[0] == {"step": 1.0, "loss": 0.5}
    assert rows[1]["val_loss"] == 0.7 and math.isnan(rows[1]["loss"])


def test_json_null_is_a_number_that_is_not_finite(tmp_path: Path) -> None:
    path = written(tmp_path, "h.jsonl", '{"step": 1, "loss": null}\n')
    (rows,) = log.read(path).values()
    assert math.isnan(rows[0]["loss"])


def test_units_of_a_run_are_trainings_of_their_own(tmp_path: Path) -> None:
    lines = [{"unit": unit, "step": step, "loss": 1.0} for unit in ("mlp-0", "mlp-1") for step in range(2)]
    path = written(tmp_path, "history.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert {name: len(rows) for name, rows in log.read(path).items()} == {"mlp-0": 2, "mlp-1": 2}


def test_the_last_line_of_a_killed_program_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "h.jsonl", '{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    (rows,) = log.read(path).values()
    assert len(rows) == 1


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "h.jsonl", '{"step": 1, "loss": 0.5}\n7\n')
    with pytest.raises(DataError, match="no JSON object") as raised:
        log.read(path)
    assert raised.value.where == f"{path}, line 2"


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("h.csv", "epoch,loss\n0,1\n", True),
        ("h.tsv", "epoch\tloss\n0\t1\n", True),
        ("h.txt", "epoch,loss\n0,1\n", False),
        ("rows.csv", "age,loss\n0,1\n", False),
        ("rows.jsonl", "no json\n", False),
        ("empty.csv", "", False),
    ],
)
def test_what_is_a_history(tmp_path: Path, name: str, text: str, fits: bool) -> None:
    assert log.fits(written(tmp_path, name, text)) is fits
