"""A network without a prospect costs one held-out part of five; whoever names it gets it whole; both are told."""

from __future__ import annotations

from pathlib import Path

import pytest

import luban

LEARNS_NOTHING = {"train.epochs": 1, "train.learning_rate": 1e-6, "train.repeats": 1}
ASKED = {"data": "sample:iris", "target": "species", "repair": "off"}


def fitted(bundle: luban.Bundle, model: str) -> list[str]:
    """The parts beside which a model was fitted."""
    units = [line["unit"] for line in bundle.stored.history if "cpu_seconds" in line]
    return [unit.rsplit("-", 1)[1] for unit in units if unit.startswith(f"{model}-")]


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> luban.Bundle:
    out = tmp_path_factory.mktemp("raced") / "iris.luban"
    return luban.fit(**ASKED, model=["mlp", "auto"], set=LEARNS_NOTHING, out=out)


def test_it_is_fitted_beside_one_part_and_others_beside_all(raced: luban.Bundle) -> None:
    assert fitted(raced, "mlp") == ["fold0"]
    assert set(fitted(raced, "knn")) == {"fold0", "fold1", "fold2", "fold3", "fold4", "whole"}
    assert {member["label"] for member in raced.to_json()["chosen"]["members"]}.isdisjoint({"mlp"})


def test_json_and_the_report_tell_why(raced: luban.Bundle) -> None:
    told = {line["model"]: line for line in raced.to_json()["candidates"]}
    assert told["mlp"]["status"] == "left" and told["knn"]["status"] == "finished"
    reason = told["mlp"]["reason"]
    assert reason.startswith("left after one of 5 held-out parts: log-loss 1.") and "on the same 24 rows" in reason
    assert raced.stored.report is not None and "left after one of 5 held-out parts" in raced.stored.report


def test_the_recorded_recipe_asks_for_it_no_more_and_gives_the_same_bundle(raced: luban.Bundle, tmp_path: Path) -> None:
    candidates = raced.recipe.model.candidates
    assert candidates is not None and "mlp" not in {each.model for each in candidates}
    again = luban.fit("sample:iris", recipe=raced.recipe, out=tmp_path / "again.luban")
    assert again.content_sha256 == raced.content_sha256


def test_models_that_were_named_alone_are_fitted_whole(tmp_path: Path) -> None:
    named = luban.fit(**ASKED, model=["linear", "mlp"], set=LEARNS_NOTHING, out=tmp_path / "named.luban")
    assert set(fitted(named, "mlp")) == {"fold0", "fold1", "fold2", "fold3", "fold4", "whole"}
    assert {line["model"]: line["status"] for line in named.to_json()["candidates"]}["mlp"] == "finished"
