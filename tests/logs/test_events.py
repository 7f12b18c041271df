"""TensorBoard's event files, written by TensorBoard's own writer and by torch's."""

from __future__ import annotations

from pathlib import Path

import pytest

from luban.core import lazy
from luban.core.errors import UsageError
from luban.logs.events import log
from luban.protocols import Point
from luban.trackers.tensorboard import tracker

pytest.importorskip("tensorboard", reason="event files need the extra 'track'")


def written(folder: Path, **scalars: list[float]) -> None:
    """One event file with a value of each tag for each step."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for tag, values in scalars.items():
            for step, value in enumerate(values):
                writer.add_scalar(tag, value, step * 10)


def test_scalars_come_by_their_steps(tmp_path: Path) -> None:
    written(tmp_path, loss=[1.0, 0.5], lr=[0.25, 0.125])
    assert log.fits(tmp_path)
    assert log.read(tmp_path) == {
        "": [{"step": 0.0, "loss": 1.0, "lr": 0.25}, {"step": 10.0, "loss": 0.5, "lr": 0.125}]
    }
    (file,) = tmp_path.glob("events*")
    assert log.fits(file) and log.read(file) == log.read(tmp_path)


def test_the_newer_form_of_scalars_reads_alike_and_texts_are_left_out(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_text("notes", "a word", 0)
        writer.add_scalar("loss", 0.5, 3, new_style=True)
        writer.add_scalar("loss", 0.25, 4, new_style=True)
    assert log.read(tmp_path) == {"": [{"step": 3.0, "loss": 0.5}, {"step": 4.0, "loss": 0.25}]}


def test_train_and_validation_are_one_training_and_other_folders_each_one(tmp_path: Path) -> None:
    for run in ("a", "b"):
        written(tmp_path / run / "train", epoch_loss=[1.0])
        written(tmp_path / run / "validation", epoch_loss=[2.0])
    rows = [{"step": 0.0, "epoch_loss": 1.0, "val_epoch_loss": 2.0}]
    assert log.read(tmp_path) == {"a": rows, "b": rows}


def test_what_luban_told_tensorboard_is_read_by_steps_and_by_epochs(tmp_path: Path) -> None:
    tracking = tracker.open("rows", "", tmp_path / "rows.luban", {})
    tracking.add([Point("mlp", "step/loss", 0.5, 7, 1.0), Point("mlp", "epoch/train_loss", 0.25, 1, 1.0)])
    tracking.close()
    assert log.read(tmp_path / "rows.luban.tensorboard") == {
        "mlp": [{"step": 7.0, "step/loss": 0.5}],
        "mlp by epoch": [{"step": 1.0, "epoch/train_loss": 0.25}],
    }


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, loss=[1.0])

    def missing(module: str) -> None:
        raise ModuleNotFoundError(name="tensorboard")

    monkeypatch.setattr(lazy, "import_module", missing)
    with pytest.raises(UsageError, match="event files needs the package 'tensorboard'") as raised:
        log.read(tmp_path)
    assert raised.value.fix == "pip install 'luban[track]'"
