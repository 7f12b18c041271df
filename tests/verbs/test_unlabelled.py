"""A pretrained encoder answers with labels that nobody taught it, gives vectors, and finds texts by a question."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.core.errors import UsageError
from luban.data.open import open_dataset
from luban.verbs import one_column, unlabelled
from luban.verbs.embed import embed
from luban.verbs.predict import predict
from origins import tiny
from verbs.program import luban


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(tiny.texts(30)).drop("topic").write_csv(tmp_path / "texts.csv")
    return tiny.write(tmp_path / "tiny")


def vectors(folder: Path, texts: list[str]) -> np.ndarray:
    dataset = open_dataset({"headline": texts})
    return unlabelled.encoder(str(folder), one_column.column_of(dataset, "headline")).vectors(texts)


def test_a_text_gets_the_label_whose_description_has_the_nearest_direction(folder: Path) -> None:
    texts = pl.read_csv("texts.csv")["headline"].to_list()
    phrases = {"sport": "goal match team", "money": "shares bank"}
    found = predict(None, "texts.csv", from_=str(folder), labels=[f"{n}={p}" for n, p in phrases.items()])
    near = vectors(folder, texts) @ vectors(folder, list(phrases.values())).T
    powers = np.exp(unlabelled.SHARPNESS * near)
    wanted = powers / powers.sum(axis=1, keepdims=True)
    assert found.predictions is not None
    for row, (probabilities, line) in enumerate(zip(wanted, found.predictions, strict=True)):
        assert line["row"] == row
        assert line["prediction"] == list(phrases)[int(probabilities.argmax())]
        assert list(line["probabilities"].values()) == pytest.approx(probabilities, abs=1e-5)


def test_the_command_writes_what_predict_writes(folder: Path) -> None:
    done = luban("predict", "--from", folder, "--labels", "sport, money=shares bank", "texts.csv")
    assert done.code == 0
    assert done.lines[0] == "row,prediction,probability_sport,probability_money"
    assert len(done.lines) == 31
    assert luban("predict", "--from", folder, "--labels", "sport, money=goal", "texts.csv").lines[1:] != done.lines[1:]


def test_an_empty_text_gets_a_label_and_is_told(folder: Path) -> None:
    pl.DataFrame({"headline": ["goal match", None, "bank", "  ", "..."], "n": [1, 2, 3, 4, 5]}).write_csv("gap.csv")
    done = luban("predict", "--from", folder, "--labels", "goal,bank", "--text", "headline", "gap.csv")
    assert done.code == 0 and len(done.lines) == 6
    assert "2 rows are empty in all that is read, and are answered all the same: rows 1, 3" in done.told
    assert "empty" not in luban("predict", "--from", folder, "--labels", "goal,bank", "texts.csv").told


def test_rows_of_stdin_are_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("predict", "--from", folder, "--labels", "goal,bank")
    of_file = luban(*asked, "texts.csv")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path("texts.csv").read_bytes())))
    assert luban(*asked, "-").out == of_file.out


def test_vectors_have_length_one_and_are_the_same_in_every_format(folder: Path) -> None:
    texts = pl.read_csv("texts.csv")["headline"].to_list()
    wanted = vectors(folder, texts)
    assert np.linalg.norm(wanted, axis=1) == pytest.approx(np.ones(30), abs=1e-6)
    done = luban("embed", "texts.csv", "--from", folder)
    table = pl.read_csv(done.out)
    assert table.columns == ["row", *(f"v{number}" for number in range(16))]
    assert table.drop("row").to_numpy() == pytest.approx(wanted, abs=1e-6)
    document = luban("embed", "texts.csv", "--from", folder, "--out", "it.parquet", "--json").document
    assert (document["rows"], document["width"], document["out"]) == (30, 16, "it.parquet")
    assert np.stack(pl.read_parquet("it.parquet")["vector"].to_list()) == pytest.approx(wanted, abs=1e-6)
    assert luban("embed", "texts.csv", "--from", folder, "--format", "parquet").code == 2


def test_the_nearest_texts_come_first_and_a_text_is_nearest_to_itself(folder: Path) -> None:
    texts = pl.read_csv("texts.csv")["headline"].to_list()
    found = embed("texts.csv", from_=str(folder), find=texts[7], top=3).document["found"]
    near = vectors(folder, texts) @ vectors(folder, [texts[7]])[0]
    assert [line["row"] for line in found] == np.argsort(-near, kind="stable")[:3].tolist()
    assert found[0]["row"] == 7 and found[0]["similarity"] == pytest.approx(1.0, abs=1e-5)
    shown = luban("embed", "texts.csv", "--from", folder, "--find", texts[7], "--top", "2")
    assert len(shown.lines) == 3 and texts[7] in shown.lines[1]


def test_what_is_found_does_not_depend_on_how_many_rows_are_read_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("embed", "texts.csv", "--from", folder, "--find", "goal match", "--top", "4", "--json")
    whole = luban(*asked).document["found"]
    monkeypatch.setattr("luban.verbs.embed.AT_ONCE", 7)
    parts = luban(*asked).document["found"]
    assert [line["row"] for line in parts] == [line["row"] for line in whole]
    assert len(parts) == 4 and max(line["row"] for line in parts) > 7
    assert [line["text"] for line in parts] == [line["text"] for line in whole]


def test_a_missing_text_is_an_empty_one(folder: Path) -> None:
    pl.DataFrame({"headline": ["goal match", None, "bank"], "n": [1, 2, 3]}).write_csv("gap.csv")
    assert luban("embed", "gap.csv", "--from", folder, "--text", "headline", "--out", "gap.csv.out").code == 0
    assert len(Path("gap.csv.out").read_text().splitlines()) == 4


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Texts in a folder, and in one further in that is no class."""
    for name, text in (("b.md", "bank"), ("old/a.txt", "goal match"), ("old/2020/c.txt", "trade"), ("none.txt", "")):
        (tmp_path / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "notes" / name).write_text(text)
    return tmp_path / "notes"


