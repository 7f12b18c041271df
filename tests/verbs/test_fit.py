"""Fitting: every task from a table to answers, what the bundle and its JSON hold, and what ends early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted
from luban.core import files
from luban.core.errors import GateError, UsageError
from verbs.program import luban

MEASUREMENT = {"metric", "value", "low", "high", "direction", "rows", "split", "how"}


def test_the_document_has_the_keys_that_others_read(visits: Path) -> None:
    done = luban("fit", visits, "--target", "stage", "--model", "linear", "--threads", "1", "--json")
    assert (done.code, done.err) == (0, "")
    document = done.document
    wanted = {"bundle", "seconds", "resumed", "measurements", "findings", "repairs", "not_run", "importance"}
    assert wanted <= set(document)
    assert document["bundle"] == "visits.luban"
    assert document["resumed"] is False
    tested = [line for line in document["measurements"] if line["split"] == "test"]
    assert tested and {line["split"] for line in document["measurements"]} == {"test", "validation"}
    for line in document["measurements"]:
        assert set(line) >= MEASUREMENT
        assert line["low"] < line["high"]
    assert all(line["baseline"]["model"] == "constant" and line["difference"] for line in tested)
    assert "3 x 5-fold cross-validation" in document["measurements"][-1]["how"], "under 500 rows"
    assert {line["column"] for line in document["importance"]} <= {
        "age",
        "dose",
        "town",
        "seen",
        "heavy",
        "grade",
        "value",
    }
    assert not Path("visits.luban.run").exists(), "the state of the run goes when the bundle is written"

    again = luban("fit", visits, "--target", "stage", "--model", "linear", "--threads", "1", "--json").document
    assert again["resumed"] is True
    assert again["content_sha256"] == document["content_sha256"]
    other = luban("fit", visits, "--target", "stage", "--model", "knn")
    assert other.code == 2
    assert "--out" in other.err and "--force" in other.told


def test_names_of_class_folders_are_learned_where_nothing_else_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for label, word in (("bill", "invoice"), ("door", "parcel")):
        (tmp_path / "mails" / label).mkdir(parents=True)
        for number in range(20):
            (tmp_path / "mails" / label / f"{number}.txt").write_text(f"{word} number {number} of us")
    asked = ("fit", "mails", "--threads", "1", "--json")
    document = luban(*asked, "--model", "constant", "--out", "classes.luban").document
    assert {line["metric"] for line in document["measurements"]} >= {"accuracy"}
    assert package.load("classes.luban").recipe.target == "label"
    clusters = luban(*asked, "--task", "clustering", "--model", "kmeans", "--out", "clusters.luban")
    assert clusters.code == 0 and package.load("clusters.luban").recipe.target is None
    told = luban("diagnose", "mails", "--json").document
    assert told["task"] == "binary"


def test_data_and_talk_go_apart(visits: Path) -> None:
    done = luban("fit", visits, "--target", "stage", "--model", "constant", "--threads", "1")
    assert done.code == 0
    assert "binary classification of stage" in done.lines[0]
    assert "visits: 80 rows, 9 columns" in done.told
    assert luban("fit", visits, "--target", "stage", "--model", "constant", "--quiet").err == ""


def test_a_gate_that_is_not_met_leaves_the_bundle(visits: Path) -> None:
    arguments = ("fit", visits, "--target", "stage", "--model", "constant", "--threads", "1")
    assert luban(*arguments, "--require", "accuracy>0.999").code == 4
    assert luban(*arguments, "--json").document["resumed"] is True
    with pytest.raises(GateError):
        package.fit(visits, "stage", model="constant", require=["accuracy>0.999"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--target", "stge"), 2),
        (("--target", "stage", "--model", "lineer"), 2),
        (("--target", "stage", "--metric", "rmse"), 2),
        (("--target", "stage", "--positive", "never"), 2),
        (("--target", "town", "--task", "regression"), 3),
    ],
)
def test_a_command_that_fails_is_not_in_the_way_of_the_next(
    arguments: tuple[str, ...], code: int, visits: Path
) -> None:
    assert luban("fit", visits, *arguments).code == code
    assert [path.name for path in Path().iterdir()] == ["visits.csv"]


def test_a_second_command_leaves_the_folder_of_the_one_at_work_alone(visits: Path) -> None:
    work = Path("visits.luban.run")
    with files.lock(work / "lock"):
        (work / "key.json").write_text("{}")
        second = luban("fit", visits, "--target", "stage", "--model", "constant")
        assert (second.code, sorted(path.name for path in work.iterdir())) == (2, ["key.json", "lock"])
    assert "another luban is at work here" in second.err


@pytest.mark.parametrize(
    ("target", "changes", "told"),
    [
        ("stage", {"train.metric": "rmse"}, "train.metric cannot be 'rmse' for binary"),
        ("value", {"train.metric": "accuracy"}, "train.metric cannot be 'accuracy' for regression"),
        ("stage", {"train.loss": "huber"}, "train.loss cannot be 'huber' for binary"),
        ("value", {"train.loss": "cross-entropy"}, "cannot be 'cross-entropy' for regression"),
        ("value", {"train.class_weight": "balanced"}, "cannot be 'balanced' for regression"),
        ("town", {"train.threshold": 0.3}, "cannot be '0.3' for multiclass"),
        ("stage", {"train.threshold": 2}, "between 0 and 1"),
        ("stage", {"train.cost": {"false-negative": 9}}, "costs decide nothing"),
    ],
)
def test_what_means_nothing_for_the_task_is_refused(
    target: str, changes: dict[str, Any], told: str, visits: Path
) -> None:
    with pytest.raises(UsageError, match=r"cannot be|lies between|costs") as raised:
        package.fit(visits, target, model="linear", set=changes)
    assert told in raised.value.message
    assert raised.value.fix


def blobs() -> pl.DataFrame:
    """Three clouds of forty points, far apart."""
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(centre, 0.3, (40, 2)) for centre in (0, 4, 8)])
    return pl.DataFrame({"x": points[:, 0], "y": points[:, 1]})


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kmeans", "gaussian-mixture", "hdbscan"])
def test_without_a_target_clusters_are_found_described_and_told_apart(model: str, tmp_path: Path) -> None:
    blobs().write_csv(tmp_path / "points.csv")
    bundle = tmp_path / "points.luban"
    done = luban("fit", tmp_path / "points.csv", "--model", model, "--out", bundle, "--threads", "1", "--json")
    assert done.code == 0, done.err
    assert done.document["task"] == "clustering"
    evaluation = package.load(bundle).stored.evidence["evaluation"]
    clusters = [cluster for cluster in evaluation["clusters"] if cluster["rows"]]
    assert len(clusters) == 3
    assert all(cluster["set_apart_by"] for cluster in clusters)
    assert evaluation["silhouette"]["train"] > 0.7
    assert evaluation["stability"]

    answers = pl.read_csv(luban("predict", bundle, tmp_path / "points.csv").out)
    assert answers.columns[:2] == ["row", "prediction"]
    said = answers["prediction"].to_numpy().reshape(3, 40)
    commonest = [np.bincount(row - row.min()).argmax() + row.min() for row in said]
    assert len(set(commonest)) == 3
    assert np.mean([(row == common).mean() for row, common in zip(said, commonest, strict=True)]) > 0.95

    assert luban("report", bundle, "--out", tmp_path / "page.html").code == 0
    assert "cluster" in (tmp_path / "page.html").read_text(encoding="utf-8")
    refused = luban("evaluate", bundle, tmp_path / "points.csv")
    assert refused.code == 3
    assert "no target" in refused.told


@pytest.mark.slow
def test_anomaly_scores_are_highest_where_rows_are_far_away(tmp_path: Path) -> None:
    points = pl.concat([blobs(), pl.DataFrame({"x": [40.0], "y": [-40.0]})])
    points.write_csv(tmp_path / "points.csv")
    bundle = tmp_path / "points.luban"
    done = luban("fit", tmp_path / "points.csv", "--task", "anomaly", "--out", bundle, "--threads", "1")
    assert done.code == 0, done.err
    answers = pl.read_csv(luban("predict", bundle, tmp_path / "points.csv").out)
    assert answers["prediction"].arg_max() == 120
    assert {"0.5", "0.99"} <= set(package.load(bundle).stored.evidence["evaluation"]["scores"]["train"])
    assert luban("report", bundle, "--out", tmp_path / "page.html").code == 0


@pytest.mark.slow
def test_several_labels_a_row(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(120, 2))
    labels = [[name for name, seen in zip(("warm", "wet"), row > 0, strict=True) if seen] for row in inputs]
    table = pl.DataFrame({"a": inputs[:, 0], "b": inputs[:, 1], "tags": labels})
    table.write_parquet(tmp_path / "days.parquet")
    bundle = package.fit(tmp_path / "days.parquet", "tags", model="linear", out=tmp_path / "days.luban", threads=1)
    assert bundle.stored.facts["task"] == "multilabel"
    assert bundle.classes == ("warm", "wet")
    right = [sorted(said) == sorted(true) for said, true in zip(bundle.predict(table), labels, strict=True)]
    assert np.mean(right) > 0.9
    answers = pl.read_csv(luban("predict", bundle.path, tmp_path / "days.parquet").out)
    assert answers.columns == ["row", "prediction", "probability_warm", "probability_wet"]
    assert set(answers["prediction"].drop_nulls()) <= {"", "warm", "wet", "warm|wet"}
    assert luban("evaluate", bundle.path, tmp_path / "days.parquet", "--require", "accuracy>0.8").code == 0


@pytest.mark.slow
def test_an_own_split_is_used_as_it_is(visits: Path) -> None:
    lines = visits.read_text().splitlines()
    parts = {"train": lines[1:41], "validation": lines[41:61], "test": lines[61:]}
    for name, rows in parts.items():
        Path(f"{name}.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    arguments = ("--target", "value", "--model", "linear", "--validation", "validation.csv", "--test", "test.csv")
    done = luban("fit", "train.csv", *arguments, "--threads", "1", "--json")
    assert done.code == 0, done.out
    split = done.document["split"]
    assert (split["name"], split["test"]) == ("given", 20)
    rows = {line["split"]: line["rows"] for line in done.document["measurements"]}
    assert rows == {"test": 20, "validation": 20}
    assert "validation rows that were given" in done.document["measurements"][-1]["how"]
    assert luban("verify", "train.luban", "test.csv").code == 0
    # Fewer rows are drawn of those that train; the rows to choose by were given, and all of them are looked at.
    few = luban("fit", "train.csv", *arguments, "--set", "train.rows=10", "--out", "few.luban", "--json")
    assert few.document["split"]["train"] == split["train"] - 30 == 30
    assert {line["split"]: line["rows"] for line in few.document["measurements"]} == rows


@pytest.mark.slow
def test_test_rows_train_the_final_model_only_when_asked(visits: Path) -> None:
    arguments = ("fit", visits, "--target", "value", "--model", "linear", "--threads", "1", "--json", "--out")
    plain, refitted = luban(*arguments, "a.luban").document, luban(*arguments, "b.luban", "--refit", "all").document
    assert plain["measurements"] == refitted["measurements"], "the score is of the model without test rows"
    cards = [Path(name, "README.md").read_text(encoding="utf-8") for name in ("a.luban", "b.luban")]
    assert "fitted on the test rows" not in cards[0]
    assert "fitted on the test rows" in cards[1]
    answers = [luban("predict", name, visits).out for name in ("a.luban", "b.luban")]
    assert answers[0] != answers[1]
    assert luban("verify", "a.luban", visits).code == 0
    refused = luban("verify", "b.luban", visits)
    assert refused.code == 4
    assert "cannot be measured again" in " ".join(refused.err.split())


@pytest.mark.slow
def test_weights_change_the_model_and_the_score(visits: Path) -> None:
    arguments = ("fit", visits, "--target", "value", "--model", "linear", "--threads", "1", "--json", "--out")
    column = ("--set", "drop=[age]")
    plain = luban(*arguments, "a.luban", *column, "--set", "drop=[age, heavy]").document
    heavy = luban(*arguments, "b.luban", *column, "--weight", "heavy").document
    assert plain["measurements"][0]["value"] != heavy["measurements"][0]["value"]
    assert [column["role"] for column in luban("inspect", "b.luban", "--json").document["columns"]].count("weight") == 1
    assert luban("predict", "b.luban", visits).code == 0


@pytest.mark.slow
def test_the_time_ends_with_a_bundle_that_answers(tmp_path: Path, fitted: Fitted) -> None:
    done = luban(
        "fit",
        "sample:breast-cancer",
        "--target",
        "diagnosis",
        "--time",
        "1",
        "--out",
        tmp_path / "quick.luban",
        "--json",
    )
    assert done.code == 0, done.out
    assert done.document["chosen"]["label"]
    assert len(luban("predict", tmp_path / "quick.luban", "sample:breast-cancer").lines) == 570
