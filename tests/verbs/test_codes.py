"""What an autoencoder learned of rows without labels: the codes of other rows, in files that a fit takes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import luban
from explained_again import explained_again
from luban import states
from luban.core.errors import DataError, UsageError
from luban.origins import coded
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate
from luban.training import beginning
from luban.training.settings import settings
from luban.verbs.asking import recipe_of
from luban.verbs.embed import embed
from verbs.program import luban as program

FEW = {"train.epochs": 3, "model.autoencoder": {"kind": "masked", "code": 4, "units": [8]}, "train.learning_rate": 0.01}


def rows(count: int, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    numbers = draw.normal(size=(count, 2)) @ draw.normal(size=(2, 5))
    return pl.DataFrame({f"x{column}": numbers[:, column] for column in range(5)}).with_columns(
        town=pl.Series(draw.choice(["Ulm", "Bonn"], count))
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("codes") / "unlabelled.luban"
    luban.fit(rows(200), task="anomaly", model="autoencoder", set=FEW, out=out, threads=1, repair="off")
    return out


def test_codes_are_those_of_its_network_and_need_no_other_column(bundle: Path, tmp_path: Path) -> None:
    new = rows(30, seed=1).with_columns(label=pl.lit("a"))
    out = tmp_path / "codes.parquet"
    told = embed(new, from_=str(bundle), out=out).document
    assert (told["rows"], told["width"]) == (30, 4)
    found = np.stack(pl.read_parquet(out)["vector"].to_list())
    opened = luban.load(bundle)
    matrix = opened.answerer.preprocessor.transform(new.select(opened.schema.names))
    with torch.inference_mode():
        wanted = opened.network.encode({"table": torch.from_numpy(matrix)}).numpy()
    assert found == pytest.approx(wanted, abs=1e-6)
    assert np.ptp(found, axis=0).min() > 0


def test_the_command_writes_a_table_that_a_fit_takes(bundle: Path, tmp_path: Path) -> None:
    rows(40, seed=2).write_csv(tmp_path / "new.csv")
    done = program("embed", tmp_path / "new.csv", "--from", bundle)
    assert done.code == 0
    assert done.lines[0] == "row,v0,v1,v2,v3" and len(done.lines) == 41


def test_what_it_cannot_be_asked_is_named(bundle: Path) -> None:
    with pytest.raises(UsageError, match="reads whole rows"):
        embed(rows(3), from_=str(bundle), find="Ulm")
    with pytest.raises(UsageError, match="reads whole rows"):
        embed(rows(3), from_=str(bundle), text="town", out="it.parquet")
    with pytest.raises(DataError, match="'x3'"):
        embed(rows(3).drop("x3"), from_=str(bundle), out="it.parquet")


def labelled(count: int, seed: int) -> pl.DataFrame:
    """Rows like those without a label, and one that goes with their first column."""
    found = rows(count, seed)
    return found.with_columns(side=pl.when(pl.col("x0") > 0).then(pl.lit("right")).otherwise(pl.lit("left")))


TUNED = {"train.epochs": 4, "train.batch_size": 16, "split.folds": 2}


def fit(bundle: Path, out: str = "it.luban", count: int = 60, **others: Any) -> luban.Bundle:
    made: luban.Bundle = luban.fit(
        others.pop("data", labelled(count, 3)), "side", from_=str(bundle), out=out, threads=1, repair="off",
        **{"model": "pretrained-codes", "set": TUNED, **others},
    )  # fmt: skip
    return made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_fit_begins_from_an_autoencoder_and_answers_without_it(bundle: Path, here: Path) -> None:
    copy = here / "free.luban"
    shutil.copytree(bundle, copy)
    made = fit(copy)
    recipe = (Path(made.path) / "recipe.yaml").read_text()
    assert "sha256:" in recipe and str(copy) not in recipe
    new = labelled(20, 4).drop("side")
    said = made.predict_proba(new)
    shutil.rmtree(copy)
    again = luban.load(made.path).predict_proba(new)
    assert np.abs((again.drop("row", strict=False) - said.drop("row", strict=False)).to_numpy()).max() < 1e-6
    assert not any("draw" in name or "from_code" in name for name in made.network.state_dict())


def test_rows_are_read_as_the_autoencoder_read_them(bundle: Path, here: Path) -> None:
    made = fit(bundle)
    before, now = (opened.answerer.preprocessor.state() for opened in (luban.load(bundle), made))
    assert states.to_bytes("it", before) == states.to_bytes("it", now)
    with pytest.raises(UsageError, match="'x1'"):
        fit(bundle, "other.luban", data=labelled(60, 3).select("x0", "town", "side"))
    with pytest.raises(UsageError, match="did not read the column 'more'") as told:
        fit(bundle, "other.luban", data=labelled(60, 3).with_columns(more=pl.Series(np.arange(60) % 7 * 1.5)))
    assert told.value.fix == "--column more=ignored"


def test_the_head_alone_learns_where_that_is_asked_for(bundle: Path, here: Path) -> None:
    own = luban.load(bundle).network.state_dict()
    head = fit(bundle, set={**TUNED, "model.pretrained-codes.tune": "head"}).network.state_dict()
    whole = fit(bundle, "whole.luban").network.state_dict()
    assert torch.equal(head["reading.to_code.weight"], own["to_code.weight"])
    assert not torch.equal(whole["reading.to_code.weight"], own["to_code.weight"])


def test_other_models_compete_with_it_and_it_is_named_once(bundle: Path, here: Path) -> None:
    recipe = recipe_of(None, None, origin=str(bundle), target="side")
    assert recipe.model.names == ("pretrained-codes", "auto")
    assert recipe_of(None, None, origin=str(bundle), model="linear").model.names == ("pretrained-codes", "linear")
    assert recipe.columns["town"] == "category"


def test_an_autoencoder_that_is_no_more_is_told(bundle: Path, here: Path) -> None:
    copy = here / "free.luban"
    shutil.copytree(bundle, copy)
    made = fit(copy)
    shutil.rmtree(copy)
    with pytest.raises(UsageError, match="not where it was"):
        luban.fit(labelled(60, 3), recipe=Path(made.path) / "recipe.yaml", out="again.luban", threads=1)
    with pytest.raises(UsageError, match="name its bundle by --from"):
        settings(Candidate(model="pretrained-codes"))


def test_rows_of_another_shape_are_refused_by_the_network(bundle: Path, here: Path) -> None:
    origin = coded.opened(bundle).settings()
    work = Work("binary", 2, 60, 3, shapes={"table": Shape("vector", (3,))})
    with pytest.raises(UsageError, match="another shape"):
        beginning.begun(Candidate(model="pretrained-codes", settings={"origin": origin}), work)


def test_what_begins_from_an_autoencoder_is_explained_after_reload_as_before(bundle: Path, here: Path) -> None:
    explained_again(fit(bundle), rows(3))
