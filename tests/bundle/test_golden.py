"""Bundles of every format that was ever released open in this luban and answer as they did when they were made.

`golden/format-N.luban` was written by a luban of that format; `format-N.csv` are rows that it was asked about then, and
`format-N.json` is what it answered. They are never made again: a bundle that somebody keeps is not made again either.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from bundle.example import states_are_equal
from luban.bundle import store, upgrade
from luban.bundle.bundle import rebuild_form

GOLDEN = Path(__file__).parent / "golden"
FORMATS = sorted(upgrade.FORMATS)


def bundle_of(number: int) -> Path:
    return GOLDEN / f"format-{number}.luban"


def recorded(number: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((GOLDEN / f"format-{number}.json").read_text(encoding="utf-8"))
    return document


def rows(number: int) -> pl.DataFrame:
    return pl.read_csv(GOLDEN / f"format-{number}.csv", infer_schema=False)


def test_every_format_has_a_golden_bundle_and_no_other_has() -> None:
    assert {path.name for path in GOLDEN.glob("*.luban")} == {bundle_of(number).name for number in FORMATS}


@pytest.mark.parametrize("number", FORMATS)
def test_it_opens_and_is_of_its_format(number: int) -> None:
    opened = store.read(bundle_of(number))
    assert opened.manifest.format == number
    assert opened.manifest.content_sha256 == recorded(number)["content_sha256"]


@pytest.mark.parametrize("number", FORMATS)
def test_it_answers_as_it_did(number: int) -> None:
    bundle, then = luban.load(bundle_of(number)), recorded(number)
    assert bundle.content_sha256 == then["content_sha256"]
    assert list(bundle.classes) == then["classes"]
    assert bundle.predict(rows(number)).to_list() == then["prediction"]
    # Another processor and another version of a library round otherwise.
    said = bundle.predict_proba(rows(number)).to_numpy()
    assert said == pytest.approx(np.array(then["probabilities"]), abs=1e-6)


@pytest.mark.parametrize("number", FORMATS)
def test_its_form_answers_without_its_graph_as_well(number: int, tmp_path: Path) -> None:
    stored = store.read(bundle_of(number)).stored
    store.write(replace(stored, runtime=None), tmp_path / "form.luban")
    said = luban.load(tmp_path / "form.luban").predict_proba(rows(number)).to_numpy()
    assert said == pytest.approx(np.array(recorded(number)["probabilities"]), abs=1e-5)


@pytest.mark.parametrize("number", FORMATS)
def test_its_evidence_is_read(number: int) -> None:
    bundle = luban.load(bundle_of(number))
    for measurement in bundle.measurements:
        assert measurement.low <= measurement.value <= measurement.high
    assert bundle.recipe.target in bundle.schema.names
    assert bundle.to_json()["content_sha256"] == recorded(number)["content_sha256"]


@pytest.mark.parametrize("number", FORMATS)
def test_what_is_written_again_holds_the_same(number: int, tmp_path: Path) -> None:
    before = store.read(bundle_of(number)).stored
    store.write(before, tmp_path / "again.luban")
    after = store.read(tmp_path / "again.luban").stored
    assert states_are_equal(before.form, after.form)
    assert states_are_equal(before.preprocessor, after.preprocessor)
    assert (before.recipe, before.schema, before.facts) == (after.recipe, after.schema, after.facts)
    assert rebuild_form(after).width == rebuild_form(before).width


@pytest.mark.parametrize("number", FORMATS)
def test_the_tests_above_see_a_bundle_that_answers_otherwise(number: int, tmp_path: Path) -> None:
    changed = tmp_path / "changed.luban"
    shutil.copytree(bundle_of(number), changed)
    facts = changed / "model" / "facts.json"
    facts.write_text(facts.read_text().replace("early", "EARLY"))
    with pytest.raises(luban.LubanError, match=r"facts\.json"):
        luban.load(changed)
