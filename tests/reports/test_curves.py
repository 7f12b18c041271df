"""Curves: a known history gives known points, and what a history does not tell is not drawn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import luban
from fitted import Fitted
from luban.reports import page
from luban.reports.curves import POINTS, courses, learning
from luban.verbs.report import report
from reports.evidence import view

UNIT = "svm-0123456789abcdef-0-whole"
BEGUN: dict[str, Any] = {"unit": UNIT, "label": "svm(C=10)", "choices": {}}
STEPS = [{"unit": UNIT, "step": step, "rate": rate, "loss": 1.0} for step, rate in ((0, 0.0), (1, 1.0), (4, 0.5))]
EPOCHS = [
    {"unit": UNIT, "epoch": 0, "train_loss": 3.0, "stopping_loss": 2.0},
    {"unit": UNIT, "epoch": 1, "train_loss": 2.0, "stopping_loss": 1.0},
    {"unit": UNIT, "epoch": 2, "train_loss": 1.0, "stopping_loss": 1.5},
]
KNOWN = [BEGUN, *STEPS, *EPOCHS]


def lines(picture: str) -> list[str]:
    """The `d` of each line of a picture."""
    root = ElementTree.fromstring(picture)
    return [one.attrib["d"] for one in root.iter("{http://www.w3.org/2000/svg}path")]


def test_a_known_history_gives_known_points() -> None:
    (drawn,) = learning(view("binary", history=KNOWN))
    # Panels are 190 high; a loss of 3 lies at 24, one of 1 at 156; epoch 1 at 54, epoch 3 at 348.
    assert lines(drawn["picture"]) == [
        "M54.0 24.0L201.0 90.0L348.0 156.0",
        "M54.0 90.0L201.0 156.0L348.0 123.0",
        "M54.0 346.0L127.5 214.0L348.0 280.0",
    ]
    assert 'cx="201" cy="156"' in drawn["picture"]
    assert drawn["rows"] == [["1", "3", "2"], ["2", "2", "1"], ["3", "1", "1.5"]]
    assert "lowest in epoch 2, at 1" in drawn["picture"]


def test_what_a_kill_made_twice_counts_once_and_what_was_begun_with_larger_steps_does_not() -> None:
    again = [BEGUN, {"unit": UNIT, "continues": 3, "epoch": 1}, *EPOCHS[1:]]
    assert courses([*KNOWN[:-1], *again])[UNIT] == courses(KNOWN)[UNIT]
    larger = [{"unit": UNIT, "epoch": epoch, "train_loss": 9.0} for epoch in range(9)]
    assert courses([BEGUN, *larger, {"unit": UNIT, "memory": "halved"}, *KNOWN[1:]])[UNIT] == courses(KNOWN)[UNIT]


def test_settings_are_read_above_the_picture_where_they_may_be_long() -> None:
    document = page.render(view("binary", history=KNOWN))
    assert "<h3>svm(C=10)</h3>" in document
    assert ">loss</text>" in _first_picture(document)


def test_the_training_whose_weights_answer_is_shown() -> None:
    folds = [{**line, "unit": UNIT.replace("whole", "fold0"), "train_loss": 7.0} for line in KNOWN]
    other = [{**line, "unit": "mlp-0-0-whole", "label": "mlp"} for line in KNOWN]
    assert learning(view("binary", history=[*folds, *other, *KNOWN])) == learning(view("binary", history=KNOWN))


def test_a_loss_without_a_number_and_a_stranger_have_no_place() -> None:
    strange = [{"unit": UNIT, "epoch": 3, "train_loss": None}, {"unit": 5, "label": "x"}, {"epoch": "y"}, {"unit": "z"}]
    (drawn,) = learning(view("binary", history=[*KNOWN, *strange]))
    assert len(drawn["rows"]) == 3


def test_a_long_training_is_thinned_and_keeps_its_ends() -> None:
    long = [{"unit": UNIT, "epoch": epoch, "train_loss": 1 / (1 + epoch)} for epoch in range(5_000)]
    (drawn,) = learning(view("binary", history=[BEGUN, *long]))
    assert len(drawn["rows"]) == POINTS
    assert (drawn["rows"][0][0], drawn["rows"][-1][0]) == ("1", "5,000")


def test_the_page_shows_curves_where_a_network_was_chosen_and_nowhere_else() -> None:
    assert "How the networks learned" in page.render(view("binary", history=KNOWN))
    assert "How the networks learned" not in page.render(view("binary"))
    assert "How the networks learned" not in page.render(view("binary", history=[{**BEGUN, "label": "mlp"}, *EPOCHS]))


def test_the_report_of_trees_has_no_curves(fitted: Fitted) -> None:
    assert "learning-heading" not in (fitted.bundle("patients") / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_curves_of_a_network_are_drawn_again_from_its_bundle(tmp_path: Path) -> None:
    few = {"train.epochs": 4, "train.repeats": 1, "split.folds": 2}
    luban.fit("sample:iris", target="species", model="mlp", out=tmp_path / "iris.luban", threads=1, set=few)
    written = (tmp_path / "iris.luban" / "report.html").read_text(encoding="utf-8")
    found = luban.load(tmp_path / "iris.luban").stored.history
    told = [line["train_loss"] for line in found if "train_loss" in line and line["unit"].endswith("whole")]
    assert len(told) == 4
    # The losses of a line are as far apart as its points.
    points = [float(up) for up in re.findall(r"[ML][\d.]+ ([\d.]+)", lines(_first_picture(written))[0])]
    spread = (max(told) - min(told)) / (max(points) - min(points))
    assert [(max(points) - up) * spread + min(told) for up in points] == pytest.approx(told, abs=0.1 * spread)
    report(tmp_path / "iris.luban", out=tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == written


def _first_picture(document: str) -> str:
    behind = document[document.index('id="learning-heading"') :]
    return behind[behind.index("<svg") : behind.index("</svg>") + len("</svg>")]
