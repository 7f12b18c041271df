"""Tiny data sets in the layouts that people have on disk, with values that tests know."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import polars as pl

TAGGED = pl.DataFrame({"words": ["Ulm is old", "Bonn"], "tags": ["B-LOC O O", "B-LOC"]})
"""Two sentences."""
IMAGES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3)
"""Six images of 2 by 3."""
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)
TS = """# about it
@problemName Tiny
@timeStamps false
@univariate {univariate}
@classLabel true up down
@data
"""


def idx(values: np.ndarray) -> bytes:
    """An array of bytes as an idx file."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_idx(folder: Path, *, train: int = 4) -> Path:
    """Both pairs of files: the first images train, the others test."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", slice(None, train)), ("t10k", slice(train, None))):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(IMAGES[rows]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[rows]))
    return folder


def cifar_row(label: int, red: int, green: int, blue: int, *, before: bytes = b"") -> bytes:
    """A row of one colour."""
    return before + bytes([label]) + bytes([red]) * 1024 + bytes([green]) * 1024 + bytes([blue]) * 1024


def write_cifar(folder: Path) -> Path:
    """CIFAR-10 with three training rows and one test row."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data_batch_1.bin").write_bytes(cifar_row(0, 1, 2, 3) + cifar_row(9, 4, 5, 6))
    (folder / "data_batch_2.bin").write_bytes(cifar_row(5, 7, 8, 9))
    (folder / "test_batch.bin").write_bytes(cifar_row(3, 10, 11, 12))
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (folder / "batches.meta.txt").write_text("\n".join(names) + "\n\n", encoding="utf-8")
    return folder


def write_conll(table: pl.DataFrame, place: Path) -> None:
    """A word and its tag a line, and an empty line behind each sentence."""
    sentences = ("\n".join(f"{w} {t}" for w, t in zip(*map(str.split, row), strict=True)) for row in table.rows())
    place.write_text("\n\n".join(sentences) + "\n", encoding="utf-8")


def write_ts(folder: Path) -> Path:
    """Series of one channel and unequal lengths, with a value that is not known."""
    folder.mkdir(parents=True, exist_ok=True)
    header = TS.format(univariate="true")
    (folder / "Tiny_TRAIN.ts").write_text(f"{header}1,2,3:up\n3,?:down\n", encoding="utf-8")
    (folder / "Tiny_TEST.ts").write_text(f"{header}-0.5,1e1,2.5:up\n", encoding="utf-8")
    return folder


def write_texts(folder: Path) -> Path:
    """Reviews as aclImdb has them: split, with texts that have no class, and files beside them."""
    for part, label, name, text in (
        ("train", "pos", "0_9", "Good.\nReally"),
        ("train", "neg", "1_2", "Bad"),
        ("train", "unsup", "2_0", "Who knows"),
        ("test", "pos", "0_8", "Fine"),
        ("test", "neg", "1_1", "Köln war schlecht"),
    ):
        (folder / part / label).mkdir(parents=True, exist_ok=True)
        (folder / part / label / f"{name}.txt").write_text(text, encoding="utf-8")
    (folder / "train" / "urls_pos.txt").write_text("https://example.org", encoding="utf-8")
    (folder / "README").write_text("About it", encoding="utf-8")
    return folder


def write_documents(folder: Path) -> Path:
    """Three documents, of which one is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("a.txt", "Ulm is old.\n\nVery."), ("b.txt", " \n"), ("c.md", "Köln")):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_media(folder: Path) -> Path:
    """Two files that are called like images, and a note beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("a.png", "b.jpg", "notes.txt"):
        (folder / name).write_bytes(b"x")
    return folder
