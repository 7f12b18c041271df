"""What is explained of the answers of every task: a class, a label, a value, a step, a word's tag, a score, a word."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from luban.batch import Array, Ragged, Tensors, dense
from luban.core.errors import UsageError
from luban.verbs.bundle import Bundle
from luban.verbs.explain import explain

QUICK: dict[str, Any] = {"repair": "off", "threads": 1}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bundles lie in the folder of the test."""
    monkeypatch.chdir(tmp_path)


def table(count: int = 90) -> pl.DataFrame:
    chance = np.random.default_rng(3)
    a, b, c = chance.normal(size=(3, count)).round(3)
    return pl.DataFrame({"a": a, "b": b, "c": c})


def added_up(found: Any) -> float:
    return float(found.base_value + sum(each.attribution for each in found.attributions))


def test_a_label_of_several() -> None:
    rows = table()
    tags = ["|".join(name for name in ("x", "y") if row["a" if name == "x" else "b"] > -0.4) for row in rows.to_dicts()]
    bundle = luban.fit(
        rows.with_columns(tags=pl.Series(tags)), target="tags", task="multilabel", model="linear", **QUICK
    )
    [first] = bundle.explain(rows[:1], method="shap", output="x")
    [other] = bundle.explain(rows[:1], method="shap", output="y")
    assert first.attributions[0].unit.name == "a" and other.attributions[0].unit.name == "b"
    assert first.value == pytest.approx(bundle.predict_proba(rows[:1])["x"].item())


@pytest.mark.slow
def test_a_target_of_several() -> None:
    rows = table().with_columns(kind=pl.when(pl.col("a") > 0).then(pl.lit("up")).otherwise(pl.lit("down")))
    rows = rows.with_columns(size=pl.col("b") * 3 + 1)
    small = {"model.mlp.units": [8], "train.epochs": 20, "train.repeats": 1, "split.folds": 2}
    bundle = luban.fit(rows, target=["kind", "size"], model="mlp", set=small, **QUICK)
    asked = rows.select("a", "b", "c")[:1]
    said = bundle.predict(asked)
    [kind] = bundle.explain(asked)
    assert kind.output == f"kind={said['kind'].item()}" and kind.scale == "probability"
    [size] = bundle.explain(asked, output="size")
    assert size.value == pytest.approx(said["size"].item()) and size.scale == "value"
    [down] = bundle.explain(asked, output="kind=down")
    assert down.output == "kind=down"
    with pytest.raises(UsageError, match=r"no target is called 'seize'.*size"):
        bundle.explain(asked, output="seize")


def test_how_unlike_others_a_row_is() -> None:
    rows = table()
    bundle = luban.fit(rows, task="anomaly", model="isolation-forest", **QUICK)
    odd = rows[:1].with_columns(c=pl.lit(40.0))
    [found] = bundle.explain(odd, method="shap")
    assert (found.output, found.scale) == ("score", "score")
    assert found.attributions[0].unit.name == "c" and found.attributions[0].attribution > 0
    assert added_up(found) == pytest.approx(bundle.predict(odd).item())


def test_a_cluster() -> None:
    rows = table().with_columns(a=pl.col("a") + pl.Series([8.0, -8.0] * 45))
    bundle = luban.fit(rows, task="clustering", model="kmeans", **QUICK)
    [found] = bundle.explain(rows[:1])
    assert found.output == str(bundle.predict(rows[:1]).item())
    assert found.attributions[0].unit.name == "a"


