"""What an autoencoder learned of rows without labels: the codes of other rows, in files that a fit takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import luban
from luban.core.errors import DataError, UsageError
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
