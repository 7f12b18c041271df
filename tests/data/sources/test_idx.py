"""idx files: what is written comes back; what is damaged is named; memory holds a slice."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from layouts import IMAGES, LABELS, idx, write_idx
from luban.core.errors import DataError
from luban.data.open import open_dataset
from luban.data.sources import idx as source


def test_both_pairs_of_a_folder_are_one_table_that_came_split(tmp_path: Path) -> None:
    dataset = open_dataset(write_idx(tmp_path / "digits"))
    table = dataset.frame.collect()
    assert (dataset.name, dataset.rows, dataset.split) == ("digits", 6, "split")
    assert table.schema["image"] == pl.Array(pl.UInt8, (2, 3))
    assert np.array_equal(table["image"].to_numpy(), IMAGES)
    assert table["label"].to_list() == [str(label) for label in LABELS]
    assert table["split"].to_list() == ["train"] * 4 + ["test"] * 2


def test_compressed_files_give_the_same_rows(tmp_path: Path) -> None:
    write_idx(tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    for file in (tmp_path / "plain").iterdir():
        (tmp_path / "packed" / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
    plain, packed = (open_dataset(tmp_path / name).frame.collect() for name in ("plain", "packed"))
    assert plain.equals(packed)


def test_one_pair_has_no_split_and_one_file_brings_its_labels(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    dataset = open_dataset(folder / "t10k-images-idx3-ubyte")
    assert dataset.split is None
    assert dataset.frame.collect()["label"].to_list() == ["1", "2"]
    for file in folder.glob("train*"):
        file.unlink()
    assert open_dataset(folder).frame.collect().columns == ["image", "label"]


def test_images_without_labels_can_be_read(tmp_path: Path) -> None:
    place = tmp_path / "new-images-idx3-ubyte"
    place.write_bytes(idx(IMAGES))
    dataset = open_dataset(place)
    assert dataset.frame.collect().columns == ["image"]
    assert "none" in dataset.facts["labels"]


def test_colour_images_keep_their_channels(tmp_path: Path) -> None:
    colours = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    place = tmp_path / "new-images-idx4-ubyte"
    place.write_bytes(idx(colours))
    assert np.array_equal(open_dataset(place).frame.collect()["image"].to_numpy(), colours)


def test_the_names_of_emnist_are_known(tmp_path: Path) -> None:
    for part, rows in (("train", slice(0, 4)), ("test", slice(4, 6))):
        (tmp_path / f"emnist-letters-{part}-images-idx3-ubyte").write_bytes(idx(IMAGES[rows]))
        (tmp_path / f"emnist-letters-{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[rows]))
    assert open_dataset(tmp_path).frame.collect()["split"].to_list() == ["train"] * 4 + ["test"] * 2


def test_slices_of_any_size_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_idx(tmp_path / "digits")
    whole = open_dataset(folder).frame.collect()
    for size in (1, 12, 100):
        monkeypatch.setattr(source, "SLICE", size)
        into = tmp_path / f"{size}.parquet"
        assert source.source.read(folder, {}, into).frame.collect().equals(whole)


def _damaged(tmp_path: Path, name: str, data: bytes) -> DataError:
    folder = write_idx(tmp_path / "digits")
    (folder / name).write_bytes(data)
    with pytest.raises(DataError) as raised:
        open_dataset(folder)
    assert name in str(raised.value.where)
    return raised.value


IMAGE_FILE, LABEL_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def test_another_magic_number_is_told(tmp_path: Path) -> None:
    assert "it starts with 50 4b 03 04" in _damaged(tmp_path, IMAGE_FILE, b"PK\3\4" + bytes(100)).message


def test_values_that_are_no_bytes_are_told(tmp_path: Path) -> None:
    data = bytearray(idx(IMAGES[:4]))
    data[2] = 13
    assert "of the type float" in _damaged(tmp_path, IMAGE_FILE, bytes(data)).message


def test_a_header_larger_than_the_file_is_told_before_anything_is_read(tmp_path: Path) -> None:
    data = bytes([0, 0, 8, 3]) + (4_000_000_000).to_bytes(4, "big") + idx(IMAGES[:4])[8:]
    (tmp_path / "train-labels-idx1-ubyte").unlink(missing_ok=True)
    place = tmp_path / "x-images-idx3-ubyte"
    place.write_bytes(data)
    with pytest.raises(DataError, match=r"it has 40 bytes, and its header says 24,000,000,016 \(4,000,000,000 rows\)"):
        open_dataset(place)


def test_an_image_larger_than_any_is_told(tmp_path: Path) -> None:
    data = bytes([0, 0, 8, 3]) + b"\xff\xff\xff\xff" * 3
    assert "4294967295 x 4294967295 x 4294967295" in _damaged(tmp_path, IMAGE_FILE, data).message


def test_a_compressed_header_larger_than_the_file_is_told_by_its_row(tmp_path: Path) -> None:
    place = tmp_path / "x-images-idx3-ubyte.gz"
    data = bytearray(idx(IMAGES))
    data[4:8] = (1_000_000_000).to_bytes(4, "big")
    place.write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(DataError, match="it ends after row 6, and its header says that there are 1,000,000,000"):
        open_dataset(place)


def test_a_compressed_file_that_was_cut_is_told(tmp_path: Path) -> None:
    place = tmp_path / "x-images-idx3-ubyte.gz"
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    packed = gzip.compress(idx(noise))
    for length in (len(packed) - 5, len(packed) // 2, 12):
        place.write_bytes(packed[:length])
        with pytest.raises(DataError) as raised:
            open_dataset(place).frame.collect()
        assert "x-images-idx3-ubyte.gz" in str(raised.value.where)


def test_bytes_after_the_last_row_are_told(tmp_path: Path) -> None:
    assert "goes on after the 4 rows" in _damaged(tmp_path, IMAGE_FILE, idx(IMAGES[:4]) + b"x").message


def test_fewer_labels_than_images_are_told(tmp_path: Path) -> None:
    error = _damaged(tmp_path, LABEL_FILE, idx(LABELS[:3]))
    assert error.message == "it holds 3 labels, and train-images-idx3-ubyte holds 4 images."


def test_labels_alone_and_files_of_several_sets_name_the_cure(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    with pytest.raises(DataError, match="labels without images") as raised:
        open_dataset(folder / "train-labels-idx1-ubyte")
    assert str(folder) in str(raised.value.fix)
    (folder / "emnist-letters-train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(DataError, match="several sets"):
        open_dataset(folder)


def test_images_of_two_sizes_are_told(tmp_path: Path) -> None:
    folder = write_idx(tmp_path / "digits")
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((2, 3, 3), dtype=np.uint8)))
    with pytest.raises(DataError, match="its images are 3 x 3, and those of train-images-idx3-ubyte are 2 x 3"):
        open_dataset(folder)
