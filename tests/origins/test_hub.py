"""Models of the hub: found in the layout of its cache, refused without being asked for, and told by their commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import luban
from luban.core.errors import ResourceError, UsageError
from luban.data import cache
from luban.origins import hub, licences, naming
from luban.verbs.embed import embed
from luban.verbs.predict import predict
from origins import tiny
from verbs.program import luban as program

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def fetched(name: str = "org/some-bert") -> Path:
    """What the hub's library leaves in its cache: the files by their hash, and the commit with links to them."""
    place = cache.folder(hub.FOLDER) / f"models--{name.replace('/', '--')}"
    for part in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (place / part).mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    written = tiny.write(Path("written"))
    for number, file in enumerate(sorted(file for file in written.iterdir() if file.is_file())):
        shutil.copy(file, place / "blobs" / f"{number}")
        (place / "snapshots" / COMMIT / file.name).symlink_to(Path("..", "..", "blobs", f"{number}"))
    shutil.rmtree(written)
    return place / "snapshots" / COMMIT


@pytest.mark.parametrize("name", ["org/some-bert", "org/some-bert@main", f"org/some-bert@{COMMIT}"])
def test_what_was_fetched_before_is_found_without_a_connection(name: str) -> None:
    place = fetched()
    origin = naming.find(name)
    assert origin.path == place.resolve()
    assert hub.told(origin.path) == {"name": "org/some-bert", "revision": COMMIT}
    assert naming.find(origin.content).path == origin.path


def test_no_connection_is_opened_unless_it_is_asked_for() -> None:
    with pytest.raises(UsageError, match="opens no connection by itself") as refused:
        naming.find("org/some-bert")
    assert refused.value.fix == "--from org/some-bert --online"
    with pytest.raises(ResourceError, match="the hub cannot be reached"):
        naming.find("org/some-bert", online=True)


def test_neither_pickles_nor_code_are_fetched() -> None:
    from fnmatch import fnmatch

    for name in ("pytorch_model.bin", "modeling_x.py", "tf_model.h5", "openvino/model.safetensors", "x/config.json"):
        assert not any(fnmatch(name, pattern) for pattern in hub.FILES), name


def test_a_place_is_no_name_of_the_hub() -> None:
    for name in ("minilm", "./org/some-bert", "/tmp/some-bert", "a/b/c", "sample:minilm", "org/", "sha256:abc"):
        assert not hub.is_name(name), name


def test_a_folder_that_is_here_stands_before_the_hub() -> None:
    fetched()
    mine = tiny.write(Path("org/some-bert"), seed=1)
    assert naming.find("org/some-bert").path == mine.resolve()


@pytest.mark.slow
def test_licence_and_commit_are_told_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    fetched()
    pl.DataFrame(tiny.texts(60)).write_csv("texts.csv")
    done = program(
        "fit", "texts.csv", "--target", "topic", "--from", "org/some-bert", "--model", "pretrained-features",
        "--no-repair", "--folds", "2", "--out", "it.luban",
    )  # fmt: skip
    assert done.code == 0, done.told
    assert "The licence of the pretrained model is cc-by-nc-4.0: it forbids commercial use." in done.told
    kept = luban.load("it.luban").stored.evidence["origin"]
    assert (kept["name"], kept["revision"], kept["licence"]) == ("org/some-bert", COMMIT, "cc-by-nc-4.0")
    assert kept["restricts"] == ["it forbids commercial use"]
    card = Path("it.luban/README.md").read_text()
    assert "cc-by-nc-4.0: it forbids commercial use" in card.split("## Limits")[1]
    plain = luban.fit("texts.csv", "topic", model="linear", out="plain.luban", threads=1, repair="off")
    assert "origin" not in plain.stored.evidence


def test_a_licence_is_told_wherever_a_model_answers() -> None:
    folder = str(tiny.write(Path("tiny")))
    pl.DataFrame(tiny.texts(4)).write_csv("texts.csv")
    for asked in (("predict", "--labels", "goal,bank", "--text", "headline"), ("embed", "--text", "headline")):
        done = program(*asked, "--from", folder, "texts.csv")
        assert done.code == 0 and "cc-by-nc-4.0: it forbids commercial use" in done.told
    (Path("tiny") / "README.md").write_text("---\nlicense: mit\n---\n")
    assert "licence" not in program("embed", "--text", "headline", "--from", folder, "texts.csv").told
    (Path("tiny") / "README.md").unlink()
    assert "does not say its licence" in program("embed", "--text", "headline", "--from", folder, "texts.csv").told


@pytest.mark.parametrize(
    ("licence", "means"),
    [("cc-by-nc-nd-4.0", 2), ("openrail", 1), ("llama3.1", 1), ("agpl-3.0", 1), ("Apache-2.0", 0), ("other", 0)],
)
def test_what_a_licence_asks_is_read_from_its_name(licence: str, means: int) -> None:
    assert len(licences.restricts(licence)) == means
    assert (licences.told(licence) is None) == (licence == "Apache-2.0")


def test_a_tokenizer_that_knows_nothing_of_the_texts_is_refused(tmp_path: Path) -> None:
    folder = tiny.write(Path("tiny"))
    texts = [f"{chr(0x4E00 + row)}天气很好，今天{chr(0x5E00 + row)}下雨了" for row in range(80)]
    rows = pl.DataFrame({"text": texts, "kind": ["a", "b"] * 40})
    for ask in (
        lambda: luban.fit(rows, "kind", from_=str(folder), out="it.luban", threads=1, column={"text": "text"}),
        lambda: predict(None, rows, from_=str(folder), labels=["goal", "bank"], text="text"),
        lambda: embed(rows, from_=str(folder), text="text", out="it.parquet"),
    ):
        with pytest.raises(UsageError, match=r"the tokenizer knows 0 of the [\d,]+ tokens of the texts in 'text'"):
            ask()


def test_labels_that_are_none_are_refused() -> None:
    folder = tiny.write(Path("tiny"))
    with pytest.raises(UsageError, match="a label has no name"):
        predict(None, pl.DataFrame(tiny.texts(4)), from_=str(folder), labels=["=x", "b"], text="headline")
