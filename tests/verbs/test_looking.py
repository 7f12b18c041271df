"""Looking: inspect, diagnose, report and sample, and the card in a notebook."""

from __future__ import annotations

import resource
from pathlib import Path

import polars as pl
import pytest

import luban as package
from fitted import Fitted
from verbs.program import luban


def test_inspect_gives_every_column_its_kind_role_and_reason(visits: Path) -> None:
    document = luban("inspect", visits, "--json").document
    assert document["rows"] == 80
    columns = {column["name"]: column for column in document["columns"]}
    kinds = {name: column["kind"] for name, column in columns.items()}
    assert kinds["age"] == "number" and kinds["town"] == "category" and kinds["seen"] == "datetime"
    assert columns["patient"]["role"] == "group"
    assert all(column["reason"] for column in columns.values())
    told = luban("inspect", visits).out.decode()
    assert all(name in told for name in columns)


def test_inspect_counts_and_lists_rows_that_were_left_out(visits: Path) -> None:
    visits.write_text(visits.read_text() + "1,2,3\n")
    document = luban("inspect", visits, "--json").document
    assert document["dropped"] == {"ragged": 1}
    assert document["listed"] == [{"line": 82, "reason": "3 values instead of 9"}]


def test_inspect_tells_what_a_bundle_was_asked(fitted: Fitted) -> None:
    document = luban("inspect", fitted.bundle("iris"), "--json").document
    assert (document["task"], document["target"]) == ("multiclass", "species")
    assert document["classes"] == ["setosa", "versicolor", "virginica"]
    assert document["recipe"]["target"] == "species"
    assert len(document["content_sha256"]) == 64
    assert luban("inspect", fitted.bundle("iris"), "--column", "a=number").code == 2


def leaking(path: Path) -> Path:
    """The cancer table with a copy of the diagnosis."""
    table = pl.read_csv(package.sample("breast-cancer").path)
    table.with_columns(treated=pl.col("diagnosis").replace_strict({"malignant": 1, "benign": 0})).write_csv(path)
    return path


def test_diagnose_finds_a_leak_and_changes_nothing(tmp_path: Path) -> None:
    data = leaking(tmp_path / "patients.csv")
    before = data.read_bytes()
    document = luban("diagnose", data, "--target", "diagnosis", "--json").document
    finding = document["findings"][0]
    assert (finding["condition"], finding["severity"]) == ("target-leakage", "severe")
    assert finding["where"]["column"] == "treated"
    assert {"signal", "value", "threshold", "n"} <= set(finding["evidence"])
    assert "--set drop=treated" in finding["text"]
    assert data.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["patients.csv"]


def test_diagnose_only_reports_unless_a_gate_is_set(tmp_path: Path) -> None:
    data = leaking(tmp_path / "patients.csv")
    assert luban("diagnose", data, "--target", "diagnosis").code == 0
    missed = luban("diagnose", data, "--target", "diagnosis", "--require", "no-severe", "--json")
    assert missed.code == 4
    assert missed.document["error"]["message"] == "required no-severe, but found: target-leakage."
    assert missed.document["findings"], "what was found is shown all the same"
    clean = luban("diagnose", "sample:breast-cancer", "--target", "diagnosis", "--require", "no-severe")
    assert clean.code == 0


def test_diagnose_tells_a_bundles_findings_again(fitted: Fitted) -> None:
    bundle = package.load(fitted.bundle("iris"))
    document = luban("diagnose", bundle.path, "--json").document
    assert document["findings"] == [finding.to_json() for finding in bundle.findings]
    refused = luban("diagnose", bundle.path, "--target", "species")
    assert refused.code == 2
    assert "its own target" in refused.told


def test_a_report_is_one_page_that_needs_no_network(fitted: Fitted, tmp_path: Path) -> None:
    bundle = fitted.bundle("iris")
    done = luban("report", bundle, "--out", tmp_path / "iris.html", "--json")
    assert done.document == {"report": str(tmp_path / "iris.html")}
    page = (tmp_path / "iris.html").read_text(encoding="utf-8")
    assert page == (bundle / "report.html").read_text(encoding="utf-8"), "drawing it again gives the same"
    assert "<script src" not in page and 'rel="stylesheet"' not in page and "url(http" not in page
    assert luban("report", bundle, "--out", tmp_path / "no" / "page.html").code == 2
    assert luban("report", bundle, "--out", tmp_path).code == 2


def test_samples_are_listed_with_their_targets() -> None:
    listed = {line["name"]: line for line in luban("sample", "--json").document["samples"]}
    wanted = {"breast-cancer": "diagnosis", "iris": "species", "wine": "cultivar", "digits": "digit"}
    assert {name: listed[name]["target"] for name in wanted} == wanted
    assert listed["bbc-news"]["target"] == "topic"
    told = luban("sample").out.decode()
    assert all(name in told for name in listed)


def test_a_sample_is_a_path_on_stdout(tmp_path: Path) -> None:
    done = luban("sample", "Breast_Cancer")
    assert done.lines == [str(package.sample("breast-cancer").path)]
    assert Path(done.lines[0]).is_file()
    assert done.err == ""
    copied = luban("sample", "wine", "--out", tmp_path / "wine.csv")
    assert copied.lines == [str(tmp_path / "wine.csv")]
    again = luban("sample", "iris", "--out", tmp_path / "wine.csv")
    assert again.code == 2
    assert "something lies here" in again.told
    nowhere = luban("sample", "iris", "--out", tmp_path / "no" / "iris.csv")
    assert nowhere.code == 2
    assert f"mkdir -p {tmp_path / 'no'}" in nowhere.told


def test_a_sample_that_cannot_be_copied_whole_leaves_nothing(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    package.sample("breast-cancer")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        done = luban("sample", "breast-cancer", "--out", tmp_path / "patients.csv")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.code == 7
    assert "may not be so large" in done.told and "patients.csv" in done.told
    assert list(tmp_path.iterdir()) == []
    assert luban("sample", "breast-cancer", "--out", tmp_path / "patients.csv").code == 0
    assert (tmp_path / "patients.csv").stat().st_size > 10_000


@pytest.mark.parametrize("arguments", [("inspect", ""), ("fit", "", "--target", "y"), ("diagnose", "")])
def test_an_empty_name_is_not_the_working_folder(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("x,y\n" + "1,a\n2,b\n" * 20)
    assert luban("inspect", ".").code == 0
    done = luban(*arguments)
    assert done.code == 2
    assert "the name of the data is empty" in done.told and "name a file" in done.told
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_an_unknown_sample_is_guessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done = luban("sample", "irsi")
    assert done.code == 2
    assert "Did you mean 'iris'?" in done.told


def test_a_notebook_shows_a_bundle_as_a_card(fitted: Fitted, tmp_path: Path) -> None:
    card = package.load(fitted.bundle("iris"))._repr_html_()
    assert "iris.luban" in card and "multiclass" in card and "accuracy" in card
    assert "<table>" in card and "<script" not in card


def test_what_a_notebook_shows_is_escaped(fitted: Fitted, tmp_path: Path) -> None:
    place = tmp_path / "<script>.luban"
    place.symlink_to(fitted.bundle("iris"))
    card = package.load(place)._repr_html_()
    assert "&lt;script&gt;.luban" in card and "<script>" not in card
