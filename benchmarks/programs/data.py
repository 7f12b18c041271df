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

SAMPLES = {
    "bbc": "bbc-news", "fashion": "fashion-mnist", "gunpoint": "gunpoint", "mnist": "mnist", "titanic": "titanic",
    "vowels": "japanese-vowels", "motions": "basic-motions", "german": "german-credit",
}  # fmt: skip
"""Data of a program -> the sample that it is a slice of."""
SEQUENCES = {
    "digits": (8, 8), "fashion": (14, 14), "gunpoint": (15, 10), "mnist": (14, 14), "vowels": (29, 12),
    "motions": (50, 6),
}  # fmt: skip
"""How a row is read as a sequence: steps, and values in each; other tables give one value after the other."""
IMAGES = {"digits": (8, 8), "fashion": (14, 14), "mnist": (14, 14)}
ONE_SCALE = ("fashion", "gunpoint", "mnist", "vowels", "motions")
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
    if data == "progression":
        values, target = datasets.load_diabetes(return_X_y=True)
        return values, np.digitize(target, np.quantile(target, (1 / 3, 2 / 3)))
    if data in ("fashion", "mnist"):
        return _pictures(data)
    if data in ("titanic", "german"):
        return _table(data, "survived" if data == "titanic" else "risk")
    if data in ("vowels", "motions"):
        steps, channels = SEQUENCES[data]
        name = "JapaneseVowels" if data == "vowels" else "BasicMotions"
        return _series(data, name, steps, channels, every=1 if data == "vowels" else 2)
    return {"bbc": _articles, "gunpoint": _movements}[data]()


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


def _pictures(data: str) -> Rows:
    """(PICTURES, 196) grey values of every second line and column, each the mean of four."""
    found = []
    for kind, head in (("images-idx3", 16), ("labels-idx1", 8)):
        content = gzip.decompress((_place(data) / f"t10k-{kind}-ubyte.gz").read_bytes())
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


def _table(data: str, target: str) -> Rows:
    """Columns of numbers as they are, and their mean where they are empty; of words, a column for each word.

    Columns of more than 20 words, such as names, are left out.
    """
    with _place(data).open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    columns: list[np.ndarray[Any, Any]] = []
    for name in listed[0]:
        told = [row[name] for row in listed]
        if name == target:
            continue
        if all(re.fullmatch(r"[0-9.]*", each) for each in told):
            numbers = np.array([float(each or "nan") for each in told])
            columns.append(np.where(np.isnan(numbers), np.nanmean(numbers), numbers))
        elif len(set(told)) <= 20:
            columns += [np.array([each == word for each in told], float) for word in sorted(set(told))]
    kinds = sorted({row[target] for row in listed})
    return np.stack(columns, axis=1), np.array([kinds.index(row[target]) for row in listed])


def _series(data: str, name: str, steps: int, channels: int, every: int) -> Rows:
    """(recordings, steps x channels) every so many steps; those behind the end of a recording are 0."""
    lines = []
    for part in ("TRAIN", "TEST"):
        text = (_place(data) / f"{name}_{part}.ts").read_text(encoding="utf-8")
        lines += text.partition("@data")[2].split()
    values = np.zeros((len(lines), steps, channels))
    for row, line in enumerate(lines):
        for at, channel in enumerate(line.split(":")[:-1]):
            series = [float(value) for value in channel.split(",")][::every][:steps]
            values[row, : len(series), at] = series
    kinds = sorted({line.rpartition(":")[2] for line in lines})
    return values.reshape(len(lines), -1), np.array([kinds.index(line.rpartition(":")[2]) for line in lines])