def test_texts_of_a_folder_and_its_inner_ones_are_found_and_told_by_their_file(folder: Path, notes: Path) -> None:
    files = ["b.md", "old/2020/c.txt", "old/a.txt"]
    found = embed("notes", from_=str(folder), find="goal match", top=9).document["found"]
    assert found[0]["file"] == "old/a.txt" and sorted(each["file"] for each in found) == files
    shown = luban("embed", "notes", "--from", folder, "--find", "goal match")
    assert shown.lines[0].split() == ["file", "similarity", "text"] and "old/a.txt" in shown.lines[1]
    assert "1 row is left out: no text" in shown.told
    written = pl.read_csv(io.BytesIO(luban("embed", "notes", "--from", folder).out))
    assert written["file"].to_list() == files and written.columns[:3] == ["row", "file", "v0"]


def test_a_file_without_a_text_is_listed(notes: Path) -> None:
    dataset = open_dataset(notes, documents=True)
    assert (dataset.rows, dataset.dropped, dataset.listed) == (3, {"no text": 1}, ((1, "none.txt: no text"),))


def test_texts_of_a_folder_are_labelled_by_their_file(folder: Path, notes: Path) -> None:
    answered = pl.read_csv(io.BytesIO(luban("predict", "--from", folder, "--labels", "goal,bank", "notes").out))
    assert answered.columns[:2] == ["file", "prediction"]
    assert answered["file"].to_list() == ["b.md", "old/2020/c.txt", "old/a.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--labels", "sport", "texts.csv"), "in the place of a bundle"),
        (("--from", "tiny", "texts.csv"), "in the place of a bundle"),
        (("--from", "tiny", "--labels", "sport", "texts.csv"), "one of two labels or more"),
        (("--from", "tiny", "--labels", "a,b,a", "texts.csv"), "'a' stands there twice"),
        (("--from", "tiny", "--labels", "a,b", "--text", "headlin", "texts.csv"), "Did you mean 'headline'"),
        (("--from", "tiny", "--labels", "a,b", "numbers.csv"), "no column holds texts"),
        (("--from", "tiny", "--labels", "a,b", "several.csv"), "several columns hold texts: one, two"),
        (("--from", "tiny", "--labels", "a", "no-such-folder"), "one of two labels or more"),
        (("a", "b", "c"), "3 places were named"),
        (("texts.csv",), "there is no bundle"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    pl.DataFrame({"n": [1.5, 2.5, 3.5]}).write_csv("numbers.csv")
    pl.DataFrame({"one": ["a goal", "a bank"], "two": ["the cup", "the trade"]}).write_csv("several.csv")
    done = luban("predict", *arguments)
    assert done.code == 2
    assert said in done.told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--find", "goal", "--out", "x.csv"), "--out: what a question finds is shown"),
        (("--find", "goal", "--format", "jsonl"), "--format: what a question finds is shown"),
        (("--top", "3", "--out", "x.csv"), "--top: it says how many rows a question shows"),
    ],
)
def test_what_would_change_nothing_is_refused(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = luban("embed", "texts.csv", "--from", folder, *arguments)
    assert done.code == 2 and said in done.told and not Path("x.csv").exists()


def test_a_description_follows_the_equals_sign() -> None:
    assert unlabelled.described(["a = b = c", " d "]) == {"a": "b = c", "d": "d"}
    with pytest.raises(UsageError, match="has no name"):
        unlabelled.described(["=b", "c"])


@pytest.fixture
def network(folder: Path, tmp_path: Path) -> Path:
    tiny.paint(tmp_path / "images", 12)
    return tiny.write_images(tmp_path / "network")


def test_images_have_vectors_of_length_one_and_an_image_is_nearest_to_itself(network: Path) -> None:
    document = luban("embed", "images", "--from", network, "--out", "it.parquet", "--json").document
    assert (document["rows"], document["width"]) == (12, 16)
    found = np.stack(pl.read_parquet("it.parquet")["vector"].to_list())
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(12), abs=1e-5)
    asked = "images/light/003.png"
    near = embed("images", from_=str(network), find=asked, top=4).document["found"]
    assert near[0]["text"].endswith(asked) and near[0]["similarity"] == pytest.approx(1.0, abs=1e-5)
    rows = np.argsort(-(found @ found[near[0]["row"]]), kind="stable")[:4]
    assert [line["row"] for line in near] == rows.tolist()
    assert {Path(line["text"]).parent.name for line in near} == {"light"}


