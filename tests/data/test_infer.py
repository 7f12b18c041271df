"""Inference: each data type is told from what it looks like, ordinary columns are not taken for identifiers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.core.errors import UsageError
from luban.data import counting, infer
from luban.data.open import open_dataset

RANDOM = np.random.default_rng(0)
ROWS = 60


def _kind(values: object, name: str = "x") -> str:
    column = open_dataset({name: values}).schema.columns[0]
    assert column.reason
    return column.kind


CASES: dict[str, tuple[str, object]] = {
    "decimals": ("number", RANDOM.normal(size=ROWS)),
    "few whole numbers": ("number", RANDOM.integers(0, 3, ROWS)),
    "zero and one": ("number", RANDOM.integers(0, 2, ROWS)),
    "spread whole numbers that all differ": ("number", RANDOM.permutation(10**6)[:ROWS]),
    "rows counted from 0": ("identifier", np.arange(ROWS)),
    "rows counted, shuffled": ("identifier", RANDOM.permutation(ROWS) + 1000),
    "rows counted as decimals are amounts": ("number", np.arange(ROWS) * 1.5),
    "one value": ("constant", ["a"] * ROWS),
    "no value": ("constant", [None] * ROWS),
    "one value and missing ones": ("category", ["a", None] * 30),
    "truth": ("boolean", [True, False] * 30),
    "yes and no": ("boolean", ["yes", "no", None] * 20),
    "few texts": ("category", ["Ulm", "Bonn", "New York"] * 20),
    "texts that never repeat": ("identifier", [f"a{i}" for i in range(ROWS)]),
    "few rows say nothing": ("category", ["a", "b", "c"]),
    "sentences": ("text", [f"the number {i} stands in this sentence" for i in range(ROWS)]),
    "sentences that repeat": ("category", ["one of two long answers", "the other of two long answers"] * 30),
    "Chinese sentences": ("text", [f"这是第{i}个关于天气的句子，今天的天气非常好" for i in range(ROWS)]),
    "Chinese names": ("category", ["北京", "上海", "广州"] * 20),
    "dates": ("datetime", [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(ROWS)]),
    "dates as text": ("datetime", [f"{i % 28 + 1:02}.03.2024" for i in range(ROWS)]),
    "times as text": ("datetime", [f"2024-03-01 10:{i:02}:00" for i in range(ROWS)]),
    "pictures": ("image", [f"pets/{i}.JPG" for i in range(ROWS)]),
    "sounds": ("audio", [f"calls/{i}.wav" for i in range(ROWS)]),
    "lists": ("series", [[1.0, 2.0, float(i)] for i in range(ROWS)]),
    "lists as text": ("series", [f"[1, 2.5, -3, {i}]" for i in range(ROWS)]),
    "labels": ("category", [["a", "b"], ["a"]] * 30),
    "telephone numbers are no dates": ("category", ["555-1234", "555-9876"] * 30),
    "words are no numbers": ("category", ["inf", "one", "two"] * 20),
}


@pytest.mark.parametrize("case", CASES)
def test_the_data_type_of(case: str) -> None:
    kind, values = CASES[case]
    assert _kind(values) == kind


def test_names_decide_only_where_values_do_not() -> None:
    differ = RANDOM.permutation(10**6)[:ROWS]
    assert _kind(differ, "customer_id") == "identifier"
    assert _kind(differ, "income") == "number"
    assert _kind(RANDOM.integers(0, 4, ROWS), "store_id") == "category"
    assert _kind(RANDOM.integers(0, 4, ROWS), "humid") == "number"
    # A year that counts up is a time, not the number of the row.
    assert _kind(np.arange(1960, 1960 + ROWS), "year") == "number"


def test_missing_and_distinct_are_counted_over_all_rows() -> None:
    columns = open_dataset({"a": [1, None, 2, 2], "b": ["x", "y", None, None]}).schema.columns
    assert [(column.missing, column.distinct) for column in columns] == [(0.25, 2), (0.5, 2)]


def test_estimates_above_the_exact_limit_agree_with_exact_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pl.LazyFrame(
        {"row": np.arange(5000), "few": RANDOM.integers(0, 9, 5000), "text": [f"k{i}" for i in range(5000)]}
    )
    exact = infer.infer(table, 5000)
    monkeypatch.setattr(counting, "EXACT", 100)
    rough = infer.infer(table, 5000)
    assert [column.kind for column in rough.columns] == [column.kind for column in exact.columns]
    for one, other in zip(rough.columns, exact.columns, strict=True):
        assert one.distinct == pytest.approx(other.distinct, rel=0.2)


def test_the_asked_data_type_counts() -> None:
    dataset = open_dataset({"a": [1, 2, 3]}, columns={"a": "category"})
    assert (dataset.schema["a"].kind, dataset.schema["a"].reason) == ("category", "as asked")
    with pytest.raises(UsageError, match=r"no data type is called 'nmber'\. Did you mean 'number'\?"):
        open_dataset({"a": [1]}, columns={"a": "nmber"})


def test_texts_that_are_no_dates_are_remembered() -> None:
    column = open_dataset({"when": [f"2024-01-{i % 28 + 1:02}" for i in range(60)] + ["unknown"]}).schema["when"]
    assert (column.kind, column.missing_words) == ("datetime", ("unknown",))


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [(["none"] * 50 + ["bank", "shop"] * 5, "category", 0), (["none"] * 50 + ["1", "2"] * 5, "number", 50 / ROWS)],
)
def test_none_is_a_missing_number_only_beside_numbers(
    values: list[str], kind: str, missing: float, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    pl.DataFrame({"x": values, "y": range(ROWS)}).write_csv(path)
    column = open_dataset(path).schema["x"]
    assert (column.kind, column.missing) == (kind, pytest.approx(missing))
