"""What samples keep that are fetched: tried where they are here, by `make setup`; in CI all must be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from luban.core import registry
from luban.core.errors import UsageError
from luban.data.catalogue import models, sample_path
from luban.data.open import open_dataset
from luban.origins import naming
from luban.verbs.sample import sample as told

SET_UP = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
USED = next(line for line in SET_UP.splitlines() if line.startswith("SAMPLES :=")).split()[2:]
"""The samples that `make setup` fetches for the tests."""
LIVING = frozenset({"en-fr-titles"})
"""What is fetched is of the day, so there are about as many rows as the sample says."""


def here(name: str) -> Path:
    """Where a sample lies. One that is not here skips the test, but where all must be."""
    try:
        return sample_path(name)
    except UsageError as error:
        if os.environ.get("LUBAN_SAMPLES") == "required" and name in USED:
            raise
        pytest.skip(f"{name} is not here: {error.fix}")


@pytest.mark.parametrize("name", sorted(set(registry.names("data.samples")) - set(models())))
def test_a_sample_has_the_rows_and_the_target_that_it_says(name: str) -> None:
    place = here(name)
    sample = registry.find("data.samples", name)
    assert place.is_dir() == (sample.ending == "")
    dataset = open_dataset(f"sample:{name}")
    assert dataset.name == name
    assert dataset.rows == (pytest.approx(sample.rows, rel=0.1) if name in LIVING else sample.rows)
    if not sample.target:
        assert dataset.schema["text"].kind == "text"
        return
    target = dataset.frame.select(sample.target).collect().to_series()
    assert target.null_count() == 0
    assert target.n_unique() > 1


WRITING = [name for name in models() if registry.find("data.samples", name).ending == ".gguf"]
"""Language models, which go on with a text."""


@pytest.mark.parametrize("name", WRITING)
def test_a_model_that_writes_is_neither_data_nor_begun_from(name: str) -> None:
    with pytest.raises(UsageError, match="a pretrained model, and no data") as error:
        open_dataset(f"sample:{name}")
    assert error.value.fix == f'luban generate {name} "PROMPT"'
    here(name)
    with pytest.raises(UsageError, match="this is a language model"):
        naming.find(name)


@pytest.mark.parametrize("name", sorted(set(models()) - set(WRITING)))
def test_a_model_can_be_begun_from(name: str) -> None:
    here(name)
    found = naming.find(name)
    assert found.licence is not None
    assert sum(array.size for array in found.weights().values()) > 1_000_000
    with pytest.raises(UsageError, match="a pretrained model, and no data") as error:
        open_dataset(f"sample:{name}")
    assert error.value.fix == f"begin from it: --from {name}"


@pytest.mark.parametrize("name", ["iris", "gunpoint"])
def test_a_copy_of_a_sample_opens_like_the_sample(name: str, tmp_path: Path) -> None:
    here(name)
    copy = tmp_path / "copy"
    out = copy.with_suffix(registry.find("data.samples", name).ending)
    assert told(name, out=out).to_json()["path"] == str(out)
    assert open_dataset(out).frame.collect().equals(open_dataset(f"sample:{name}").frame.collect())
    with pytest.raises(UsageError, match="something lies here already"):
        told(name, out=out)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("fashion-mnist", {"train": 60_000, "test": 10_000}),
        ("mnist", {"train": 8_000, "test": 2_000}),
        ("gunpoint", {"train": 50, "test": 150}),
        ("basic-motions", {"train": 40, "test": 40}),
        ("japanese-vowels", {"train": 270, "test": 370}),
    ],
)
def test_samples_that_come_split_have_the_rows_of_their_authors(name: str, counts: dict[str, int]) -> None:
    here(name)
    dataset = open_dataset(f"sample:{name}")
    assert dataset.split == "split"
    assert dict(dataset.frame.collect()["split"].value_counts().rows()) == counts


def test_each_digit_of_mnist_tests_with_a_fifth_of_its_rows() -> None:
    here("mnist")
    table = open_dataset("sample:mnist").frame.select("label", "split", "image").collect()
    for label, rows in table.group_by("label"):
        assert (rows["split"] == "test").sum() == pytest.approx(0.2 * len(rows), abs=0.5), label
    assert table["image"].to_numpy().max() == 255


def test_a_prompt_stays_on_one_side_whatever_its_language() -> None:
    from luban.data import roles
    from luban.recipe.recipe import Recipe

    here("spoken-language")
    dataset = open_dataset("sample:spoken-language")
    schema = roles.assign(dataset, Recipe(target="language"))
    assert schema["prompt_id"].role == "group"
    table = dataset.frame.collect()
    assert all(Path(path).is_file() for path in table["path"])
    assert table.n_unique(["prompt_id", "language"]) == len(table)


def test_a_speaker_of_digits_stays_on_one_side() -> None:
    from luban.data import roles
    from luban.recipe.recipe import Recipe

    here("spoken-digits-voices")
    dataset = open_dataset("sample:spoken-digits-voices")
    assert roles.assign(dataset, Recipe(target="digit"))["speaker"].role == "group"
    table = dataset.frame.collect()
    assert all(Path(path).is_file() for path in table["path"])
    assert table["digit"].value_counts()["count"].unique().to_list() == [360]


def test_no_review_stands_twice_or_on_both_sides() -> None:
    here("chinese-reviews")
    table = open_dataset("sample:chinese-reviews").frame.collect()
    assert table["review"].n_unique() == len(table)
    assert dict(table["sentiment"].value_counts().rows()) == {"positive": 8332, "negative": 9031}


def test_the_known_figures_of_tables() -> None:
    for name in ("titanic", "air-passengers", "taylor"):
        here(name)
    titanic = open_dataset("sample:titanic").frame.collect()
    assert dict(titanic["survived"].value_counts().rows()) == {"yes": 450, "no": 863}
    assert titanic["age"].null_count() == 557
    flown = open_dataset("sample:air-passengers").frame.collect()
    assert (flown["passengers"][0], flown["passengers"][-1], flown["passengers"].sum()) == (112, 432, 40363)
    assert str(flown["month"][-1]) == "1960-12-01"
    drawn = open_dataset("sample:taylor").frame.collect()
    assert (drawn["demand"][0], drawn["demand"][-1]) == (22262, 23132)
