"""Explainers that ask: games whose answers are known, planted rules, and changes that flip what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from explainers.networks import encoder_of, form_of, rows, subject_of
from explainers.subjects import learned, log_odds, subject, table, target
from fitted import Fitted
from luban.batch import Array
from luban.core import registry
from luban.core.errors import UsageError
from luban.evidence import intervals
from luban.evidence.explanation import Unit
from luban.explainers.lime import WIDTH
from luban.protocols import Attributed, Effort, Subject
from luban.verbs.explain import explain

FRAME = table()
TWO = (target(FRAME) > 0).astype(np.int64)


def game(answer: Callable[[Array], Array], units: int) -> Subject:
    """A subject whose answers are those of a game; the model is none."""
    encoder, form = learned("linear", FRAME.select("a"), FRAME["a"].to_numpy())
    one = subject(FRAME[:1].select("a"), encoder, form)
    names = tuple(Unit(f"u{number}", f"u{number}") for number in range(units))
    return replace(one, units=(names,), values=lambda coalitions, games: answer(coalitions)[:, None].astype(float))


def explained(name: str, asked: Subject, **effort: Any) -> list[Attributed]:
    explainer = registry.find("explainers", name)
    assert explainer.declines(asked) is None
    assert explainer.suits(asked) is None
    found: list[Attributed] = explainer.explain(asked, Effort(**effort))
    return found


def added(weights: Array) -> Callable[[Array], Array]:
    return lambda coalitions: 1.0 + coalitions @ weights


def test_occlusion_tells_what_is_lost_without_each_unit() -> None:
    [found] = explained("occlusion", game(lambda z: z[:, 0] * z[:, 1] + 3 * z[:, 2], 3))
    assert found.values.tolist() == [1.0, 1.0, 3.0]
    assert (found.base, found.whole, found.calls) == (0.0, 4.0, 5)
    [same] = explained("occlusion", game(lambda z: z[:, :2].any(axis=1), 2))
    assert same.values.tolist() == [0.0, 0.0], "of two that say the same, neither is missed"


def by_hand(answer: Callable[[Array], Array], units: int) -> Array:
    """The ridge over all coalitions, written out: rows repeated as their weight says."""
    every = np.array(np.meshgrid(*[[0.0, 1.0]] * units, indexing="ij")).reshape(units, -1).T
    weights = []
    for row in every:
        stay = int(row.sum())
        alike = sum(1 for other in every if other.sum() == stay)
        distance = 1 - np.sqrt(stay / units)
        weights.append(np.sqrt(np.exp(-(distance**2) / WIDTH**2)) / alike)
    weight = np.array(weights) * 1_000 / np.sum(weights)
    from sklearn.linear_model import Ridge

    fit = Ridge(alpha=1.0).fit(every, answer(every.astype(bool)), sample_weight=weight)
    return np.asarray(fit.coef_)


@pytest.mark.parametrize(
    "answer",
    [added(np.array([1.0, -2.0, 0.0, 4.0])), lambda z: z[:, 0] * z[:, 1] - 1.0 * z[:, 3]],
    ids=["sum", "product"],
)
def test_lime_is_the_weighted_ridge_over_all_rows_there_are(answer: Callable[[Array], Array]) -> None:
    [found] = explained("lime", game(answer, 4))
    np.testing.assert_allclose(found.values, by_hand(answer, 4), atol=1e-9)
    assert found.errors is not None and not found.errors.any()
    assert (found.calls, found.more["kendall"], found.complete) == (16, 1.0, False)


def test_lime_finds_a_sum_out_and_says_that_a_line_tells_all() -> None:
    weights = np.linspace(-3, 3, 14)
    [found] = explained("lime", game(added(weights), 14), calls=1_400)
    np.testing.assert_allclose(found.values, weights, atol=0.03)
    assert found.more["r2"] > 0.999 and found.more["kendall"] > 0.95 and "text" not in found.more
    assert found.calls == 1_400


def test_lime_says_where_another_seed_would_say_something_else() -> None:
    chance = np.random.default_rng(1)
    noise = chance.normal(size=4_096)
    rough = game(lambda z: noise[(z @ (2 ** np.arange(12))).astype(int)], 12)
    [found] = explained("lime", rough, calls=300)
    assert found.more["kendall"] < 0.8 and "Kendall's tau" in found.more["text"]
    assert found.more["r2"] < 0.5
    assert found.values.tolist() != explained("lime", rough, calls=300, seed=1)[0].values.tolist()


def test_lime_of_a_model_that_answers_all_rows_alike_is_nothing_and_steady() -> None:
    [found] = explained("lime", game(lambda z: 0.1 + 1e-16 * z[:, 0], 12))
    assert not found.values.any() and (found.more["r2"], found.more["kendall"]) == (1.0, 1.0)


def test_errors_of_lime_hold_what_all_rows_would_give() -> None:
    """Of pairs of units that work together: a line tells a part of it, and some rows another part than all."""
    held = []
    for seed in range(12):
        pairs = np.random.default_rng(seed).normal(size=(12, 12))

        def answer(z: Array, pairs: Array = pairs) -> Array:
            return np.asarray(((z @ pairs) * z).sum(axis=1))

        truth = explained("lime", game(answer, 12), calls=4_096)[0]
        some = explained("lime", game(answer, 12), calls=600, seed=seed)[0]
        assert some.errors is not None
        held.append(np.abs(some.values - truth.values) <= 1.96 * some.errors)
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(
    ("name", "calls", "enough"), [("occlusion", 5, "12"), ("lime", 5, "12"), ("anchors", 60, "100")]
)
def test_too_few_calls_name_the_number_that_would_do(name: str, calls: int, enough: str) -> None:
    with pytest.raises(UsageError) as told:
        explained(name, game(added(np.ones(10)), 10), calls=calls)
    assert told.value.fix == f"allow {enough} calls or more"


def two_classes(
    frame: pl.DataFrame, codes: Array, model: str = "gradient-boosting", **asked: Any
) -> Callable[..., Subject]:
    encoder, form = learned(model, frame, codes, "binary", **asked)

    def of(some: pl.DataFrame, **more: Any) -> Subject:
        answers = np.asarray(form.outputs(encoder.transform(some)))
        return subject(some, encoder, form, places=answers.argmax(axis=1), scale="probability", task="binary", **more)

    return of


RULE = ((FRAME["a"] > 0) & (FRAME["town"] == "Ulm")).cast(pl.Int64).to_numpy().copy()
RULED = two_classes(FRAME, RULE)
CHOSEN = FRAME.filter(pl.Series(RULE == 1) & (pl.col("a") > 0.4))[:6]


@pytest.mark.parametrize("background", [None, FRAME[100:160]], ids=["usual", "background"])
def test_anchors_are_the_planted_rule(background: pl.DataFrame | None) -> None:
    reference = FRAME[:1].with_columns(a=pl.lit(-1.0), town=pl.lit("Kiel")) if background is None else background
    for found in explained("anchors", RULED(CHOSEN, background=reference)):
        rule = {each["unit"] for each in found.more["rule"]}
        assert rule == {"a", "town"}
        assert found.more["low"] >= 0.95 and found.more["precision"] <= 1
        assert found.values.sum() == pytest.approx(found.whole - found.base)
        assert {name for name, value in zip(FRAME.columns, found.values, strict=True) if value} == rule
        assert "stay as here" in found.more["text"]
        if background is None:
            assert found.more["coverage"] == 0.25
        else:
            assert 0 < found.more["coverage"] < 0.3


def test_the_precision_of_an_anchor_holds_on_rows_that_were_never_drawn() -> None:
    """The rule is found by some rows and measured by others: its interval holds what a great many would say."""
    asked = RULED(CHOSEN[:4], background=FRAME[100:160])
    chance = np.random.default_rng(9)
    for place, found in enumerate(explained("anchors", asked)):
        rule = {each["unit"] for each in found.more["rule"]}
        frames = []
        for row in range(1_000):
            stays = {name for name in FRAME.columns if name in rule or chance.random() < 0.5}
            other = asked.inside.usual[row % 60 : row % 60 + 1]
            frames.append(other.with_columns([CHOSEN[place : place + 1][name] for name in stays]))
        said = asked.said(pl.concat(frames).select(FRAME.columns))
        share = float(np.mean([each == asked.said(CHOSEN[place : place + 1])[0] for each in said]))
        low, _ = intervals.wilson(share * 1_000, 1_000)
        assert low <= found.more["high"]
        assert share >= found.more["low"] - 0.02


def test_an_answer_that_nothing_changes_has_the_empty_rule() -> None:
    asked = game(lambda z: np.zeros(len(z)), 1)
    asked = replace(asked, units=((Unit("a", "a"),),), answer=lambda rows, _: np.zeros(len(rows)))
    [found] = explained("anchors", asked)
    assert found.more["rule"] == [] and found.more["coverage"] == 1.0
    assert "whatever is changed" in found.more["text"]


def test_words_of_a_text_are_anchors_too() -> None:
    frame = rows().select("note")
    encoder = encoder_of(frame)
    asked = subject_of(frame, encoder, form_of(encoder, "lstm"), most=5)
    [found] = explained("anchors", asked)
    assert {each["unit"] for each in found.more["rule"]} <= {unit.name for unit in asked.units[0]}
    assert found.calls <= 6_000


@pytest.mark.parametrize("background", [None, FRAME[100:160]], ids=["usual", "background"])
def test_a_counterfactual_is_answered_otherwise_and_every_change_is_needed(background: pl.DataFrame | None) -> None:
    some = CHOSEN if background is None else FRAME[:12]
    asked = RULED(some, background=background)
    for place, found in enumerate(explained("counterfactual", asked)):
        row = some[place : place + 1]
        changes = found.more["changes"]
        assert changes, found.more["text"]
        after = {each["column"]: each["after"] for each in changes}
        assert {each["column"]: each["before"] for each in changes} == {name: row[name][0] for name in after}

        def said(kept: dict[str, Any], row: pl.DataFrame = row) -> Any:
            return asked.said(row.with_columns([pl.lit(v, dtype=row[n].dtype).alias(n) for n, v in kept.items()]))[0]

        assert said(after) != said({}) and said(after) == found.more["prediction"]
        for name in after:
            fewer = {other: value for other, value in after.items() if other != name}
            assert not fewer or said(fewer) == said({})
        assert found.values.sum() == pytest.approx(found.whole - found.base, abs=1e-9) and found.complete
        assert set(np.flatnonzero(found.values).tolist()) <= {FRAME.columns.index(name) for name in after}


def test_a_number_goes_no_further_than_it_must() -> None:
    """The classes are parted at a = 0.3, so a change of `a` alone ends close behind it."""
    frame = FRAME.select("a", "b")
    codes = (frame["a"] > 0.3).cast(pl.Int64).to_numpy().copy()
    of = two_classes(frame, codes, "linear", penalty="none")
    some = frame.filter((pl.col("a") > 0.6) & (pl.col("a") < 1.5))[:5]
    for found in explained("counterfactual", of(some)):
        [change] = found.more["changes"]
        assert change["column"] == "a"
        assert 0.1 < change["after"] < 0.35


def test_whole_numbers_stay_whole_and_values_stay_within_what_is_known() -> None:
    counts = pl.DataFrame({"a": np.arange(300) % 17, "b": FRAME["b"]}).with_columns(pl.col("a").cast(pl.Int64))
    codes = (counts["a"] > 8).cast(pl.Int64).to_numpy().copy()
    of = two_classes(counts, codes)
    for found in explained("counterfactual", of(counts[12:17], background=counts[100:150])):
        [change] = found.more["changes"]
        assert isinstance(change["after"], int) and 0 <= change["after"] <= 8


def test_what_cannot_be_flipped_says_so() -> None:
    asked = RULED(CHOSEN[:1])
    asked = replace(asked, said=lambda some: ["always"] * len(some))
    [found] = explained("counterfactual", asked)
    assert found.more["changes"] == [] and "no change" in found.more["text"]
    assert not found.values.any() and not found.complete


def test_counterfactuals_are_for_classes_of_tables(fitted: Fitted) -> None:
    with pytest.raises(UsageError, match="no classes") as told:
        explain(fitted.bundle("diabetes"), "sample:diabetes", rows=[0], method="counterfactual")
    assert "anchors" in str(told.value.fix)
    frame = rows().select("note")
    encoder = encoder_of(frame)
    asked = subject_of(frame, encoder, form_of(encoder, "lstm"))
    assert "whole columns" in str(registry.find("explainers", "counterfactual").declines(asked))
    with pytest.raises(UsageError) as few:
        explained("counterfactual", RULED(CHOSEN[:1]), calls=3)
    assert "calls or more" in str(few.value.fix)


@pytest.mark.parametrize("name", ["lime", "occlusion"])
def test_planted_columns_are_found(name: str) -> None:
    """Three of twelve columns decide; among the three largest attributions are nearly always those."""
    random = np.random.default_rng(5)
    frame = pl.DataFrame({f"c{i}": random.normal(size=400) for i in range(12)})
    values = 3 * frame["c2"].to_numpy() - 2 * frame["c7"].to_numpy() + 2.5 * frame["c9"].to_numpy()
    encoder, form = learned("gradient-boosting", frame, values, rounds=60)
    some = frame.filter(pl.min_horizontal(pl.col("c2", "c7", "c9").abs()) > 0.5)[:20]
    hits = []
    for found in explained(name, subject(some, encoder, form), **({"calls": 1_200} if name == "lime" else {})):
        largest = {int(each) for each in np.argsort(-np.abs(found.values))[:3]}
        hits.append(len(largest & {2, 7, 9}) / 3)
    assert np.mean(hits) >= 0.95


@pytest.mark.parametrize("name", ["shap", "lime", "occlusion"])
def test_a_model_that_learned_nothing_is_explained_otherwise(name: str) -> None:
    codes = TWO
    shuffled = np.random.default_rng(0).permutation(codes)
    one, other = (two_classes(FRAME, each, "linear")(FRAME[:8], moved=log_odds) for each in (codes, shuffled))
    values, again = (np.array([each.values for each in explained_of(name, asked)]) for asked in (one, other))
    same = np.corrcoef(values.ravel(), again.ravel())[0, 1]
    assert abs(same) < 0.7


def explained_of(name: str, asked: Subject) -> list[Attributed]:
    found: list[Attributed] = registry.find("explainers", name).explain(asked, Effort())
    return found


def test_the_program_tells_rules_and_changes(fitted: Fitted) -> None:
    [rule] = explain(fitted.bundle("iris"), "sample:iris", rows=[10], method="anchors")
    assert rule.more["rule"] and "petal" in rule.more["text"]
    [change] = explain(fitted.bundle("iris"), "sample:iris", rows=[10], method="counterfactual")
    assert change.more["prediction"] != change.prediction
    assert change.to_json()["more"]["changes"][0].keys() == {"column", "before", "after"}
