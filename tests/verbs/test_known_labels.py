"""Known labels beside labels that are chosen without being taught: an honest accuracy, and calibrated probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.evidence import intervals
from luban.verbs.predict import Predicted, predict
from origins import tiny
from verbs.program import luban

LABELS = ["sport=goal match team", "money=shares bank"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(tiny.texts(120)).drop("topic").write_csv("texts.csv")
    return tiny.write(tmp_path / "tiny")


def asked(folder: Path, data: object, target: str | None = None) -> Predicted:
    return predict(None, data, from_=str(folder), labels=LABELS, text="headline", target=target)


def labelled(folder: Path, wrong: int, known: int = 120) -> tuple[Predicted, pl.DataFrame]:
    """What is answered without labels, and the texts with it as their label; the first `wrong` have the other one, and
    behind the first `known` nobody labelled any.
    """
    plain = asked(folder, "texts.csv")
    assert plain.predictions is not None
    said = [line["prediction"] for line in plain.predictions]
    other = {"sport": "money", "money": "sport"}
    names = [other[name] if row < wrong else name if row < known else None for row, name in enumerate(said)]
    return plain, pl.read_csv("texts.csv").with_columns(topic=pl.Series(names, dtype=pl.String))


def test_known_labels_measure_what_is_answered(folder: Path) -> None:
    plain, rows = labelled(folder, wrong=6, known=60)
    found = asked(folder, rows, "topic")
    assert found.known is not None
    (right,) = [figure for figure in found.known.measurements if figure.metric == "accuracy"]
    assert (right.value, right.rows, right.split) == (0.9, 60, "given")
    assert (right.low, right.high) == pytest.approx(intervals.wilson(54, 60))
    commonest = max(rows["topic"][:60].to_list().count(name) for name in ("sport", "money"))
    assert right.baseline is not None and right.baseline.value == pytest.approx(commonest / 60)
    assert found.rows == 120 and plain.predictions is not None and found.predictions is not None
    assert [line["prediction"] for line in found.predictions] == [line["prediction"] for line in plain.predictions]


def test_probabilities_come_true_where_that_is_shown_to_help(folder: Path) -> None:
    plain, rows = labelled(folder, wrong=40)
    found = asked(folder, rows, "topic")
    assert found.known is not None and found.predictions is not None and plain.predictions is not None
    told = found.known.calibration.to_json()
    # It said that it is right in 4 of 5 cases, and is in 2 of 3.
    assert told["method"] == "temperature" and told["after"] < told["before"]
    for before, after in zip(plain.predictions, found.predictions, strict=True):
        powers = np.array(list(before["probabilities"].values())) ** (1 / told["temperature"])
        assert list(after["probabilities"].values()) == pytest.approx(powers / powers.sum(), abs=1e-6)


def test_few_labels_measure_and_do_not_calibrate(folder: Path) -> None:
    plain, rows = labelled(folder, wrong=0, known=9)
    found = asked(folder, rows, "topic")
    assert found.known is not None and found.predictions == plain.predictions
    assert found.known.calibration.reason == "9 known labels are too few; 10 are needed"
    assert found.known.measurements[0].rows == 9


def test_the_command_tells_them(folder: Path) -> None:
    _, rows = labelled(folder, wrong=30)
    rows.write_csv("some.csv")
    question = ("predict", "--from", folder, "--labels", ", ".join(LABELS), "some.csv", "--target", "topic")
    done = luban(*question)
    assert done.lines[0] == "row,prediction,probability_sport,probability_money" and len(done.lines) == 121
    assert "120 rows have a label in 'topic': accuracy 0.750" in done.told and "temperature" in done.told
    document = luban(*question, "--json").document
    assert document["measurements"][0]["value"] == 0.75 and document["calibration"]["method"] == "temperature"
    shown = luban(*question, "--out", "answers.csv").out.decode()
    assert "accuracy" in shown and "120 rows answered: answers.csv" in shown


def test_a_label_that_is_not_in_the_set_is_named_with_its_row(folder: Path) -> None:
    _, rows = labelled(folder, wrong=0)
    strange = rows.with_columns(topic=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("sports")).otherwise("topic"))
    with pytest.raises(
        DataError, match=r"'sports' is none of the labels to choose from\. Did you mean 'sport'"
    ) as told:
        asked(folder, strange, "topic")
    assert "column 'topic', row 7" in str(told.value)


def test_what_cannot_be_known_is_told(folder: Path) -> None:
    _, rows = labelled(folder, wrong=0, known=0)
    with pytest.raises(DataError, match="no row has a label"):
        asked(folder, rows, "topic")
    with pytest.raises(UsageError, match=r"there is no column 'topics'\. Did you mean 'topic'"):
        asked(folder, rows, "topics")
    with pytest.raises(UsageError, match="in the place of a bundle") as told:
        predict("a.luban", rows, target="topic")
    assert "luban evaluate BUNDLE DATA" in str(told.value.fix)


def test_the_column_of_labels_is_not_taken_for_the_text(folder: Path) -> None:
    # So few that both columns may be texts.
    pl.DataFrame({"headline": ["a goal", "a bank"], "topic": ["sport", "money"]}).write_csv("some.csv")
    assert luban("predict", "--from", folder, "--labels", "sport,money", "some.csv").code == 2
    assert luban("predict", "--from", folder, "--labels", "sport,money", "some.csv", "--target", "topic").code == 0
