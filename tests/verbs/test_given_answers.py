"""`luban evaluate`, and `luban diagnose --against`, look at the answers to rows that say their target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban
from luban.core.errors import GateError
from luban.verbs.bundle import Bundle
from luban.verbs.diagnose import diagnose
from luban.verbs.evaluate import evaluate
from verbs.program import luban as program


def visits(rows: int, seed: int) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age, dose = random.normal(size=rows), random.normal(size=rows)
    town = random.choice(["Ulm", "Bonn", "Kiel"], rows)
    late = random.random(rows) < 1 / (1 + np.exp(-3 * age - dose))
    return pl.DataFrame({"age": age, "dose": dose, "town": town, "came": np.where(late, "late", "early")})


def broken(frame: pl.DataFrame, town: str) -> pl.DataFrame:
    """The same, but that in a town the other class is true."""
    other = pl.col("came").replace({"late": "early", "early": "late"})
    return frame.with_columns(came=pl.when(pl.col("town") == town).then(other).otherwise(pl.col("came")))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    place = tmp_path_factory.mktemp("given") / "visits.luban"
    settings = {"split.folds": 2, "train.repeats": 1}
    return luban.fit(visits(400, 0), "came", model="linear", set=settings, out=place, threads=1)


def conditions(found: object) -> list[str]:
    return [each.condition for each in found.findings]  # type: ignore[attr-defined]


def test_rows_like_those_it_learned_from_are_silent(bundle: Bundle) -> None:
    found = evaluate(bundle, visits(600, 1))
    assert conditions(found) == []
    looked_for = dict(found.not_run)
    assert "miscalibration" not in looked_for and "underperforming-group" not in looked_for
    assert "luban fit looks for it" in looked_for["underfitting"]


def test_a_town_that_is_answered_wrong_is_named(bundle: Bundle) -> None:
    found = evaluate(bundle, broken(visits(600, 1), "Kiel"))
    (group,) = [each for each in found.findings if each.condition == "underperforming-group"]
    assert group.where.column == "town" and "'Kiel'" in group.text and "the rows that were given" in group.text
    document = found.to_json()
    assert {each["condition"] for each in document["findings"]} == set(conditions(found))
    assert all(set(line) == {"condition", "reason"} for line in document["not_run"])


def test_probabilities_that_do_not_come_true_are_told_and_a_gate_may_ask_for_it(bundle: Bundle) -> None:
    frame = visits(600, 1)
    random = np.random.default_rng(2)
    late = np.where(random.random(600) < 0.6, "late", frame["came"].to_numpy())
    found = evaluate(bundle, frame.with_columns(came=pl.Series(late)))
    (told,) = [each for each in found.findings if each.condition == "miscalibration"]
    assert told.edits == () and "Train again with such rows" in told.text
    with pytest.raises(GateError, match="miscalibration"):
        evaluate(bundle, frame.with_columns(came=pl.Series(late)), require=["no-warning"])


def test_rows_without_a_target_count_for_nothing_in_it(bundle: Bundle) -> None:
    frame = broken(visits(600, 1), "Kiel").with_columns(
        came=pl.when(pl.col("town") == "Kiel").then(None).otherwise(pl.col("came"))
    )
    assert conditions(evaluate(bundle, frame)) == []
    assert "underperforming-group" not in conditions(diagnose(bundle, against=frame))


def test_rows_of_texts_alone_have_no_parts(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    words = {"sport": ["goal", "team", "match", "coach", "score"], "money": ["bank", "loan", "rate", "share", "tax"]}
    topics = random.choice(["sport", "money"], 120)
    texts = [" ".join([*random.choice(words[topic], 6), *random.choice(words["money"], 2)]) for topic in topics]
    frame = pl.DataFrame({"text": texts, "topic": topics})
    settings = {"split.folds": 2, "train.repeats": 1}
    place = tmp_path / "texts.luban"
    made = luban.fit(frame, "topic", model="linear", column={"text": "text"}, set=settings, out=place, threads=1)
    found = evaluate(made, frame)
    assert "no column parts" in dict(found.not_run)["underperforming-group"]


def test_newer_rows_that_say_their_target_are_looked_at_beside_the_shift(bundle: Bundle) -> None:
    found = diagnose(bundle, against=broken(visits(600, 1), "Kiel"))
    assert {"concept-shift", "underperforming-group"} <= set(conditions(found))
    assert "miscalibration" not in conditions(found), "the shift accounts for it"
    silent = diagnose(bundle, against=broken(visits(600, 1), "Kiel").drop("came"))
    assert "underperforming-group" not in conditions(silent)


def test_the_command_line_tells_what_it_found(bundle: Bundle, tmp_path: Path) -> None:
    rows = tmp_path / "newer.csv"
    broken(visits(600, 1), "Kiel").write_csv(rows)
    assert bundle.path is not None
    told = program("evaluate", bundle.path, rows).out.decode()
    assert "underperforming-group" in told and "accuracy" in told
