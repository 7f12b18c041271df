"""The report: complete for every task, one file that needs nothing, and nothing in it that data could make markup."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from luban.core.errors import BundleError
from luban.reports import page
from reports.evidence import HOSTILE, TASKS, measurement, view
from reports.phone import widths

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, text; and that every element is closed in order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("task", TASKS)
def test_the_page_is_well_formed_and_needs_nothing_from_outside(task: str) -> None:
    document = page.render(view(task))
    found = Page(document)
    assert document.startswith("<!doctype html>")
    names = [name for name, _ in found.elements]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(names)
    for _, attributes in found.elements:
        assert not {"src", "href", "srcset"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in document and "@import" not in document
    assert "default-src 'none'" in document


@pytest.mark.parametrize("task", TASKS)
def test_names_on_the_page_are_unique_and_what_refers_to_them_exists(task: str) -> None:
    found = Page(page.render(view(task)))
    names = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for _, attributes in found.elements:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in names


@pytest.mark.parametrize("task", TASKS)
def test_each_picture_has_a_title_and_a_description(task: str) -> None:
    document = page.render(view(task))
    pictures = re.findall(r"<svg.*?</svg>", document, re.DOTALL)
    assert pictures
    for picture in pictures:
        assert 'role="img"' in picture
        assert re.search(r"<title[^>]*>[^<]+</title>", picture)
        assert re.search(r"<desc[^>]*>[^<]+</desc>", picture)
        assert not re.search(r"\b(nan|inf)\b", picture)


@pytest.mark.parametrize("task", TASKS)
def test_hostile_names_stay_text(task: str) -> None:
    document = page.render(view(task, hostile=True, name=HOSTILE))
    found = Page(document)
    assert "script" not in [name for name, _ in found.elements]
    assert "<script>" in found.text
    assert "\x1b" not in found.text


def test_the_page_tells_what_was_asked_found_repaired_and_measured() -> None:
    told = " ".join(Page(page.render(view("binary"))).text.split())
    for part in (
        "binary classification of outcome: benign or malignant (positive)",
        "455 rows",
        "114 rows, set aside before anything was fitted",
        "2 rows: no target",
        "repaired: leave out same: constant",
        "not repaired: features.scale: none → standard: no gain was shown (0.41 → 0.42)",
        "group-or-time-leakage",
        "95% interval 0.925 to 0.991",
        "the model is better, beyond chance",
        "mlp",
        "no time",
        "75 %",
        "temperature: log loss falls (0.09 → 0.081)",
        "Calibration on test rows",
        "on 114 test rows they held 91 %",
        "mean radius",
        "luban predict patients.luban new.csv",
        "C: 10.0",
        "Energy (an estimate)",
        "largest difference",
    ):
        assert part in told, part


def test_a_model_that_is_not_better_than_the_simplest_is_not_called_better() -> None:
    evaluation = dict(view("binary").evaluation)
    alike = measurement("accuracy", 0.62, 0.5, 0.7)
    alike["difference"] = {"value": 0.01, "low": -0.05, "high": 0.07}
    told = page.render(view("binary", evidence={"evaluation": {**evaluation, "measurements": [alike]}}))
    assert "not told apart by these rows" in told
    assert "beyond chance" not in told


def test_a_refit_on_all_rows_is_told() -> None:
    evaluation = {**view("binary").evaluation, "refit": "the final model was fitted on test rows too"}
    assert "fitted on the test rows as well" in page.render(view("binary", evidence={"evaluation": evaluation}))


def test_the_confusion_matrix_holds_every_count_and_many_classes_become_a_list() -> None:
    document = page.render(view("multiclass"))
    matrix = document[document.index('id="confusion"') :]
    assert re.findall(r'<td class="cell( right)?"[^>]*>(\d+)</td>', matrix)[:3] == [
        (" right", "10"),
        ("", "0"),
        ("", "0"),
    ]
    names = [f"class {number}" for number in range(30)]
    evaluation = dict(view("multiclass").evaluation)
    evaluation["confusion"] = [[5 if said == truth else int(said == 0) for said in range(30)] for truth in range(30)]
    many = view("multiclass", facts={"task": "multiclass", "classes": names}, evidence={"evaluation": evaluation})
    assert "The commonest confusions" in page.render(many)


def test_ten_thousand_columns_do_not_make_a_page_of_ten_thousand_rows() -> None:
    seen = view("regression")
    profile = {**seen.document("profile")}
    profile["columns"] = profile["columns"][:1] * 10_000
    document = page.render(view("regression", evidence={"profile": profile}))
    assert "And 9800 more columns" in document
    assert len(document) < 500_000


@pytest.mark.parametrize(
    ("missing", "part"),
    [
        ("importance", "What matters"),
        ("profile", "6.98 to 28.11, median 13.37"),
        ("footprint", "Peak memory"),
        ("runtime", "Answers by"),
        ("repairs", "no gain was shown"),
        ("search", "no time"),
        ("findings", "target-leakage"),
    ],
)
def test_a_part_of_the_evidence_that_is_missing_is_not_shown(missing: str, part: str) -> None:
    whole, less = (Page(page.render(view("binary", evidence=evidence))).text for evidence in ({}, {missing: {}}))
    assert part in whole and part not in less


def test_evidence_that_luban_would_not_write_is_refused_or_shown_as_nothing() -> None:
    evaluation = dict(view("binary").evaluation)
    strange = {**evaluation, "curve": 3, "confusion": [["x"]], "candidates": [1], "chosen": "me", "split": []}
    Page(page.render(view("binary", evidence={"evaluation": strange})))
    with pytest.raises(BundleError, match="measurement"):
        page.render(view("binary", evidence={"evaluation": {**evaluation, "measurements": [{"metric": "accuracy"}]}}))


def test_equal_evidence_gives_an_equal_page() -> None:
    assert page.render(view("binary")) == page.render(view("binary"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
@pytest.mark.parametrize("task", ["binary", "regression", "clustering"])
def test_nothing_scrolls_sideways_on_a_phone(task: str, tmp_path: Path) -> None:
    taken, there = widths(page.render(view(task, hostile=True)), tmp_path)
    assert taken <= there
