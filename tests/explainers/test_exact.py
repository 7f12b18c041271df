"""Trees and sums of columns: exact values beside all coalitions, in every form that keeps them exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from explainers.subjects import centred, enumerated, learned, log_odds, subject, table, target
from fitted import Fitted
from luban.batch import Array
from luban.core import registry
from luban.core.errors import UsageError
from luban.evidence.explanation import Unit
from luban.forms.constant import Constant
from luban.forms.dense import Dense
from luban.forms.isotonic import Isotonic, Line
from luban.forms.placed import Placed
from luban.forms.several import Several
from luban.forms.stack import Stack
from luban.forms.temperature import Temperature
from luban.forms.trees import Trees
from luban.forms.weighted import Weighted
from luban.protocols import Attributed, Effort, Subject
from luban.verbs.explain import explain

FRAME = table()
VALUES = target(FRAME)
TWO = (np.median(VALUES) < VALUES).astype(np.int64)
FOUR = np.digitize(VALUES, np.quantile(VALUES, [0.25, 0.5, 0.75])).astype(np.int64)
QUICK = {
    "gradient-boosting": {"rounds": 30},
    "random-forest": {"trees": 20},
    "extra-trees": {"trees": 20},
    "linear": {},
}
SOME = FRAME[:3]


def same(answers: Array) -> Array:
    return answers


def clipped(answers: Array) -> Array:
    """Log-odds beside answers that are no probabilities, which are not looked at."""
    return log_odds(np.clip(answers, 1e-9, 1 - 1e-9))


def explained(name: str, asked: Subject) -> list[Attributed]:
    explainer = registry.find("explainers", name)
    assert explainer.declines(asked) is None
    assert explainer.suits(asked) is not None
    found: list[Attributed] = explainer.explain(asked, Effort())
    return found


def check(name: str, asked: Subject, scale: str, within: float = 1e-6) -> None:
    """Within the digits that probabilities leave of log-odds."""
    found = explained(name, asked)
    wanted = enumerated(asked)
    ends = asked.values(np.stack([np.zeros(asked.count, bool), np.ones(asked.count, bool)]), np.arange(len(found)))
    spread = max(1.0, float(np.abs(wanted).max()))
    for game, each in enumerate(found):
        np.testing.assert_allclose(each.values, wanted[game], atol=within * spread)
        assert (each.base, each.whole) == pytest.approx(tuple(ends[:, game]), abs=within * spread)
        assert each.values.sum() == pytest.approx(each.whole - each.base, abs=1e-9 * spread)
        assert each.scale == scale
        assert each.errors is not None and not each.errors.any()


@pytest.mark.parametrize("background", [None, FRAME[100:107]])
@pytest.mark.parametrize("model", ["gradient-boosting", "random-forest", "extra-trees", "linear"])
def test_values_of_a_regression_are_those_of_all_coalitions(model: str, background: pl.DataFrame | None) -> None:
    encoder, form = learned(model, FRAME, VALUES, **QUICK[model])
    name = "linear" if model == "linear" else "trees"
    check(name, subject(SOME, encoder, form, background=background), "value")


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("model", "moved", "scale"),
    [
        ("gradient-boosting", log_odds, "log-odds"),
        ("linear", log_odds, "log-odds"),
        ("random-forest", same, "probability"),
    ],
)
def test_of_two_classes_log_odds_or_the_probability_of_a_forest(
    model: str, moved: Callable[[Array], Array], scale: str, place: int
) -> None:
    encoder, form = learned(model, FRAME, TWO, "binary", **QUICK[model])
    name = "linear" if model == "linear" else "trees"
    check(name, subject(SOME, encoder, form, places=[place], scale="probability", moved=moved, task="binary"), scale)


@pytest.mark.parametrize(
    ("model", "moved", "scale"),
    [("gradient-boosting", centred, "score"), ("linear", centred, "score"), ("random-forest", same, "probability")],
)
def test_of_several_classes_how_far_a_class_is_above_the_mean_of_all(
    model: str, moved: Callable[[Array], Array], scale: str
) -> None:
    encoder, form = learned(model, FRAME, FOUR, "multiclass", **QUICK[model])
    asked = subject(SOME, encoder, form, places=[0, 2, 3], scale="probability", moved=moved, task="multiclass")
    check("linear" if model == "linear" else "trees", asked, scale)


def test_an_isolation_forest_is_explained_by_the_logarithm_of_its_score() -> None:
    inputs = FRAME.select("a", "b", "c")
    encoder, form = learned("isolation-forest", inputs, VALUES[:, None], "anomaly", trees=30)
    asked = subject(inputs[:3], encoder, form, scale="score", moved=np.log2, task="anomaly")
    check("trees", asked, "score")


def boosted(seed: int = 0, task: str = "binary") -> Any:
    """Boosted trees of a table, grown on other rows for each seed."""
    frame = table(seed=seed)
    values = target(frame)
    wanted = values if task == "regression" else (values > 0).astype(np.int64)
    return learned("gradient-boosting", frame, wanted, task, rounds=15)[1]


@pytest.mark.parametrize(
    ("form", "places", "moved", "scale"),
    [
        (lambda: Temperature(boosted(), 1.7), [1], log_odds, "log-odds"),
        (
            lambda: Weighted((boosted(0, "regression"), boosted(1, "regression")), np.array([0.3, 0.7])),
            [0],
            same,
            "value",
        ),
        (lambda: Weighted((boosted(0), boosted(1)), np.array([1.0, 0.0])), [1], log_odds, "log-odds"),
        (lambda: Stack((boosted(0), boosted(1))), [1], log_odds, "log-odds"),
        (lambda: Temperature(Stack((boosted(0), boosted(1))), 0.6, labels=True), [0], log_odds, "log-odds"),
        (lambda: Several((boosted(0, "regression"), boosted(1))), [2], clipped, "log-odds"),
        (lambda: Placed(boosted(), np.array([0, 2]), 3), [2], clipped, "log-odds"),
    ],
    ids=["temperature", "weighted", "one of weight", "stack", "labels", "several", "placed"],
)
def test_what_stands_around_trees_and_keeps_them_a_sum(
    form: Callable[[], Any], places: list[int], moved: Callable[[Array], Array], scale: str
) -> None:
    encoder, _ = learned("linear", FRAME, VALUES)
    asked = subject(SOME, encoder, form(), places=places, scale="probability", moved=moved)
    asked = replace(asked, scale="value") if scale == "value" else asked
    check("trees", asked, scale)


def test_trees_beside_a_sum_of_columns_and_a_network_of_one_layer() -> None:
    encoder, trees = learned("random-forest", FRAME, VALUES, trees=5)
    _, affine = learned("linear", FRAME, VALUES)
    layer = Dense(((affine.weights, affine.bias),), "relu", "identity", 2.0, -3.0)  # type: ignore[attr-defined]
    check("linear", subject(SOME, encoder, layer), "value")
    check("trees", subject(SOME, encoder, Weighted((trees, layer), np.array([0.5, 0.5]))), "value")
    constant = Constant(np.array([4.0]), encoder.width)
    check("trees", subject(SOME, encoder, Weighted((trees, constant), np.array([0.5, 0.5]))), "value")


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (lambda: Isotonic(boosted(), (Line(np.array([0.0, 1.0]), np.array([0.0, 1.0])),)), "'isotonic'"),
        (lambda: Weighted((boosted(0), boosted(1)), np.array([0.5, 0.5])), "probabilities of several models"),
        (lambda: Stack((boosted(0), boosted(1)), normalise=True), "by the sum of all"),
        (lambda: Temperature(learned("random-forest", FRAME, TWO, "binary", trees=3)[1], 2.0), "less or more sure"),
        (lambda: learned("knn", FRAME, VALUES)[1], "makes more of it"),
        (lambda: learned("linear", FRAME, VALUES)[1], "linear explains it"),
    ],
)
def test_what_is_no_sum_of_leaves_is_declined_with_the_reason(form: Callable[[], Any], reason: str) -> None:
    encoder, _ = learned("linear", FRAME, VALUES)
    explainer = registry.find("explainers", "trees")
    asked = subject(SOME, encoder, form())
    assert reason in str(explainer.declines(asked))
    assert explainer.suits(asked) is None


def test_units_that_are_pieces_and_outputs_that_are_no_number_are_declined() -> None:
    encoder, form = learned("linear", FRAME, VALUES)
    explainer = registry.find("explainers", "linear")
    asked = subject(SOME[:1], encoder, form)
    pieces = replace(asked, units=((*asked.units[0][:-1], Unit("Ulm", "town", "Ulm", (0, 3))),))
    assert "pieces" in str(explainer.declines(pieces))
    assert "no single number" in str(
        explainer.declines(replace(asked, inside=replace(asked.inside, places=np.array([-1]))))
    )
    assert "one of its steps" in str(
        explainer.declines(replace(asked, inside=replace(asked.inside, step=np.array([0]))))
    )
    assert "log-odds" in str(explainer.declines(replace(asked, scale="log-odds")))


def test_a_known_tree_shares_its_leaf_equally_among_those_who_lead_there() -> None:
    """1 where both columns are above 0, else 0: each adds a half; of three columns the third adds nothing."""
    encoder, _ = learned("linear", FRAME.select("a", "b", "c"), VALUES)
    both = Trees(
        encoder.width,
        np.array([0, 1], np.int32),
        np.zeros(2, np.float32),
        np.array([[1, -1], [-3, -2]], np.int32),
        np.array([0], np.int32),
        np.array([0], np.int32),
        np.array([[0.0], [0.0], [1.0]], np.float32),
        np.zeros(1),
        np.ones(1),
        "identity",
    )
    row, other = (pl.DataFrame({"a": [v], "b": [v], "c": [v]}) for v in (9.0, -9.0))
    [found] = explained("trees", subject(row, encoder, both, background=other))
    assert found.values.tolist() == [0.5, 0.5, 0.0]
    assert (found.base, found.whole) == (0.0, 1.0)


def test_columns_that_are_no_units_keep_their_values() -> None:
    encoder, form = learned("gradient-boosting", FRAME, VALUES, rounds=20)
    asked = subject(SOME[:1], encoder, form, background=FRAME[50:53].with_columns(a=pl.lit(SOME["a"][0])))
    [whole] = explained("trees", asked)
    [fewer] = explained("trees", replace(asked, units=(asked.units[0][1:],)))
    np.testing.assert_allclose(whole.values[1:], fewer.values, atol=1e-12)
    assert whole.values[0] == 0


def test_more_columns_than_a_word_of_a_mask_holds() -> None:
    random = np.random.default_rng(3)
    frame = pl.DataFrame({f"c{i}": random.normal(size=200) for i in range(130)})
    numbers = frame.to_numpy()
    values = numbers[:, 1] * numbers[:, 70] + numbers[:, 129]
    encoder, form = learned("gradient-boosting", frame, values, rounds=20)
    asked = subject(frame[:1], encoder, form)
    [found] = explained("trees", asked)
    assert found.values.sum() == pytest.approx(found.whole - found.base, abs=1e-9)
    used = sorted({int(f) for f in form.features})  # type: ignore[attr-defined]
    few = [used[0], *[u for u in used if u > 64][:7]]
    # Without the others, which stay as they are, all coalitions of a few can be asked about.
    units = tuple(asked.units[0][i] for i in few)
    reference = frame[:1].with_columns([asked.inside.usual[f"c{i}"] for i in few])

    def wide(coalitions: Array, games: Array) -> Array:
        every = np.ones((len(coalitions), 130), bool)
        every[:, few] = coalitions
        return asked.values(every, games)

    narrow = replace(asked, units=(units,), values=wide, inside=replace(asked.inside, usual=reference))
    check("trees", narrow, "value")


def test_auto_takes_what_is_exact_and_says_why(fitted: Fitted) -> None:
    [found] = explain(fitted.bundle("cancer"), "sample:breast-cancer", rows=[0])
    assert (found.method, found.scale, found.calls) == ("linear", "log-odds", 0)
    assert "exact" in found.reason and found.completeness_error == pytest.approx(0, abs=1e-9)
    assert found.faithfulness is not None and found.faithfulness.holds


def test_a_method_that_does_not_fit_names_those_that_do(fitted: Fitted) -> None:
    with pytest.raises(UsageError, match="has none; linear explains it") as told:
        explain(fitted.bundle("cancer"), "sample:breast-cancer", rows=[0], method="trees")
    assert "linear" in str(told.value.fix) and "shap" in str(told.value.fix)
