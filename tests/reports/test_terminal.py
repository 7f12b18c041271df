"""Lines on a terminal: what each verb tells, within the width, and safe from what data could do to a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from luban.cli.main import verbs
from luban.reports import terminal
from luban.reports.lines import PLAIN_WIDTH, Style, cells, style, table
from reports.evidence import HOSTILE, TASKS, view


def fitted(task: str, **changes: Any) -> dict[str, Any]:
    """The document of `luban fit`."""
    seen = view(task, **changes)
    kept = ("task", "target", "classes", "measurements", "chosen", "calibration", "threshold", "split", "candidates")
    return {
        **{name: seen.evaluation[name] for name in kept if name in seen.evaluation},
        "findings": list(seen.document("findings")["findings"]),
        "not_run": list(seen.document("findings")["not_run"]),
        "repairs": list(seen.document("repairs")["repairs"]),
        "bundle": "out/my patients.luban",
        "resumed": False,
    }


def test_fit_tells_score_baseline_model_findings_place_and_next_commands() -> None:
    told = terminal.show("fit", fitted("binary"), Style())
    for part in (
        "accuracy   0.974    0.925 to 0.991     0.487  higher is better",
        "Better than the simplest model, beyond chance.",
        "svm(C=10) 75 %",
        "calibrated by temperature",
        "3 findings, 1 repaired",
        "repaired: leave out same",
        "bundle  out/my patients.luban",
        "report  out/my patients.luban/report.html",
        "luban predict 'out/my patients.luban' new.csv",
        "luban diagnose 'out/my patients.luban'",
        "luban report 'out/my patients.luban'",
    ):
        assert part in told, part


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("width", [80, 100, 120])
def test_lines_keep_within_the_width(task: str, width: int) -> None:
    for line in terminal.show("fit", fitted(task), Style(width)).splitlines():
        assert cells(line) <= width or line.startswith("  luban ")


@pytest.mark.parametrize("verb", ["fit", "diagnose", "inspect"])
def test_no_name_commands_the_terminal(verb: str) -> None:
    document = {**fitted("binary", hostile=True), "bundle": HOSTILE, "data": HOSTILE}
    document["columns"] = list(view("binary", hostile=True).document("profile")["columns"])
    told = terminal.show(verb, document, Style())
    assert "\x1b" not in told
    assert "<script>" in told


def test_colour_changes_nothing_but_colour() -> None:
    import re

    document = fitted("binary")
    colored = terminal.show("fit", document, Style(color=True))
    assert "\x1b[1m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == terminal.show("fit", document, Style())


def test_no_colour_where_lines_do_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert style(io.StringIO()) == Style(PLAIN_WIDTH, False)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert style(stream).color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style(stream).color


def test_a_path_is_printed_alone_so_that_programs_can_take_it() -> None:
    assert terminal.show("sample", {"sample": "iris", "path": "/cache/iris.csv"}, Style()) == "/cache/iris.csv"
    assert terminal.show("report", {"report": "a very long name/" * 12}, Style(40)) == "a very long name/" * 12


def test_the_list_of_samples_says_what_must_be_fetched() -> None:
    iris = {"name": "iris", "target": "species", "title": "150 flowers", "rows": 150, "fetch": False, "here": True}
    news = {"name": "bbc-news", "target": "topic", "title": "news", "rows": 2225, "fetch": True, "here": False}
    told = terminal.show("sample", {"samples": [iris, news]}, Style()).splitlines()
    assert told[1].split()[:4] == ["iris", "species", "150", "ready"]
    assert told[2].split()[:4] == ["bbc-news", "topic", "2,225", "--fetch"]


def test_compare_names_the_better_bundle() -> None:
    figures = [{**line, "better": "second"} for line in fitted("binary")["measurements"][:1]]
    told = terminal.show("compare", {"bundles": ["a.luban", "b.luban"], "text": "b", "measurements": figures}, Style())
    assert told.splitlines()[-1].split()[-1] == "b.luban"
    recorded = {"bundles": ["a.luban", "b.luban"], "text": "", "recorded": [fitted("binary")["measurements"][:1], []]}
    assert "0.974 (0.925 to 0.991)" in terminal.show("compare", recorded, Style())


def test_verify_tells_each_figure() -> None:
    checks = [{"metric": "accuracy", "recorded": 0.97, "measured": 0.95, "agrees": False}]
    document = {"bundle": "a.luban", "verified": False, "same_data": False, "files": "whole", "checks": checks}
    told = terminal.show("verify", document, Style())
    assert "not verified" in told and "not the data it was made of" in told and "differs" in told


def test_every_verb_is_told_in_its_own_way() -> None:
    assert set(terminal.VERBS) == set(verbs())


def test_columns_of_wide_characters_are_aligned() -> None:
    first, second = table(["名", "n"], [["鲁班", "1"]], Style(), indent=0)
    assert cells(first[: first.index("n")]) == cells(second[: second.index("1")])
