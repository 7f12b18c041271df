"""CIFAR in its binary version: planes become pixels, numbers become names; pickles are refused with the cure."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from layouts import cifar_row, write_cifar
from luban.core.errors import DataError
from luban.data.open import open_dataset


def test_batches_become_images_with_named_classes_and_their_split(tmp_path: Path) -> None:
    dataset = open_dataset(write_cifar(tmp_path / "cifar"))
    table = dataset.frame.collect()
    assert table.schema["image"] == pl.Array(pl.UInt8, (32, 32, 3))
    assert table["image"].to_numpy()[:, 31, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]
    assert table["label"].to_list() == ["airplane", "truck", "dog", "cat"]
    assert table["split"].to_list() == ["train", "train", "train", "test"]
    assert dataset.split == "split"


def test_pixels_stand_where_they_stood(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    (tmp_path / "data_batch_1.bin").write_bytes(b"\4" + planes.tobytes())
    image = open_dataset(tmp_path / "data_batch_1.bin").frame.collect()["image"].to_numpy()[0]
    for colour, row, column in ((0, 0, 1), (1, 5, 7), (2, 31, 30)):
        assert image[row, column, colour] == planes[colour, row, column]


def test_without_the_list_of_names_labels_are_numbers(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "cifar")
    (folder / "batches.meta.txt").unlink()
    assert open_dataset(folder).frame.collect()["label"].to_list() == ["0", "9", "5", "3"]


def test_of_the_two_labels_of_cifar_100_the_fine_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "train.bin").write_bytes(cifar_row(99, 1, 2, 3, before=b"\x13"))
    (tmp_path / "test.bin").write_bytes(cifar_row(7, 1, 2, 3, before=b"\x02"))
    dataset = open_dataset(tmp_path)
    assert dataset.frame.collect().select("label", "split").rows() == [("99", "train"), ("7", "test")]
    assert "fine" in dataset.facts["label"]


def test_a_cut_batch_is_told_with_the_row(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "cifar")
    whole = (folder / "data_batch_1.bin").read_bytes()
    (folder / "data_batch_1.bin").write_bytes(whole[:-100])
    with pytest.raises(DataError, match="after 1 rows 2,973 bytes are left") as raised:
        open_dataset(folder)
    assert "data_batch_1.bin" in str(raised.value.where)


def test_a_label_that_there_is_not_is_told_with_the_row(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "cifar")
    (folder / "data_batch_2.bin").write_bytes(cifar_row(1, 0, 0, 0) + cifar_row(10, 0, 0, 0))
    with pytest.raises(DataError, match="row 1 has the label 10"):
        open_dataset(folder)


def test_a_list_of_names_that_does_not_fit_is_told(tmp_path: Path) -> None:
    folder = write_cifar(tmp_path / "cifar")
    (folder / "batches.meta.txt").write_text("cat\ndog\n", encoding="utf-8")
    with pytest.raises(DataError, match="it lists 2 classes, and CIFAR-10 binary has 10"):
        open_dataset(folder)


class _Trap:
    """Whoever opens a pickle of it leaves a trace."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (Path(".opened"), "x")


@pytest.mark.parametrize("names", [("data_batch_1", "test_batch", "batches.meta"), ("train", "test", "meta")])
def test_pickles_are_refused_unopened_and_the_cure_is_named(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "python"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(pickle.dumps(_Trap()))
    for place in (folder, *([folder / "data_batch_1"] if "data_batch_1" in names else [])):
        with pytest.raises(DataError, match="can run any code") as raised:
            open_dataset(place)
        assert "binary version" in str(raised.value.fix)
    assert not (tmp_path / ".opened").exists()


def test_the_trap_snaps_where_a_pickle_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(_Trap()))
    assert (tmp_path / ".opened").exists()