def test_sounds_have_vectors_and_are_found_by_a_sound(folder: Path, tmp_path: Path) -> None:
    network = tiny.write_sounds(tmp_path / "listener")
    sounds = tiny.hum(tmp_path / "sounds", 8)
    document = luban("embed", "sounds", "--from", network, "--out", "it.parquet", "--json").document
    assert (document["rows"], document["width"]) == (8, 16)
    asked = str(sorted(sounds.rglob("*.wav"))[2])
    near = embed("sounds", from_=str(network), find=asked, top=2).document["found"]
    assert near[0]["text"] == asked and near[0]["similarity"] == pytest.approx(1, abs=1e-5)
    for option, reason in (
        (("embed", "sounds", "--from", network, "--find", "a bell"), "what is looked for among sounds is a sound"),
        (("predict", "--from", network, "--labels", "a,b", "sounds"), "reads sounds, and no descriptions of labels"),
        (("embed", "texts.csv", "--from", network, "--out", "x.csv"), "no column holds sounds"),
    ):
        done = luban(*option)
        assert done.code == 2 and reason in done.told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("embed", "images", "--from", "network", "--find", "a cat"), "what is looked for among images is an image"),
        (("embed", "texts.csv", "--from", "network", "--out", "x.csv"), "no column holds images"),
        (("predict", "--from", "network", "--labels", "a,b", "images"), "reads images, and no descriptions of labels"),
    ],
)
def test_what_does_not_go_with_images_is_named(network: Path, arguments: tuple[str, ...], said: str) -> None:
    done = luban(*arguments)
    assert done.code == 2
    assert said in done.told
