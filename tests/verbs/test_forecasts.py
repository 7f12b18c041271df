"""Forecasts from fit to verify: a series with a known answer, several of unlike size, quantiles, what is refused."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban
from luban.core.errors import DataError, UsageError
from luban.evidence.measurement import Measurement
from luban.verbs.predict import predict
from luban.verbs.verify import verify

MONTHS = pl.date_range(date(2010, 1, 1), date(2019, 12, 1), "1mo", eager=True)


def season(step: np.ndarray) -> np.ndarray:
    return np.asarray(40 + 0.25 * step + 9 * np.sin(2 * np.pi * step / 12) + 4 * np.cos(4 * np.pi * step / 12))


def exact(count: int = 120) -> pl.DataFrame:
    """Trend and season without noise: each step is a sum of earlier ones, so a linear model can be right."""
    return pl.DataFrame({"month": MONTHS[:count], "sold": season(np.arange(count))})


def noisy(seed: int = 0) -> pl.DataFrame:
    frame = exact()
    return frame.with_columns(pl.col("sold") + np.random.default_rng(seed).normal(size=120))


def fit(frame: pl.DataFrame, out: Path, **options: object) -> luban.Bundle:
    asked = {"forecast.horizon": 6, **options.pop("set", {})}  # type: ignore[dict-item]
    chosen = {"model": "linear", "threads": 1, "task": "forecasting", **options}
    return luban.fit(frame, "sold", order="month", set=asked, out=out, **chosen)  # type: ignore[arg-type]


def figure(bundle: luban.Bundle, metric: str, split: str = "test") -> Measurement:
    return next(m for m in bundle.measurements if m.metric == metric and m.split == split)


def rows_of(place: Path) -> list[dict[str, str]]:
    with place.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> luban.Bundle:
    return fit(noisy(), tmp_path_factory.mktemp("forecast") / "b.luban")


def test_what_follows_exactly_is_forecast_exactly(tmp_path: Path) -> None:
    made = fit(exact(), tmp_path / "b.luban", set={"model.linear.C": 1e9})
    assert figure(made, "mae").value < 1e-3
    predict(made, exact(), out=tmp_path / "answers.csv")
    answers = rows_of(tmp_path / "answers.csv")
    assert [row["month"] for row in answers] == [f"2020-0{month}-01" for month in range(1, 7)]
    said = [float(row["prediction"]) for row in answers]
    assert said == pytest.approx(season(np.arange(120, 126)).tolist(), abs=1e-2)


def test_it_is_measured_beside_the_seasonal_naive_model(bundle: luban.Bundle) -> None:
    mase = figure(bundle, "mase")
    assert mase.baseline is not None and mase.baseline.model == "seasonal-naive"
    # Noise of 1 in both of two values that are compared, and a trend of 3 a season; the scale is of the same size.
    assert 0.8 < mase.baseline.value < 1.3
    assert mase.value < 0.6
    assert "groups of rows" in mase.how, "windows that overlap are drawn together"


def test_the_bundle_answers_by_its_graph_and_verifies(bundle: luban.Bundle) -> None:
    assert bundle.stored.evidence["runtime"]["answers_by"] == "onnx"
    assert bundle.path is not None
    assert verify(bundle.path, noisy()).met


def test_evaluate_measures_every_window_of_other_data(bundle: luban.Bundle) -> None:
    figures = {m.metric: m for m in bundle.evaluate(noisy(seed=1))}
    assert figures["mase"].rows == 120 - 24 - 6 + 1
    assert figures["mase"].baseline is not None
    assert figures["mase"].value < figures["mase"].baseline.value


def test_intervals_hold_most_of_what_comes_and_grow_with_the_series(bundle: luban.Bundle, tmp_path: Path) -> None:
    truth = season(np.arange(120, 126))
    inside = []
    for seed in range(10):
        frame = noisy(seed=100 + seed)
        predict(bundle, frame, out=tmp_path / f"{seed}.csv")
        came = truth + np.random.default_rng(200 + seed).normal(size=6)
        ends = [(float(row["low"]), float(row["high"])) for row in rows_of(tmp_path / f"{seed}.csv")]
        inside += [low <= value <= high for (low, high), value in zip(ends, came, strict=True)]
    assert np.mean(inside) >= 0.75
    large = noisy().with_columns(pl.col("sold") * 1000)
    predict(bundle, large, out=tmp_path / "large.csv")
    predict(bundle, noisy(), out=tmp_path / "small.csv")
    small = rows_of(tmp_path / "small.csv")
    for one, other in zip(small, rows_of(tmp_path / "large.csv"), strict=True):
        for name in ("prediction", "low", "high"):
            assert float(other[name]) == pytest.approx(1000 * float(one[name]), rel=1e-5)


def test_predict_in_python_gives_the_next_steps(bundle: luban.Bundle) -> None:
    answers = bundle.predict(noisy())
    assert isinstance(answers, pl.Series) and len(answers) == 6
    assert luban.load(bundle.path).predict(noisy()).to_list() == answers.to_list()  # type: ignore[arg-type]


def test_the_report_draws_the_latest_windows(bundle: luban.Bundle) -> None:
    drawn = bundle.stored.evidence["evaluation"]["forecast"]["windows"]
    assert 1 <= len(drawn) <= 3
    assert len(drawn[-1]["truth"]) == len(drawn[-1]["prediction"]) == len(drawn[-1]["low"]) == 6
    assert bundle.path is not None
    page = (bundle.path / "report.html").read_text(encoding="utf-8")
    assert "What it forecast, and what came" in page
    assert page.count('class="came"') == 6 * len(drawn)


def test_series_of_unlike_size_share_a_model_and_are_answered_each_by_its_name(tmp_path: Path) -> None:
    rows = pl.concat(
        [
            noisy(seed).with_columns(store=pl.lit(name), sold=pl.col("sold") * size)
            for seed, (name, size) in enumerate({"a": 1.0, "b": 1000.0}.items())
        ]
    ).sample(fraction=1.0, shuffle=True, seed=3)
    made = fit(rows, tmp_path / "b.luban", group="store")
    assert figure(made, "mase").value < 0.7
    predict(made, rows, out=tmp_path / "answers.csv")
    answers = rows_of(tmp_path / "answers.csv")
    assert [row["row"] for row in answers] == [str(number) for number in range(12)]
    by_name = {name: [float(row["prediction"]) for row in answers if row["store"] == name] for name in "ab"}
    assert np.array(by_name["b"]) / np.array(by_name["a"]) == pytest.approx(1000.0, rel=0.1)


def test_quantiles_are_measured_and_hold_their_shares(tmp_path: Path) -> None:
    made = fit(noisy(), tmp_path / "b.luban", model=["linear", "gradient-boosting"], set={"train.loss": "quantile"})
    pinball = figure(made, "pinball")
    assert pinball.baseline is not None and pinball.value < pinball.baseline.value
    assert made.path is not None and verify(made.path, noisy()).met
    again = {m.metric: m for m in made.evaluate(noisy())}["pinball"]
    assert again.baseline is not None
    predict(made, noisy(), out=tmp_path / "answers.csv")
    for row in rows_of(tmp_path / "answers.csv"):
        assert float(row["low"]) < float(row["prediction"]) < float(row["high"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp", "cnn", "gru", "transformer"])
def test_networks_forecast_too(model: str, tmp_path: Path) -> None:
    frame = pl.concat([noisy(seed).with_columns(store=pl.lit(f"s{seed}")) for seed in range(4)])
    asked = {"train.epochs": 12, "train.learning_rate": 0.003, "train.loss": "quantile", "split.folds": 2}
    made = fit(frame, tmp_path / "b.luban", group="store", model=model, set=asked)
    mase = figure(made, "mase")
    assert mase.baseline is not None and mase.value < mase.baseline.value
    assert made.stored.evidence["runtime"]["answers_by"] == "onnx"
    assert len(made.predict(frame)) == 24


def test_a_history_that_is_too_short_says_how_many_rows_to_give(bundle: luban.Bundle) -> None:
    with pytest.raises(DataError, match="has 10 values, and the model looks at the last 24") as refused:
        bundle.predict(noisy()[:10])
    assert "24 rows" in (refused.value.fix or "")


def test_test_rows_of_their_own_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="latest windows") as refused:
        fit(noisy()[:100], tmp_path / "b.luban", test=noisy()[100:])
    assert refused.value.where == "--test"


def test_a_split_that_mixes_past_and_future_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not by a random split"):
        luban.fit(noisy(), "sold", task="forecasting", set={"split.kind": "random"}, out=tmp_path / "b.luban")


def test_the_loss_of_quantiles_is_for_forecasts_alone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train.loss cannot be 'quantile' for regression"):
        luban.fit(noisy(), "sold", task="regression", set={"train.loss": "quantile"}, out=tmp_path / "b.luban")
