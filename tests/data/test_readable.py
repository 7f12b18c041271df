"""Rows that cannot be read: few are left out and listed, many stop a run, and one that asks for an answer is named."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image

import luban
from luban.core.errors import DataError
from luban.data import check, readable
from luban.data.open import open_dataset
from luban.data.readable import Unreadable
from luban.recipe.recipe import Features, Recipe
from luban.schema.schema import Column, Schema
from luban.verbs.preparing import Prepared, prepare
from luban.verbs.stacking import Given

RANDOM = np.random.default_rng(0)
ROWS = 300


def png(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), shade, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def wav(loudness: float) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, RANDOM.normal(0, loudness, 1_600), 8_000, format="WAV")
    return stream.getvalue()


LABELS = ["dark" if i % 2 else "bright" for i in range(ROWS)]
IMAGES = [png(40 + i % 20 if i % 2 else 180 + i % 20) for i in range(ROWS)]
COLUMN = Column("x", "image", "input", "", "Binary")


def with_damage(*rows: int) -> pl.DataFrame:
    values: list[bytes | None] = list(IMAGES)
    for row in rows:
        values[row] = IMAGES[row][:-28]
    return pl.DataFrame({"x": values, "y": LABELS})


def prepared(frame: pl.DataFrame, **features: object) -> Prepared:
    return prepare(open_dataset(frame), Given(), Recipe(target="y", features=Features(**features)))


def test_few_rows_are_left_out_of_both_sides_counted_and_listed() -> None:
    bad = (5, 17, 205)
    ready = prepared(with_damage(*bad))
    used = set(ready.division.train) | set(ready.division.test)
    assert used == set(range(ROWS)) - set(bad)
    assert ready.dropped == {"cannot be read in the column 'x'": 3}
    assert [row for row, _ in ready.division.listed] == [5, 17, 205]
    assert all("column 'x': the image is damaged" in why for _, why in ready.division.listed)


def test_many_rows_stop_the_run_and_say_how_to_go_on() -> None:
    with pytest.raises(DataError) as refused:
        prepared(with_damage(5, 17, 205, 206))
    assert "the image is damaged" in refused.value.message
    assert "4 of 300 rows cannot be read" in refused.value.message and "1%" in refused.value.message
    assert refused.value.where == "the data, column 'x', row 5"
    assert refused.value.fix is not None
    assert "--set features.unreadable=drop" in refused.value.fix and "--set drop=x" in refused.value.fix


def test_many_rows_are_left_out_where_the_recipe_says_so() -> None:
    ready = prepared(with_damage(*range(0, 100, 3)), unreadable="drop")
    assert ready.dropped == {"cannot be read in the column 'x'": 34}
    assert len(ready.division.train) + len(ready.division.test) == ROWS - 34


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(b"" if number == 7 else png(number))
    frame = pl.DataFrame({"x": [str(tmp_path / f"{number}.png") for number in range(20)], "y": ["a", "b"] * 10})
    with pytest.raises(DataError) as refused:
        prepared(frame)
    assert refused.value.message.startswith(f"{tmp_path}/7.png: the file is empty")
    assert refused.value.where == "the data, column 'x', row 7"
    assert f"{tmp_path}/7.png: the file is empty" in prepared(frame, unreadable="drop").division.listed[0][1]
    missing = frame.with_columns(pl.col("x").str.replace("7.png", "none.png", literal=True))
    with pytest.raises(DataError) as refused:
        prepared(missing)
    assert refused.value.message.count("none.png") == 1


def test_what_the_fix_says_is_possible() -> None:
    frame = with_damage(*range(9)).with_columns(pl.Series("z", RANDOM.normal(size=ROWS)))
    ready = prepare(open_dataset(frame), Given(), Recipe(target="y", drop=("x",)))
    assert ready.dropped == {} and ready.preprocessor.columns == ("z",)


def test_missing_values_are_no_fault() -> None:
    frame = with_damage().with_columns(
        x=pl.when(pl.int_range(ROWS) % 3 == 0).then(None).otherwise(pl.col("x")), z=pl.int_range(ROWS) % 7
    )
    assert prepared(frame).dropped == {}


def test_the_scan_goes_on_over_slices_and_names_the_rows_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readable, "_AT_ONCE", 7)
    found = readable.scan(with_damage(3, 250).lazy(), [COLUMN], Features())
    assert [each.row for each in found] == [3, 250]


def test_channels_are_compared_with_those_of_the_first_rows() -> None:
    frame = pl.LazyFrame({"s": [[[1.0, 2.0]]] * 70 + [[[1.0]], [[1.0, 2.0], [3.0]]]})
    found = readable.scan(frame, [Column("s", "series", "input", "", "List(List(Float64))")], Features())
    assert [(each.row, each.reason.split(" and ")[0].rstrip(",")) for each in found] == [
        (70, "step 1 has 1 number"),
        (71, "step 2 has 1 number"),
    ]


def test_of_several_columns_a_row_counts_once() -> None:
    frame = pl.LazyFrame({"x": [png(1), b"?"], "s": ["1 2", "one"]})
    columns = [COLUMN, Column("s", "series", "input", "", "String"), Column("n", "number", "input", "", "Int64")]
    assert readable.scan(frame, columns, Features()) == (Unreadable(1, "x", readable_reason(b"?")),)


def readable_reason(value: bytes) -> str:
    from luban.features.image import feature

    reason = feature.problems(pl.Series([value]))[0]
    assert reason is not None
    return reason


def test_plain_tables_are_not_read_for_it() -> None:
    unread = pl.LazyFrame({"n": [1]}).map_batches(lambda frame: 1 / 0)
    assert readable.scan(unread, [Column("n", "number", "input", "", "Int64")], Features()) == ()


def test_bytes_may_come_where_paths_came_before() -> None:
    schema = Schema((Column("x", "image", "input", "", "String"),))
    rows = pl.DataFrame({"x": [png(3)]})
    assert check.conform(rows, schema, where="x")["x"].to_list() == [png(3)]


@pytest.mark.slow
def test_a_row_that_asks_for_an_answer_is_named_with_its_reason(tmp_path) -> None:  # type: ignore[no-untyped-def]
    frame = with_damage().head(60)
    bundle = luban.fit(frame, "y", model="linear", out=tmp_path / "b.luban", repair="off")
    assert bundle.predict(frame.head(4)).to_list() == LABELS[:4]
    asked = pl.DataFrame({"x": [png(50), b"", None]})
    with pytest.raises(DataError) as refused:
        bundle.predict(asked)
    assert refused.value.message == "the file is empty."
    assert refused.value.where is not None and refused.value.where.endswith("column 'x', row 1")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pl.Series("x", IMAGES), "image"),
        (pl.Series("x", [wav(0.1) for _ in range(60)]), "audio"),
        (pl.Series("x", [b"plain bytes %d" % i for i in range(60)]), "identifier"),
        (pl.Series("x", IMAGES[:40] + [b"?"] * 20), "identifier"),
        (pl.Series("x", RANDOM.integers(0, 256, (60, 5, 5), dtype=np.uint8)), "image"),
        (pl.Series("x", RANDOM.integers(0, 256, (60, 5, 5, 3), dtype=np.uint8)), "image"),
        (pl.Series("x", RANDOM.integers(0, 256, (60, 5, 5, 7), dtype=np.uint8)), "identifier"),
        (pl.Series("x", RANDOM.integers(0, 256, (60, 5), dtype=np.uint8)), "series"),
        (pl.Series("x", RANDOM.normal(size=(60, 5, 2))), "series"),
        (pl.Series("x", [[[1.0, 2.0], [3.0, float(i)]] for i in range(60)]), "series"),
        (pl.Series("x", [[["a"]]] * 60), "category"),
    ],
)
def test_images_sounds_and_series_are_told_from_how_they_are_stored(values: pl.Series, kind: str) -> None:
    column = open_dataset(pl.DataFrame([values])).schema["x"]
    assert column.kind == kind and column.reason
