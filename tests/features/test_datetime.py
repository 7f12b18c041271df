"""Dates and times: how they are written, what they become, and what a missing one becomes."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from luban.features.datetime import FORMATS, feature, parse, reading
from luban.recipe.recipe import Features

MOMENT = datetime(2024, 12, 31, 14, 5)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2024-12-31", "2025-01-01"], date(2024, 12, 31)),
        (["31/12/2024", "01/01/2025"], date(2024, 12, 31)),
        (["12/31/2024", "01/01/2025"], date(2024, 12, 31)),
        (["31.12.2024", "01.01.2025"], date(2024, 12, 31)),
        (["31-Dec-2024", "01-Jan-2025"], date(2024, 12, 31)),
        (["Dec 31, 2024", "Jan 1, 2025"], date(2024, 12, 31)),
        (["2024年12月31日", "2025年01月01日"], date(2024, 12, 31)),
        (["20241231", "20250101"], date(2024, 12, 31)),
        (["2024-12-31 14:05", "2025-01-01 00:00"], MOMENT),
        (["2024-12-31T14:05:00", "2025-01-01T00:00:00"], MOMENT),
        (["12/31/2024 02:05 PM", "01/01/2025 12:00 AM"], MOMENT),
        (["2024-12-31T14:05:00Z", "2025-01-01T00:00:00Z"], MOMENT),
    ],
)
def test_dates_are_read_in_the_order_in_which_they_are_written(texts, expected):
    values = pl.Series(texts)
    first = parse(values, reading(values))[0]
    assert first == (expected if isinstance(expected, datetime) else datetime(expected.year, 12, 31))


def test_the_day_comes_first_where_one_value_says_so():
    values = pl.Series(["01/02/2024", "03/02/2024", "25/02/2024"])
    assert reading(values) == "%d/%m/%Y"
    assert reading(pl.Series(["01/02/2024", "02/25/2024"])) == "%m/%d/%Y"


@pytest.mark.parametrize(("number", "unit"), [(1_735_653_900, "s"), (1_735_653_900_000, "ms"), (1.7356539e15, "us")])
def test_whole_numbers_count_from_1970_in_the_unit_that_fits(number, unit):
    values = pl.Series([number, number + 1])
    assert reading(values) == unit
    assert parse(values, unit)[0] == MOMENT


def test_spaces_around_a_date_do_not_matter_and_other_words_are_unreadable():
    values = pl.Series([" 2024-12-31 ", "2025-01-01", "soon", None])
    assert parse(values, "%Y-%m-%d").null_count() == 2
    assert feature.unreadable(values).to_list() == [False, False, True, False]


def test_parts_that_do_not_vary_have_no_output():
    days = pl.Series(["2024-03-04", "2024-03-04", "2025-03-04"])
    state = feature.fit(days, Features())
    # A year later: no hour, the same day of the month; the weekday moves, and the leap year moves the day of the year.
    assert state.values["parts"] == ["year", "weekday"]
    assert feature.names("seen", state)[:4] == ("seen", "seen year sine", "seen year cosine", "seen is Monday")


def test_a_known_moment_has_known_outputs():
    state = feature.fit(pl.Series([datetime(1970, 1, 1), datetime(1970, 1, 3, 18), None]), Features(scale="none"))
    names = feature.names("t", state)
    row = dict(zip(names, feature.transform(pl.Series([datetime(1970, 1, 2, 6)]), state)[0].tolist(), strict=True))
    assert row["t"] == pytest.approx(1.25)
    assert row["t is Friday"] == 1 and row["t is Thursday"] == 0
    assert row["t day of month"] == pytest.approx(2 / 31)
    assert (row["t hour sine"], row["t hour cosine"]) == (pytest.approx(1), pytest.approx(0, abs=1e-6))
    assert row["t is missing"] == 0


def test_a_missing_or_unreadable_moment_becomes_the_median_and_is_told():
    state = feature.fit(pl.Series(["2024-01-01", "2024-01-03", "2024-01-09", None]), Features())
    median, *others = feature.transform(pl.Series(["2024-01-03", None, "soon"]), state)
    for other in others:
        assert other[:-1].tolist() == median[:-1].tolist()
        assert (median[-1], other[-1]) == (0, 1)


def test_all_missing_is_1970():
    state = feature.fit(pl.Series([None, None], dtype=pl.String), Features())
    assert feature.transform(pl.Series([None, "1970-01-02"]), state).tolist() == [[0, 1], [1, 0]]


def test_parts_are_those_of_the_clock_that_the_column_shows():
    zoned = pl.Series([datetime(2024, 7, 1, 12), datetime(2024, 7, 2, 18)]).dt.replace_time_zone("Asia/Shanghai")
    assert parse(zoned, None).to_list() == [datetime(2024, 7, 1, 12), datetime(2024, 7, 2, 18)]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_reads_what_it_writes(format):
    # Some formats say no more than the month, so it is the first moment of one.
    moment = pl.Series([datetime(2024, 12, 1)])
    written = moment.dt.replace_time_zone("UTC").dt.to_string(format.replace("%#z", "%z"))
    assert parse(written, format).to_list() == moment.to_list()


@pytest.mark.parametrize(
    ("values", "median"),
    [
        (["31.12.2024", "02.01.2025", "01.01.2025"], "01.01.2025"),
        ([1_735_689_602, 1_735_689_600, 1_735_689_601], 1_735_689_601),
        (["2024-01-02T00:00:00Z", "2024-01-03T00:00:00Z", "2024-01-02T05:00:00Z"], "2024-01-02T05:00:00+0000"),
        ([date(2024, 1, 3), date(2024, 1, 1), date(2024, 1, 2)], datetime(2024, 1, 2)),
    ],
)
def test_the_baseline_is_the_median_written_as_the_training_values_are(values, median):
    state = feature.fit(pl.Series(values), Features())
    assert feature.baseline(state) == median


def test_moments_beyond_the_calendar_stay_finite():
    state = feature.fit(pl.Series([0, 86_400, 172_800]), Features())
    assert np.isfinite(feature.transform(pl.Series([9.2e18, -9.2e18, 1e300]), state)).all()
