"""What every sample keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest

from luban.core import registry
from luban.core.errors import UsageError
from luban.data.catalogue import models, sample_path, samples
from luban.protocols import Sample

NAMES = registry.names("data.samples")
CARRIED = [name for name in NAMES if not registry.find("data.samples", name).fetch]
PROMISED = {
    "breast-cancer": ("diagnosis", {"malignant", "benign"}),
    "iris": ("species", {"setosa", "versicolor", "virginica"}),
    "wine": ("cultivar", None),
    "digits": ("digit", {str(digit) for digit in range(10)}),
    "diabetes": ("progression", None),
}
"""Names, targets and classes that other people's scripts rest on."""


def sample(name: str) -> Sample:
    found: Sample = registry.find("data.samples", name)
    return found


def written(name: str, folder: Path) -> bytes:
    """The CSV of a sample, written anew."""
    place = folder / f"{name}.csv"
    sample(name).write(place)
    return place.read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_is(name: str) -> None:
    found = sample(name)
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert found.title and not found.title.endswith(".")
    assert isinstance(found.fetch, bool)
    if name in models():
        assert not found.target
        assert f"--from {name}" in found.title or f"luban generate {name}" in found.title
    elif not found.target:
        assert "for language models" in found.title and f"{found.rows:,}" in found.title
    else:
        assert found.target and f"{found.rows:,}" in found.title, "the title tells how many rows there are"


@pytest.mark.parametrize("name", CARRIED)
def test_the_csv_holds_its_rows_and_its_target(name: str, tmp_path: Path) -> None:
    found = sample(name)
    assert found.ending == ".csv"
    table = pl.read_csv(io.BytesIO(written(name, tmp_path)))
    assert table.height == found.rows
    assert found.target in table.columns
    assert table[found.target].null_count() == 0
    assert len(set(table.columns)) == len(table.columns) and not any(map(str.isspace, table.columns))


@pytest.mark.parametrize("name", CARRIED)
def test_the_csv_is_the_same_every_time(name: str, tmp_path: Path) -> None:
    first = written(name, tmp_path)
    assert written(name, tmp_path) == first
    first.decode("utf-8")


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_scripts_find_the_names_they_rest_on(name: str, tmp_path: Path) -> None:
    target, classes = PROMISED[name]
    found = sample(name)
    assert (found.target, found.fetch) == (target, False)
    if classes is not None:
        values = pl.read_csv(io.BytesIO(written(name, tmp_path)))[target].cast(pl.String)
        assert set(values.to_list()) == classes


def test_the_catalogue_lists_each_sample_as_it_is() -> None:
    listed = {one.name: one for one in samples()}
    assert tuple(listed) == NAMES
    for name, one in listed.items():
        found = sample(name)
        assert (one.target, one.title, one.rows, one.fetch) == (found.target, found.title, found.rows, found.fetch)
        assert one.here or one.fetch
        assert one.to_json()["name"] == name


@pytest.mark.parametrize("name", CARRIED)
def test_its_path_holds_the_csv_and_stays(name: str, cache: Path) -> None:
    path = sample_path(name)
    assert path.is_relative_to(cache)
    assert path.read_bytes() == written(name, cache)
    assert sample_path(name.replace("-", "_")) == path


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(CARRIED)))
def test_no_connection_is_opened_unasked(name: str, cache: Path) -> None:
    with pytest.raises(UsageError, match="opens no connection by itself") as error:
        sample_path(name)
    assert error.value.fix == f"luban sample {name} --fetch"
    assert not any((cache / "samples").iterdir())


def test_a_misspelt_sample_is_told_with_the_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'iris'"):
        sample_path("irs")