def test_a_step_of_a_forecast() -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 6, 30), eager=True)
    season = [10.0 + 5.0 * (number % 7) + 0.01 * number for number in range(len(days))]
    rows = pl.DataFrame({"day": days, "sold": season})
    asked = {"forecast.horizon": 3, "forecast.history": 14}
    bundle = luban.fit(rows, target="sold", task="forecasting", model="linear", set=asked, **QUICK)
    ahead = bundle.predict(rows).to_list()
    for step, value in enumerate(ahead, 1):
        [found] = explain(bundle, rows, output=str(step), units=14)
        assert (found.output, found.scale) == (f"step {step}", "value")
        assert found.value == pytest.approx(value, rel=1e-6)
        assert added_up(found) == pytest.approx(value, rel=1e-6)
    with pytest.raises(UsageError, match="'4' is no step of 1 to 3"):
        explain(bundle, rows, output="4")


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    chance = np.random.default_rng(1)
    words = [list(chance.choice(["Ulm", "Bonn", "the", "train", "goes"], 5)) for _ in range(60)]
    tags = [["PLACE" if word in ("Ulm", "Bonn") else "O" for word in row] for row in words]
    rows = pl.DataFrame({"words": words, "tags": tags})
    small = {"model.gru.units": 8, "model.gru.embedding": 8, "train.epochs": 25, "train.repeats": 1, "split.folds": 2}
    return luban.fit(
        rows,
        target="tags",
        task="tagging",
        model="gru",
        set=small,
        out=tmp_path_factory.mktemp("tagger") / "t.luban",
        **QUICK,
    )


@pytest.mark.slow
def test_the_tag_of_a_word(tagger: Bundle) -> None:
    row = pl.DataFrame({"words": [["the", "train", "goes", "Ulm", "the"]]})
    [found] = tagger.explain(row)
    tags = tagger.predict(row)[0]
    place = next((number for number, tag in enumerate(tags) if tag != "O"), 0)
    assert found.output == f"word {place + 1}: {tags[place]}"
    [shares] = tagger.predict_proba(row)
    assert found.value == pytest.approx(shares[place].max(), rel=1e-5)
    [first] = tagger.explain(row, output="1")
    assert first.output.startswith("word 1: ")
    with pytest.raises(UsageError, match="'9' is no word of 1 to 5"):
        tagger.explain(row, output="9")


@pytest.mark.slow
def test_the_last_word_of_a_text_is_explained_by_those_before_it() -> None:
    texts = [
        f"the {animal} sat on the {place}" for animal in ("cat", "dog", "goat") for place in ("mat", "wall", "roof")
    ]
    small = {"features.vocabulary": 300, "model.gpt.width": 16, "model.gpt.layers": 1, "model.gpt.heads": 2,
             "model.gpt.context": 16, "train.epochs": 2, "train.batch_size": 8}  # fmt: skip
    bundle = luban.fit(pl.DataFrame({"text": texts * 4}), task="causal-lm", set=small, **QUICK)
    text = "the cat sat on the mat"
    [found] = bundle.explain(pl.DataFrame({"text": [text]}))
    assert (found.output, found.prediction, found.scale) == ("mat", "mat", "probability")
    assert sorted(each.unit.name for each in found.attributions) == ["cat", "on", "sat", "the", "the"]

    def tokens(cut: str) -> Array:
        """The start and the tokens of a text, without its end."""
        encoded = bundle.answerer.preprocessor.transform(pl.DataFrame({"text": [cut]}))
        assert isinstance(encoded, Tensors)
        part = encoded.parts["text"]
        assert isinstance(part, Ragged)
        return part.values[:-1]

    def nats(numbers: Array) -> float:
        return float(dense(bundle.answerer.outputs(Tensors({"text": Ragged.of([numbers])})))[0, 0])

    before = tokens("the cat sat on the")
    word = tokens(text)[len(before) :]
    assert found.value == pytest.approx(np.exp(nats(before) - nats(tokens(text))), rel=1e-5)
    alone = np.concatenate([tokens(""), word])
    assert found.base_value == pytest.approx(np.exp(nats(tokens("")) - nats(alone)), rel=1e-5)
    with pytest.raises(UsageError, match="its last word"):
        bundle.explain(pl.DataFrame({"text": [text]}), output="cat")


@pytest.mark.slow
def test_the_places_of_units_are_in_order(tagger: Bundle) -> None:
    [found] = tagger.explain(pl.DataFrame({"words": [["the", "train", "goes", "Ulm", "the"]]}))
    places = sorted(each.unit.place for each in found.attributions)
    assert all(one[0] < other[0] for one, other in pairwise(places))
