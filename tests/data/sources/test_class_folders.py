"""Class folders: of images, sounds and texts, with their split; what does not belong is counted and listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layouts import write_texts
from luban.core.errors import DataError
from luban.data.open import open_dataset


def _touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_texts_become_a_column_of_texts_with_their_split(tmp_path: Path) -> None:
    dataset = open_dataset(write_texts(tmp_path / "reviews"))
    assert dataset.split == "split"
    assert dataset.frame.collect().rows() == [
        ("Bad", "neg", "train"),
        ("Good.\nReally", "pos", "train"),
        ("Köln war schlecht", "neg", "test"),
        ("Fine", "pos", "test"),
    ]
    assert dataset.dropped == {"in a folder of files without a class": 1}
    assert "unsup" in dataset.listed[0][1]


def test_texts_in_other_encodings_are_read(tmp_path: Path) -> None:
    texts = {
        "chinese": ("房间很干净, 服务态度也很好。" * 3).encode("gb18030"),
        "western": "déjà vu, garçon".encode("cp1252"),
    }
    for label, data in texts.items():
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_bytes(data)
    found = dict(open_dataset(tmp_path).frame.select("label", "text").collect().rows())
    assert found["chinese"].startswith("房间很干净")
    assert found["western"] == "déjà vu, garçon"


def test_files_without_endings_are_texts_where_their_bytes_are(tmp_path: Path) -> None:
    for name, data in (("group/49960", b"From: a"), ("other/12", b"From: b")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert open_dataset(tmp_path).frame.collect()["text"].to_list() == ["From: a", "From: b"]
    (tmp_path / "group" / "49960").write_bytes(b"a\0b")
    assert open_dataset(tmp_path).frame.collect().columns == ["path", "label"]


def test_folders_of_the_split_are_kept(tmp_path: Path) -> None:
    folder = _touch(tmp_path, "train/cat/1.png", "train/dog/1.png", "val/cat/2.png", "test/dog/3.png")
    dataset = open_dataset(folder)
    assert dataset.frame.select("label", "split").collect().rows() == [
        ("cat", "train"), ("dog", "train"), ("cat", "validation"), ("dog", "test"),
    ]  # fmt: skip
    assert dataset.facts["split"] == "2 train, 1 validation, 1 test"
    assert [column.kind for column in dataset.schema.columns[:1]] == ["image"]


def test_a_split_folder_without_classes_is_left_out_and_told(tmp_path: Path) -> None:
    dataset = open_dataset(_touch(tmp_path, "train/cat/1.png", "val/cat/2.png", "test/9.png"))
    assert dataset.rows == 2
    assert dataset.dropped == {"test has no class folders": 1}


def test_one_part_alone_is_a_class_like_any_other(tmp_path: Path) -> None:
    dataset = open_dataset(_touch(tmp_path, "train/1.png", "plane/1.png"))
    assert dataset.split is None
    assert dataset.frame.collect()["label"].to_list() == ["plane", "train"]


def test_files_of_another_kind_are_left_out_and_listed(tmp_path: Path) -> None:
    dataset = open_dataset(_touch(tmp_path, "a/1.wav", "a/2.wav", "b/1.wav", "b/Thumbs.db", "b/.hidden"))
    assert dataset.rows == 3
    assert dataset.dropped == {"no sound": 1}
    assert "Thumbs.db" in dataset.listed[0][1]


def test_files_beside_the_class_folders_are_left_out_and_listed(tmp_path: Path) -> None:
    dataset = open_dataset(_touch(tmp_path, "a/1.txt", "b/2.md", "3.txt", "4.md", "LICENSE", "table.png"))
    assert dataset.rows == 2
    assert dataset.dropped == {"in no class folder": 2}
    assert [Path(reason).name for _, reason in dataset.listed] == [
        f"{n}: in no class folder" for n in ("3.txt", "4.md")
    ]


def test_paths_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path, "pets/cat/1.png", "pets/dog/1.png")
    monkeypatch.chdir(tmp_path)
    dataset = open_dataset("pets")
    monkeypatch.chdir("/")
    assert all(Path(path).exists() for path in dataset.frame.collect()["path"])


def test_a_folder_that_changed_is_read_anew_and_a_copy_has_its_own_paths(tmp_path: Path) -> None:
    write_texts(tmp_path / "one")
    first = open_dataset(tmp_path / "one")
    changed = tmp_path / "one" / "test" / "pos" / "0_8.txt"
    changed.write_text("Poor", encoding="utf-8")
    os.utime(changed, ns=(1, 1))
    second = open_dataset(tmp_path / "one")
    assert first.fingerprint != second.fingerprint
    assert second.frame.collect()["text"].to_list()[-1] == "Poor"
    for name in ("here", "there"):
        _touch(tmp_path / name, "cat/1.png", "dog/1.png")
        assert name in open_dataset(tmp_path / name).frame.collect()["path"][0]


def test_a_text_longer_than_any_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from luban.data.sources import class_folders

    monkeypatch.setattr(class_folders, "LONGEST", 3)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("four", encoding="utf-8")
    with pytest.raises(DataError, match="a text of 4 bytes") as raised:
        open_dataset(tmp_path)
    assert str(raised.value.where).endswith("1.txt")


def test_an_empty_folder_names_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data files, and no folders of files"):
        open_dataset(tmp_path)
