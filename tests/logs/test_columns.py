"""Which column says what: the names that programs of the field write."""

from __future__ import annotations

import pytest

from luban.logs._columns import Meaning, columns, is_history, meaning


@pytest.mark.parametrize(
    ("name", "kind", "held_out"),
    [
        ("loss", "loss", False),
        ("train_loss", "loss", False),
        ("Loss/train", "loss", False),
        ("train/loss_step", "loss", False),
        ("epoch_loss", "loss", False),
        ("val_loss", "loss", True),
        ("validation loss", "loss", True),
        ("eval_loss", "loss", True),
        ("valLoss", "loss", True),
        ("stopping_loss", "loss", True),
        ("step", "step", False),
        ("trainer/global_step", "step", False),
        ("epoch", "epoch", False),
        ("lr", "rate", False),
        ("lr-AdamW/pg1", "rate", False),
        ("learning_rate", "rate", False),
        ("grad_norm", "gradient", False),
        ("grad_2.0_norm_total", "gradient", False),
        ("val_accuracy", "metric", True),
        ("accuracy", "metric", False),
        ("mean_average_precision", "metric", False),
        ("eval_steps_per_second", "other", True),
        ("closs", "other", False),
    ],
)
def test_a_name_says_what_its_column_is(name: str, kind: str, held_out: bool) -> None:
    assert meaning(name) == Meaning(kind, held_out)  # type: ignore[arg-type]


def test_of_several_losses_the_one_with_the_most_values_is_taken() -> None:
    rows = [{"step": 1.0, "train_loss_step": 0.5}, {"step": 2.0, "train_loss_step": 0.4, "train_loss_epoch": 0.45}]
    assert columns(rows).loss == "train_loss_step"


@pytest.mark.parametrize(
    ("names", "history"),
    [
        (["epoch", "loss"], True),
        (["step", "val_loss", "anything"], True),
        (["epoch", "accuracy", "val_accuracy"], True),
        (["epoch", "accuracy", "customer"], False),
        (["loss", "income"], False),
        (["age", "income"], False),
        (["step", "lr"], False),
    ],
)
def test_a_history_counts_steps_and_tells_a_loss(names: list[str], history: bool) -> None:
    assert is_history(names) is history
