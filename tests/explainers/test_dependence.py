"""How answers follow columns: functions whose dependence and interactions are known."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban.batch import Array
from luban.explainers import _dependence, _surrogate


def rows(count: int = 120) -> pl.DataFrame:
    random = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "a": random.normal(size=count),
            "b": random.normal(size=count),
            "c": random.normal(size=count),
            "kind": random.choice(["x", "y", "z"], count, p=[0.6, 0.3, 0.1]),
            "same": np.full(count, 3.0),
        }
    )


def places(frame: pl.DataFrame, *columns: str) -> dict[str, Array | None]:
    return {name: frame[name].to_numpy() if frame[name].dtype.is_numeric() else None for name in columns}


def test_a_dependence_is_the_mean_answer_with_the_column_set_to_each_value() -> None:
    frame = rows()

    def score(given: pl.DataFrame) -> Array:
        return (given["a"] ** 2 + given["a"] * given["b"]).to_numpy()

    found = _dependence.dependence(score, frame, "a", frame["a"].to_numpy())
    assert not isinstance(found, str)
    grid = np.array(found.grid)
    np.testing.assert_allclose(found.mean, grid**2 + grid * frame["b"].mean(), atol=1e-12)
    assert list(grid) == sorted(grid)
    assert set(grid) <= set(frame["a"])
    assert sum(found.share) == pytest.approx(1)
    assert all(low < mean < high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))
    slopes = {
        round((curve[-1] - curve[0] - grid[-1] ** 2 + grid[0] ** 2) / (grid[-1] - grid[0]), 9) for curve in found.curves
    }
    assert slopes <= {round(value, 9) for value in frame["b"]}


def test_the_interval_of_a_dependence_holds_that_of_all_rows_about_as_often_as_it_says() -> None:
    held = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        frame = pl.DataFrame({"a": [0.0, 1.0] * 20, "b": random.exponential(size=40)})
        found = _dependence.dependence(
            lambda given: (given["a"] * given["b"]).to_numpy(), frame, "a", frame["a"].to_numpy()
        )
        assert not isinstance(found, str)
        held.append(found.low[1] <= 1.0 <= found.high[1])
    assert 0.88 <= np.mean(held) <= 0.99


def test_names_stand_from_the_most_frequent_on_and_a_column_of_one_value_is_declined() -> None:
    frame = rows()
    found = _dependence.dependence(
        lambda given: (given["kind"] == "y").cast(pl.Float64).to_numpy(), frame, "kind", None
    )
    assert not isinstance(found, str)
    assert (found.kind, found.grid, found.mean) == ("category", ("x", "y", "z"), (0.0, 1.0, 0.0))
    assert found.share == pytest.approx([(frame["kind"] == each).mean() for each in "xyz"])
    told = _dependence.dependence(lambda given: given["a"].to_numpy(), frame, "same", frame["same"].to_numpy())
    assert told == "these rows all have the value 3.0 there, so nothing follows it"


def test_a_sum_has_no_interactions_and_a_product_of_centred_columns_nothing_else() -> None:
    frame = rows().with_columns(pl.col("a") - pl.col("a").mean(), pl.col("b") - pl.col("b").mean())

    def score(given: pl.DataFrame) -> Array:
        return (given["a"] * given["b"] + given["c"]).to_numpy()

    found = {each.columns: each for each in _dependence.interactions(score, frame, ["a", "b", "c"])}
    assert next(iter(found)) == ("a", "b")
    assert found["a", "b"].value > 0.9
    assert found["a", "b"].strength == pytest.approx((frame["a"] * frame["b"]).std(), rel=0.5)
    for pair in (("a", "c"), ("b", "c")):
        assert found[pair].value < 0.02
    alone = _dependence.interactions(lambda given: (given["a"] + given["b"] ** 3).to_numpy(), frame, ["a", "b"])
    assert (alone[0].value, alone[0].low, alone[0].strength) == (0.0, 0.0, 0.0)
    assert 0 < alone[0].high < 0.1


def test_h_squared_is_what_its_definition_says_with_a_loop_over_rows() -> None:
    frame = rows(12)

    def score(given: pl.DataFrame) -> Array:
        return np.asarray(np.tanh(given["a"] * given["b"] + given["a"] + given["c"]))

    def mean(values: dict[str, float]) -> float:
        return float(score(frame.with_columns(pl.lit(value).alias(name) for name, value in values.items())).mean())

    def centred(columns: list[str]) -> Array:
        told = np.array([mean({name: row[name] for name in columns}) for row in frame.iter_rows(named=True)])
        return np.asarray(told - told.mean())

    both = centred(["a", "b"])
    wanted = ((both - centred(["a"]) - centred(["b"])) ** 2).sum() / (both**2).sum()
    [found] = _dependence.interactions(score, frame, ["a", "b"])
    assert found.value == pytest.approx(wanted, abs=1e-12)
    assert found.low <= found.value <= found.high


def test_a_model_that_is_a_tree_has_a_surrogate_that_says_the_same() -> None:
    frame = rows(600)
    said = np.where(frame["kind"] == "x", 2, np.where(frame["a"] <= 0.25, 0, 1))
    found = _surrogate.surrogate(frame, places(frame, "a", "b", "kind"), said, ["no", "yes", "never"], seed=0)
    assert not isinstance(found, str)
    assert (found.metric, found.rows) == ("accuracy", 200)
    assert found.fidelity > 0.98
    assert found.low < found.fidelity
    assert found.simplest == pytest.approx((said == 2).mean(), abs=0.1)
    assert (found.tree["column"], found.tree["is"]) == ("kind", "x")
    assert found.tree["yes"]["answer"] == "never"
    assert found.tree["no"]["at_most"] == pytest.approx(0.25, abs=0.05)
    assert found.tree["no"]["yes"]["answer"] == "no"


def test_a_surrogate_of_values_tells_how_much_it_explains_on_other_rows() -> None:
    frame = rows(300)
    noise = np.random.default_rng(1).normal(size=300)
    like = _surrogate.surrogate(frame, places(frame, "a"), np.where(frame["a"] > 0, 3.0, -1.0), (), seed=0)
    unlike = _surrogate.surrogate(frame, places(frame, "a"), noise, (), seed=0)
    assert not isinstance(like, str)
    assert not isinstance(unlike, str)
    assert (like.metric, unlike.metric) == ("r2", "r2")
    assert like.fidelity > 0.9
    assert unlike.fidelity < 0.1
    assert unlike.low < unlike.fidelity < unlike.high


@pytest.mark.parametrize(
    ("count", "columns", "reason"),
    [(20, ("a",), "20 rows are too few"), (60, (), "no column is a number"), (60, ("a",), "says the same of all")],
)
def test_no_surrogate_is_grown_where_it_would_tell_nothing(count: int, columns: tuple[str, ...], reason: str) -> None:
    frame = rows(count)
    told = _surrogate.surrogate(frame, places(frame, *columns), np.zeros(count), (), seed=0)
    assert isinstance(told, str)
    assert reason in told
