"""The rows that programs learn from: tables that scikit-learn carries, and slices of samples of luban.

A slice is taken by a fixed rule. Samples that were never fetched are absent, and so are the programs that need them.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = {"bbc": "bbc-news", "fashion": "fashion-mnist", "gunpoint": "gunpoint"}
"""Data of a program -> the sample that it is a slice of."""
SEQUENCES = {"digits": (8, 8), "fashion": (14, 14), "gunpoint": (15, 10)}
"""How a row is read as a sequence: steps, and values in each; other tables give one value after the other."""
IMAGES = {"digits": (8, 8), "fashion": (14, 14)}
ONE_SCALE = ("fashion", "gunpoint")
"""Data whose columns are of one kind, and are scaled alike."""
WORDS = 24
VOCABULARY = 1000
ARTICLES = 1100
PICTURES = 1200

Rows = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def absent(data: str) -> str | None:
    """Why these rows are not here; None where they are."""
    import luban

    if data not in SAMPLES:
        return None
    try:
        luban.sample(SAMPLES[data])
    except luban.UsageError as reason:
        return str(reason).splitlines()[0]
    return None


@cache
def rows(data: str) -> Rows:
    """Values and targets, in the order in which the data lists them."""
    from sklearn import datasets

    load = {"digits": datasets.load_digits, "cancer": datasets.load_breast_cancer, "wine": datasets.load_wine,
            "iris": datasets.load_iris, "diabetes": datasets.load_diabetes}  # fmt: skip
    if data in load:
        values, target = load[data](return_X_y=True)
        return values.astype(np.float64), target
    return {"bbc": _articles, "fashion": _pictures, "gunpoint": _movements}[data]()


def _place(data: str) -> Path:
    import luban

    return luban.sample(SAMPLES[data]).path


def _articles() -> Rows:
    """(ARTICLES, WORDS) ids of the first words; 0 for words beyond the commonest ones and behind the end."""
    with _place("bbc").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    picked = listed[:: max(len(listed) // ARTICLES, 1)][:ARTICLES]
    words = [re.findall(r"[a-z]+", row["text"].lower())[:WORDS] for row in picked]
    common = Counter(word for each in words for word in each).most_common(VOCABULARY - 1)
    ids = {word: number + 1 for number, (word, _) in enumerate(common)}
    values = np.zeros((len(picked), WORDS))
    for row, each in enumerate(words):
        values[row, : len(each)] = [ids.get(word, 0) for word in each]
    topics = sorted({row["topic"] for row in picked})
    return values, np.array([topics.index(row["topic"]) for row in picked])


def _pictures() -> Rows:
    """(PICTURES, 196) grey values of every second line and column, each the mean of four."""
    found = []
    for kind, head in (("images-idx3", 16), ("labels-idx1", 8)):
        content = gzip.decompress((_place("fashion") / f"t10k-{kind}-ubyte.gz").read_bytes())
        found.append(np.frombuffer(content, np.uint8, offset=head))
    pictures = found[0].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    return pictures[:PICTURES].astype(np.float64), found[1][:PICTURES].astype(np.int64)


def _movements() -> Rows:
    """(200, 150) where a hand was, and whether it drew a gun."""
    values, target = [], []
    for part in ("TRAIN", "TEST"):
        text = (_place("gunpoint") / f"GunPoint_{part}.ts").read_text(encoding="utf-8")
        for line in text.partition("@data")[2].split():
            series, _, label = line.partition(":")
            values.append([float(value) for value in series.split(",")])
            target.append(int(label) - 1)
    return np.array(values), np.array(target)
