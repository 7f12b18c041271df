"""What is told to TensorBoard is read back by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from luban.protocols import Point
from luban.trackers.tensorboard import tracker

pytest.importorskip("tensorboard", reason="trackers need the extra 'track'")


def test_numbers_and_choices_are_read_back(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    beside = tmp_path / "rows.luban"
    tracking = tracker.open("rows", "", beside, {})
    tracking.describe("mlp", {"epochs": "3"}, 10.0)
    tracking.add([Point("mlp", "step/loss", value, step, 11.0) for step, value in enumerate((0.5, 0.25))])
    tracking.add([Point("bundle", "test/accuracy", 0.75, 0, 12.0)])
    tracking.close()
    read = EventAccumulator(str(tmp_path / "rows.luban.tensorboard" / "mlp"))
    read.Reload()
    assert [(event.step, event.value, event.wall_time) for event in read.Scalars("step/loss")] == [
        (0, 0.5, 11.0),
        (1, 0.25, 11.0),
    ]
    assert b"| epochs | 3 |" in read.Tensors("choices")[0].tensor_proto.string_val[0]
    bundle = EventAccumulator(str(tmp_path / "rows.luban.tensorboard" / "bundle"))
    bundle.Reload()
    assert bundle.Scalars("test/accuracy")[0].value == 0.75


def test_the_folder_can_be_named(tmp_path: Path) -> None:
    tracking = tracker.open("rows", str(tmp_path / "elsewhere"), tmp_path / "rows.luban", {})
    tracking.add([Point("mlp", "step/loss", 0.5, 0, 1.0)])
    tracking.close()
    assert list((tmp_path / "elsewhere" / "mlp").glob("events.out.tfevents.*"))
