"""`luban diagnose LOG`: logs that trainings of any program left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import luban as package
from verbs.program import luban


def history(folder: Path, name: str, *rows: str) -> Path:
    (folder / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / name


def overfitted(folder: Path) -> Path:
    """Ten epochs: the training loss falls, that of held-out rows rises from the fourth on."""
    held_out = [1.0, 0.8, 0.6, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
    lines = [f"{epoch},{1.2 * 0.6**epoch},{value}" for epoch, value in enumerate(held_out)]
    return history(folder, "history.csv", "epoch,loss,val_loss", *lines)


def test_a_history_tells_of_overfitting_and_of_what_it_cannot_show(tmp_path: Path) -> None:
    document = luban("diagnose", overfitted(tmp_path), "--json").document
    (finding,) = document["findings"]
    assert (finding["condition"], finding["where"]) == ("overfitting", {"step": 3})
    assert finding["evidence"]["value"] == pytest.approx(0.9 / 0.5)
    assert {key: document[key] for key in ("trainings", "losses", "checks", "counted")} == {
        "trainings": 1,
        "losses": 10,
        "checks": 10,
        "counted": "epoch",
    }
    assert document["columns"] == ["epoch", "loss", "val_loss"]
    assert [cure["condition"] for cure in document["cures"]] == ["overfitting"]
    reasons = {line["condition"]: line["reason"] for line in document["not_run"]}
    assert reasons["frozen-or-unused-parameter"] == "the parameters are not known"
    assert "overfitting" not in reasons and "nonfinite-training" not in reasons


def test_a_person_reads_what_was_read_found_and_cures_it(tmp_path: Path) -> None:
    done = luban("diagnose", overfitted(tmp_path))
    told = " ".join(done.out.decode().split())
    assert done.code == 0
    assert "1 training: the loss of 10 steps, 10 checks on held-out rows. Steps are counted by epoch" in told
    assert "warning: overfitting" in told and "against overfitting: keep the weights of the best" in told


def test_a_loss_that_is_null_is_severe_and_a_gate_sees_it(tmp_path: Path) -> None:
    lines = [json.dumps({"step": 50 * at, "loss": 1.0 if at < 8 else None}) for at in range(12)]
    path = history(tmp_path, "log.jsonl", *lines)
    assert luban("diagnose", path).code == 0
    missed = luban("diagnose", path, "--require", "no-severe", "--json")
    assert missed.code == 4
    (finding,) = missed.document["findings"]
    assert finding["condition"] == "nonfinite-training"
    assert finding["where"] == {"step": 400}
    assert "the loss of step 400 is not finite" in finding["text"]


def test_a_loss_that_rises_far_is_a_learning_rate_too_high(tmp_path: Path) -> None:
    path = history(tmp_path, "log.csv", "step,loss,lr", *(f"{10 * at},{2.0 * 1.2**at},0.5" for at in range(30)))
    (finding,) = luban("diagnose", path, "--json").document["findings"]
    assert finding["condition"] == "learning-rate-too-high"
    assert "the learning rate of 0.5 is too high" in finding["text"]


def test_the_worst_training_of_several_is_told(tmp_path: Path) -> None:
    lines = [{"unit": unit, "step": at, "loss": "nan" if unit != "good" and at > 2 else 1.0}
             for unit in ("good", "bad", "worse") for at in range(5)]  # fmt: skip
    path = history(tmp_path, "history.jsonl", *map(json.dumps, lines))
    document = luban("diagnose", path, "--json").document
    (finding,) = document["findings"]
    assert document["trainings"] == 3
    assert finding["text"].startswith("bad: the loss of step 3") and "1 more of the trainings" in finding["text"]


def test_a_trainer_state_and_an_event_folder_are_logs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="event files need the extra 'track'")
    from torch.utils.tensorboard import SummaryWriter

    state = tmp_path / "checkpoint"
    state.mkdir()
    (state / "trainer_state.json").write_text(json.dumps({"log_history": [{"loss": 1.0, "step": 5}]}), encoding="utf-8")
    with SummaryWriter(str(tmp_path / "runs")) as writer:
        writer.add_scalar("train/loss", 1.0, 5)
    for place in (state, state / "trainer_state.json", tmp_path / "runs"):
        found = package.diagnose(place)
        assert found.about["losses"] == 1 and found.findings == ()


def test_a_history_with_a_target_is_data(tmp_path: Path) -> None:
    rows = [f"{at},{at % 7},{'yes' if at % 3 else 'no'}" for at in range(60)]
    path = history(tmp_path, "steps.csv", "step,loss,kept", *rows)
    assert luban("diagnose", path, "--target", "kept", "--json").document["rows"] == 60


def test_rows_are_not_asked_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"log_history": []}', encoding="utf-8")
    refused = luban("diagnose", tmp_path / "trainer_state.json", "--target", "loss")
    assert refused.code == 2 and "--target" in refused.told and "no rows and no target" in refused.told


def test_without_a_loss_what_is_there_is_named(tmp_path: Path) -> None:
    refused = luban("diagnose", history(tmp_path, "h.csv", "epoch,accuracy", "0,0.5"))
    assert refused.code == 3
    assert "no column of this log is a loss. It has epoch, accuracy." in refused.told
    assert "val_loss" in refused.told and len(refused.err.splitlines()) <= 8
