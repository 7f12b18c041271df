"""Windows of series: what is in them, how times go on, which seasons are seen, and what is said of bad rows."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.data.open import open_dataset
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Schema
from luban.tasks import _seasons, _windows
from luban.tasks._spacing import Spacing
from luban.tasks.forecasting import Forecasting, task
from luban.training.unit import Training
from luban.verbs import encoding
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given


def monthly(count: int = 120) -> pl.DataFrame:
    months = pl.date_range(date(2010, 1, 1), date(2030, 1, 1), "1mo", eager=True)[:count]
    steps = np.arange(count)
    return pl.DataFrame({"month": months, "sold": 50 + 0.2 * steps + 9 * np.sin(2 * np.pi * steps / 12)})


def schema_of(frame: pl.DataFrame, group: str | None = None) -> Schema:
    roles: dict[str, Any] = {"month": "time", "sold": "target", **({group: "group"} if group else {})}
    kinds = {"month": "datetime", "sold": "number"}
    return Schema(
        tuple(
            Column(name, kinds.get(name, "category"), roles.get(name, "input"), "", str(frame[name].dtype))
            for name in frame.columns
        )
    )


def asked(**forecast: Any) -> Recipe:
    return changed(Recipe(task="forecasting", target="sold"), {f"forecast.{k}": v for k, v in forecast.items()})


def arranged(frame: pl.DataFrame, group: str | None = None, **forecast: Any) -> Any:
    return task.arrange(frame.lazy(), schema_of(frame, group), asked(**forecast))


def microseconds(*times: str) -> np.ndarray:
    return np.array(times, dtype="datetime64[us]")


# Windows


def test_a_window_holds_its_past_scaled_and_the_steps_that_follow() -> None:
    values = [float(value) for value in [1, 5, 3, 7, 5, 9, 7, 11, 9, 13, *range(10, 80)]]
    frame = pl.DataFrame({"month": monthly(80)["month"], "sold": values})
    found = arranged(frame, horizon=2, season=2, history=4)
    first = found.frame.row(0, named=True)
    level, spread = 5.0, float(np.std([1, 5, 3, 7]))
    assert first["anchor"] == [level, spread]
    assert first["history"] == pytest.approx([(value - level) / spread for value in (1, 5, 3, 7)])
    # Two steps ahead; and the mean change over a season of 2 that is known by then: |3 - 1| and |7 - 5|.
    assert first["sold"] == [5.0, 9.0, 2.0]
    assert first["month"] == datetime(2010, 5, 1) and first["ends"] == datetime(2010, 6, 1)
    assert len(found.frame) == 80 - 4 - 2 + 1
    assert found.schema["history"].role == "input" and found.schema["month"].role == "time"


def test_what_was_open_is_found_and_recorded() -> None:
    found = arranged(monthly()).recipe.forecast
    assert (found.horizon, found.season, found.history, found.step) == (12, 12, 24, "1 months")
    assert arranged(monthly()).task == Forecasting(horizon=12)


def test_other_columns_are_seen_as_they_were_when_the_forecast_is_made() -> None:
    frame = monthly().with_columns(shop=pl.Series([f"s{row}" for row in range(120)]))
    first = arranged(frame, horizon=2, history=24).frame.row(0, named=True)
    assert first["shop"] == "s23"


def test_the_size_of_a_series_changes_nothing_that_a_model_sees() -> None:
    frame = monthly()
    small, large = arranged(frame), arranged(frame.with_columns(pl.col("sold") * 1e6 - 3e8))
    assert np.allclose(small.frame["history"].to_numpy(), large.frame["history"].to_numpy(), atol=1e-8)


def test_a_history_that_never_changes_has_a_spread_of_one() -> None:
    level, spread = _windows.anchored(np.full((1, 5), 7.0), season=1)
    assert level.tolist() == [7.0] and spread.tolist() == [1.0]


def test_the_window_ahead_has_no_target_and_its_times_go_on() -> None:
    frame = monthly()
    recipe = arranged(frame, horizon=3).recipe
    known = task.asked(recipe)
    latest = known.latest(frame, schema_of(frame), recipe)
    assert len(latest) == 1 and np.isnan(latest["sold"].to_numpy()[0, :3]).all()
    [times] = known.ahead(frame, schema_of(frame), recipe)
    assert times.to_list() == [date(2020, 1, 1), date(2020, 2, 1), date(2020, 3, 1)]


@pytest.mark.parametrize(
    ("key", "value"), [("horizon", 3), ("season", 6), ("history", 30), ("step", "2 months")], ids=lambda part: str(part)
)
def test_every_key_of_forecasts_changes_the_windows(key: str, value: Any) -> None:
    frame = monthly()[::2] if key == "step" else monthly()
    base, other = arranged(frame, horizon=4, season=12 if key != "step" else 6), None
    if key == "step":
        with pytest.raises(DataError, match="missing at steps of 1 months"):
            arranged(frame, horizon=4, season=6, step="1 months")
        other = arranged(frame, horizon=4, season=6, step=value)
        assert other.frame.equals(base.frame)
        return
    other = arranged(frame, **{"horizon": 4, "season": 12, key: value})
    assert not other.frame.equals(base.frame)
    assert getattr(other.recipe.forecast, key) == value


def test_the_shares_of_quantiles_are_those_of_the_recipe() -> None:
    recipe = changed(asked(horizon=2, season=1, history=5), {"train.loss": "quantile", "train.quantiles": [0.9, 0.2]})
    assert task.asked(recipe) == Forecasting(2, (0.2, 0.9))
    assert task.asked(recipe).outputs(()) == 4


# The split


def test_no_value_that_is_learned_is_also_asked_for_in_a_test_window() -> None:
    dataset = open_dataset(monthly())
    prepared = prepare(dataset, Given(), changed(asked(horizon=6), {"split.order": "month"}))
    frame = prepared.frame.collect()
    train, test = frame[prepared.division.train], frame[prepared.division.test]
    assert train["ends"].max() < test["month"].min()
    assert len(prepared.division.train) + len(prepared.division.test) == len(frame) - 5
    assert prepared.dropped == {"its steps are also those of a test row": 5}


def test_no_value_that_a_fold_learns_is_also_asked_for_in_it() -> None:
    prepared = prepare(open_dataset(monthly()), Given(), changed(asked(horizon=6), {"split.order": "month"}))
    rows = encoding.rows_of(prepared)
    parts = encoding.folds(prepared, len(encoding.test_rows(prepared)))
    reach = encoding.reach(prepared, parts[0])
    frame = prepared.frame.collect()[rows]
    training = Training(batch=None, folds=parts, work=None, seed=0, reach=reach)  # type: ignore[arg-type]
    assert parts.max() >= 1
    for fold in range(int(parts.max()) + 1):
        train = training._before(_Unit(fold)) & (parts[0] > -2) & (parts[0] != fold)  # type: ignore[arg-type]
        assert train.any()
        assert frame.filter(pl.Series(train))["ends"].max() < frame.filter(pl.Series(parts[0] == fold))["month"].min()
    # The twin: folds alone would let them.
    first = parts[0] < 0
    assert (frame.filter(pl.Series(first & (parts[0] == -1)))["ends"].max()
            >= frame.filter(pl.Series(parts[0] == 0))["month"].min())  # fmt: skip


class _Unit:
    def __init__(self, part: int) -> None:
        self.part, self.repeat = part, 0


# Times


@pytest.mark.parametrize(
    ("times", "step", "following"),
    [
        (("2024-01-31", "2024-02-29", "2024-03-31"), "1 months", "2024-04-30"),
        (("2023-10-30", "2023-11-30", "2023-12-30", "2024-01-30"), "1 months", "2024-02-29"),
        (("2022-01-01", "2023-01-01", "2024-01-01"), "12 months", "2025-01-01"),
        (("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"), "weekdays", "2024-01-10"),
        (("2024-01-05", "2024-01-06", "2024-01-07"), "1 days", "2024-01-08"),
        (("2024-01-01T23:00", "2024-01-01T23:30", "2024-01-02T00:00"), "30 minutes", "2024-01-02T00:30"),
        (("2024-01-01", "2024-01-08", "2024-01-15"), "7 days", "2024-01-22"),
    ],
)
def test_the_step_of_times_is_found_and_goes_on(times: tuple[str, ...], step: str, following: str) -> None:
    found = Spacing.found([microseconds(*times)])
    assert str(found) == step
    assert Spacing.read(step) == found
    assert found.after(microseconds(*times), 1).tolist() == microseconds(following).tolist()
    assert np.allclose(np.diff(found.numbers(microseconds(*times))), 1.0)


def test_the_weekend_is_no_gap_where_only_weekdays_are_there() -> None:
    assert Spacing.read("weekdays").after(microseconds("2024-01-05"), 2).astype("datetime64[D]").tolist() == [
        date(2024, 1, 8),
        date(2024, 1, 9),
    ]


def test_plain_numbers_are_times_too() -> None:
    found = Spacing.found([np.array([10.0, 15.0, 20.0])])
    assert str(found) == "5 numbers" and found.after(np.array([20.0]), 2).tolist() == [25.0, 30.0]


def test_a_step_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="'often' is no step of time"):
        Spacing.read("often")


# Seasons


@pytest.mark.parametrize("season", [4, 7, 12, 24])
def test_a_season_is_found_under_trend_and_noise(season: int) -> None:
    steps = np.arange(12 * season)
    shape = np.random.default_rng(season).normal(size=season)
    values = 0.3 * steps + 3 * shape[steps % season] + 0.3 * np.random.default_rng(1).normal(size=len(steps))
    assert _seasons.season([values]) == season


def test_a_random_walk_has_no_season() -> None:
    walks = [np.random.default_rng(seed).normal(size=400).cumsum() for seed in range(20)]
    assert [_seasons.season([walk]) for walk in walks].count(1) >= 19


def test_autocorrelation_is_the_slow_sum() -> None:
    values = np.random.default_rng(0).normal(size=40)
    away = values - values.mean()
    slow = [(away[lag:] * away[: 40 - lag]).sum() / (40 - lag) / away.var() for lag in range(6)]
    assert _seasons.autocorrelation(values, 5) == pytest.approx(slow)


# Bad input


def test_a_gap_is_named_with_its_cure() -> None:
    frame = monthly()
    with pytest.raises(DataError, match=r"1 times of the series are missing .*2014-03-01, after row 49") as refused:
        arranged(pl.concat([frame[:50], frame[51:]]))
    assert "add a row for each" in (refused.value.fix or "")


def test_a_time_that_comes_twice_is_named_with_its_rows() -> None:
    frame = monthly()
    with pytest.raises(DataError, match="two values for 2010-04-01, in the rows 3 and 120") as refused:
        arranged(pl.concat([frame, frame[3:4]]))
    assert "--group" in (refused.value.fix or "")


def test_a_time_beside_the_steps_is_named() -> None:
    frame = monthly().with_columns(
        month=pl.Series([datetime(2020, 1, 1) + timedelta(hours=hour) for hour in range(120)])
    )
    beside = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 7)
        .then(pl.col("month") + timedelta(minutes=7))
        .otherwise("month")
        .alias("month")
    )
    with pytest.raises(DataError, match="row 7 of the series does not lie on the steps of 1 hours"):
        arranged(beside)


def test_a_series_that_is_too_short_says_how_many_rows_are_needed() -> None:
    with pytest.raises(
        DataError, match=r"has 40 values; a history of 24 and a horizon of 12 steps need (\d+)"
    ) as refused:
        arranged(monthly(40), horizon=12, season=12, history=24)
    needed = int(str(refused.value.message).split("need ")[1].split(",")[0])
    arranged(monthly(needed), horizon=12, season=12, history=24)
    with pytest.raises(DataError, match="steps need"):
        arranged(monthly(needed - 1), horizon=12, season=12, history=24)


def test_missing_values_are_interpolated_and_counted_and_those_at_the_ends_left_out() -> None:
    frame = monthly()
    holes = frame.with_columns(
        pl.when(pl.int_range(pl.len()).is_in([0, 60, 119])).then(None).otherwise("sold").alias("sold")
    )
    found = arranged(holes)
    assert found.told == {
        "missing values between others are interpolated": 1,
        "rows without a value at the ends of series are left out": 2,
    }
    middle = (frame["sold"][59] + frame["sold"][61]) / 2
    assert any(np.isclose(row[0], middle) for row in found.frame["sold"].to_list())


def test_a_word_among_the_numbers_is_named() -> None:
    frame = monthly().with_columns(pl.col("sold").cast(pl.String))
    words = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 5).then(pl.lit("many")).otherwise("sold").alias("sold")
    )
    with pytest.raises(DataError, match="row 5 holds 'many', and a forecast needs a number"):
        arranged(words)


def test_a_forecast_without_times_says_which_option_names_them() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0], "sold": [1.0, 2.0]})
    with pytest.raises(UsageError, match="needs one column of times") as refused:
        arranged(frame)
    assert refused.value.where == "--order"


def test_series_of_a_group_are_apart_and_windows_of_one_time_are_one_block() -> None:
    frame = monthly()
    both = pl.concat([frame.with_columns(shop=pl.lit(name)) for name in ("north", "south")])
    found = arranged(both, group="shop", horizon=3).frame
    assert found["shop"].value_counts().sort("shop")["count"].to_list() == [len(found) // 2] * 2
    assert found.group_by("month").agg(pl.col("block").n_unique())["block"].max() == 1


# The question


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (monthly(), True),
        (monthly().with_columns(price=pl.Series(np.random.default_rng(0).normal(size=120))), False),
        (monthly()[::-1], True),
        (pl.concat([monthly()[:50], monthly()[51:]]), False),
    ],
    ids=["times and values", "another column", "in another order", "a gap"],
)
def test_times_and_values_alone_ask_for_a_forecast(frame: pl.DataFrame, told: bool) -> None:
    prepared = prepare(open_dataset(frame), Given(), Recipe(target="sold"))
    assert (prepared.task.name == "forecasting") == told
    if told:
        assert "steps of 1 months" in prepared.task_reason


def test_quantiles_are_put_in_order_and_the_middle_one_predicts() -> None:
    answers = Forecasting(horizon=2, quantiles=(0.1, 0.5, 0.9)).answers(np.array([[3.0, 0.0, 1.0, 5.0, 2.0, 9.0]]))
    assert answers.quantiles is not None
    assert answers.quantiles.tolist() == [[[1.0, 2.0, 3.0], [0.0, 5.0, 9.0]]]
    assert answers.prediction.tolist() == [[2.0, 5.0]]
