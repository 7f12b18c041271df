"""Similarity of pairs of texts: its columns, its baseline, the network that compares vectors, and bundles of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
import torch

import luban
from luban import collate, states
from luban.batch import Batch, Ragged, Tensors
from luban.collate import LENGTHS
from luban.core import registry
from luban.core.errors import BundleError, DataError, UsageError
from luban.data.open import open_dataset
from luban.forms import _kept
from luban.forms.shared_words import shared
from luban.protocols import Shape, State, Work
from luban.recipe.recipe import Candidate, Recipe
from luban.runtime import graph
from luban.training.fitting import fit_candidate
from luban.verbs.embed import embed
from luban.verbs.preparing import Prepared, prepare
from luban.verbs.stacking import Given
from origins import tiny

GAMES, MONEY = ("goal", "match", "team", "cup", "coach"), ("shares", "market", "bank", "profit", "trade")
SHAPE = Shape("tokens", (128,), longest=9)
WORK = Work("similarity", 1, 40, 0, shapes={"one": SHAPE, "other": SHAPE})
FEW: dict[str, Any] = {"train.epochs": 6, "train.learning_rate": 2e-3, "train.batch_size": 16}


def pairs(count: int, seed: int = 0) -> pl.DataFrame:
    """Texts of games or of money, which share no word but one that says nothing; 1 where both are of one of them."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        topics = [int(random.integers(2)), int(random.integers(2))]
        texts = []
        for place, topic in enumerate(topics):
            words = (GAMES, MONEY)[topic][place::2]
            texts.append(" ".join([*random.choice(words, 4), random.choice(["the", "of", "in"])]))
        rows.append((*texts, int(topics[0] == topics[1]), number))
    return pl.DataFrame(rows, schema=["one", "other", "alike", "number"], orient="row")


def prepared(frame: pl.DataFrame, **asked: Any) -> Prepared:
    return prepare(open_dataset(frame), Given(), Recipe(**{"target": "alike", "task": "similarity", **asked}))


def tokens(*texts: list[int]) -> Ragged:
    return Ragged.of([np.array([2, *text, 3], np.int32) for text in texts])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return str(tiny.write(tmp_path / "tiny"))


def test_the_two_columns_of_texts_are_read_and_nothing_else() -> None:
    found = prepared(pairs(40))
    assert [column.name for column in found.schema.inputs] == ["one", "other"]
    assert found.schema["number"].role != "input" and found.classes == ()


def test_true_and_false_are_one_and_zero() -> None:
    frame = pairs(40).with_columns(pl.col("alike") == 1)
    assert set(np.unique(np.asarray(prepared(frame).target))) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pairs(40).drop("other"), "compares two columns of texts, and there are 1"),
        (
            pairs(40).with_columns(third=pl.col("one").str.to_uppercase(), fourth=pl.col("other").str.to_uppercase()),
            "and there are 4",
        ),
    ],
)
def test_other_than_two_columns_of_texts_are_told(frame: pl.DataFrame, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        prepared(frame)


def test_a_column_that_is_left_out_is_none_of_the_pair() -> None:
    frame = pairs(40).with_columns(third=pl.col("one").str.to_uppercase(), fourth=pl.col("other").str.to_uppercase())
    assert len(prepared(frame, drop=("third", "fourth")).schema.inputs) == 2


def test_names_of_classes_are_told_to_be_written_as_numbers() -> None:
    frame = pairs(40).with_columns(pl.col("alike").replace_strict({0: "other", 1: "same"}))
    with pytest.raises(DataError, match="similarity needs a number in every row") as refused:
        prepared(frame)
    assert "1 for alike" in str(refused.value.fix)


def test_rows_with_an_empty_text_stop_a_run_unless_they_are_dropped() -> None:
    frame = pairs(40).with_columns(other=pl.when(pl.col("number") == 7).then(pl.lit(" ")).otherwise("other"))
    with pytest.raises(DataError, match="its other is empty"):
        prepared(frame)
    found = prepared(frame, features={"unreadable": "drop"})
    assert len(found.division.train) + len(found.division.test) == 39


def test_both_columns_have_the_same_tokens() -> None:
    found = prepared(pairs(60))
    assert found.tensors is not None
    first, second = found.tensors.parts
    assert first.state == second.state and first.column != second.column
    same = found.tensors.transform(pl.DataFrame({"one": ["goal cup"], "other": ["goal cup"]}))
    one, other = same.parts.values()
    assert isinstance(one, Ragged) and isinstance(other, Ragged) and one.values.tolist() == other.values.tolist()


def test_shared_tokens_are_counted_once_and_common_ones_not_at_all() -> None:
    rows = Tensors({"one": tokens([7, 7, 8, 9], [7], []), "other": tokens([8, 9, 9, 10, 11], [8], [7])})
    assert shared(rows).tolist() == pytest.approx([2 / np.sqrt(3 * 4), 0, 0])
    assert shared(rows, (9,)).tolist() == pytest.approx([1 / np.sqrt(2 * 3), 0, 0])


def test_the_baseline_finds_what_is_common_and_the_line_of_least_squares() -> None:
    random = np.random.default_rng(0)
    alike = np.arange(40) % 2
    # A token that nearly all texts have says nothing; without it the shared ones say all.
    one = [[99, 10 + n] if n % 3 else [10 + n] for n in range(40)]
    other = [[99, 10 + n if yes else 70 + n] if random.random() < 0.8 else [10 + n if yes else 70 + n]
             for n, yes in enumerate(alike)]  # fmt: skip
    batch = Batch(Tensors({"one": tokens(*one), "other": tokens(*other)}), 3.0 * alike + 1)
    form: Any = fit_candidate(batch, WORK, Candidate(model="shared-words"), seed=0, threads=1)
    assert 99 in form.common
    assert form.outputs(batch.inputs)[:, 0] == pytest.approx(3.0 * alike + 1, abs=1e-9)
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    assert np.array_equal(registry.find("forms", kind).rebuild(state).outputs(batch.inputs), form.outputs(batch.inputs))


def test_texts_that_share_nothing_are_answered_by_the_mean() -> None:
    batch = Batch(Tensors({"one": tokens([7], [8]), "other": tokens([9], [10])}), np.array([1.0, 3.0]))
    form: Any = fit_candidate(batch, WORK, Candidate(model="shared-words"), seed=0, threads=1)
    assert form.outputs(batch.inputs)[:, 0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    "changed", [{"scale": "much"}, {"common": [-1]}, {"common": [True]}, {"common": None}, {"more": 1}]
)
def test_a_state_that_could_not_be_written_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="shared-words"):
        registry.find("forms", "shared-words").rebuild(State({"scale": 1.0, "offset": 0.0, "common": [], **changed}))


def network(**settings: Any) -> Any:
    torch.manual_seed(0)
    model = registry.find("models", "pretrained-text")
    return model.build(WORK, model.Settings(origin=tiny.ORIGIN, **settings))


def inputs(rows: int = 6, seed: int = 0) -> dict[str, Any]:
    draw = torch.Generator().manual_seed(seed)
    found: dict[str, Any] = {}
    for name in ("one", "other"):
        found[name] = torch.randint(5, 20, (rows, 7), generator=draw)
        found[name + LENGTHS] = torch.full((rows,), 7)
    return found


def test_the_answer_is_of_the_cosine_and_knows_no_first_and_second() -> None:
    module = network().eval()
    given = inputs()
    one, other = (module.encoder(given[name], given[name + LENGTHS]) for name in ("one", "other"))
    cosine = torch.nn.functional.cosine_similarity(one, other)
    wanted = module.head.weight[0, 0] * cosine + module.head.bias[0]
    assert torch.allclose(module(given)[:, 0], wanted, atol=1e-6)
    turned = {name.replace("other", "x").replace("one", "other").replace("x", "one"): v for name, v in given.items()}
    assert torch.allclose(module(turned), module(given), atol=1e-6)


def test_of_frozen_networks_each_text_is_read_once_whichever_pair_it_is_in(tmp_path: Path) -> None:
    settings = registry.find("models", "pretrained-text").Settings(origin=tiny.ORIGIN, tune="head")
    weights = {name: tensor.numpy() for name, tensor in network(tune="head").state_dict().items()}
    kind: Any = registry.find("forms", "network")
    rows = Tensors({"one": tokens([7, 8], [9], [7, 8], [10]), "other": tokens([11], [12, 13], [12, 13], [11])})
    read: list[int] = []

    def form(scale: float) -> Any:
        own = {**weights, "head.weight": weights["head.weight"] * np.float32(scale)}
        made = kind("pretrained-text", settings.model_dump(mode="json"), WORK, own, "identity")
        made.module.encoder.register_forward_hook(lambda module, given, said: read.append(len(said)))
        return made

    first, bias = form(1.0), weights["head.bias"]
    with torch.inference_mode():
        plain = first.module.eval()(collate.to_torch(rows, np.arange(4))).double().numpy()
    with _kept.asked(collate.parts(rows), np.arange(4), tmp_path):
        whole = first.outputs(rows)
        assert np.abs(whole - plain).max() < 1e-6
        read.clear()
        assert np.abs(form(1.0).outputs(rows[np.array([2, 0, 1])]) - whole[[2, 0, 1]]).max() < 1e-12
        assert form(2.0).outputs(rows) - bias == pytest.approx(2 * (whole - bias), abs=1e-6)
        mixed = Tensors({"one": rows.parts["one"][np.array([3, 1])], "other": rows.parts["other"][np.array([0, 0])]})
        first.outputs(mixed)
        assert not read, "both texts of each pair were read before, in others"


def test_a_graph_of_pairs_holds_what_reads_them_once_and_answers_as_the_network() -> None:
    model = registry.find("models", "pretrained-text")
    weights = {name: tensor.numpy() for name, tensor in network().state_dict().items()}
    settings = model.Settings(origin=tiny.ORIGIN).model_dump(mode="json")
    form: Any = registry.find("forms", "network")(model.name, settings, WORK, weights, "identity", 2.0, 1.0)
    data = graph.build(form, form.width, form.output_width, WORK.shapes)
    rows = Tensors({"one": tokens([7, 8, 9], [9], [10]), "other": tokens([11], [12, 13], [12, 13, 14, 15])})
    assert graph.parity(form, data, rows, WORK.shapes).difference < 1e-6
    stored = onnx.load_from_string(data).graph.initializer
    table = weights["encoder.body.embeddings.word_embeddings.weight"]
    assert sum(tuple(each.dims) == table.shape for each in stored) == 1


def test_the_head_begins_with_cosines_that_are_standardised() -> None:
    module = network().eval()
    given = inputs(40)
    module.standardise(given)
    said = module(given)[:, 0].detach()
    assert float(said.mean()) == pytest.approx(0, abs=1e-4) and float(said.std(correction=0)) == pytest.approx(
        1, abs=1e-3
    )
    assert float(module.head.weight.detach()) > 0


def test_the_words_of_both_sides_learn_and_no_other() -> None:
    model = registry.find("models", "pretrained-text")
    module = network()
    model.narrow(module, Tensors({"one": tokens([10, 11]), "other": tokens([11, 12])}))
    table = module.encoder.body.get_input_embeddings()
    assert set(table.numbers.tolist()) == {0, 1, 2, 3, 4, 5, 6, 7}


def fit(folder: str, model: str, **others: Any) -> luban.Bundle:
    asked: dict[str, Any] = {"set": FEW, "folds": 2, "repair": "off", "threads": 1, **others}
    return luban.fit(pairs(120), "alike", task="similarity", model=model, from_=folder, out=f"{model}.luban", **asked)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pretrained-text", "pretrained-features"])
def test_a_bundle_answers_again_is_measured_again_and_gives_vectors(folder: str, model: str) -> None:
    made = fit(folder, model)
    assert made.stored.runtime is not None, made.stored.evidence["runtime"]["reason"]
    told = {each.metric: each for each in made.measurements if each.split == "test"}
    assert {"spearman", "pearson", "rmse"} <= set(told)
    assert told["spearman"].baseline is not None and told["spearman"].baseline.model == "shared-words"
    new = pairs(30, seed=5)
    said = made.predict(new.drop("alike"))
    again = luban.load(made.path)
    assert np.abs(again.predict(new.drop("alike")).to_numpy() - said.to_numpy()).max() < 1e-5
    measured = {each.metric: each for each in again.evaluate(new)}
    assert measured["spearman"].baseline is not None and measured["spearman"].baseline.model == "shared-words"
    # What is kept of single texts compares them as the bundle does: its answers rise with the cosine alone.
    cosines = [line["similarity"] for line in embed(new, from_=str(made.path), pair="one,other").document["pairs"]]
    line = np.polyfit(cosines, said.to_numpy().ravel(), 1)
    assert np.polyval(line, cosines) == pytest.approx(said.to_numpy().ravel(), abs=1e-4)
    out = io.BytesIO()
    assert embed(new, from_=str(made.path), text="other", stream=out).document["width"] == 16
    kept = pl.read_csv(out.getvalue()).drop("row").to_numpy()
    assert np.linalg.norm(kept, axis=1) == pytest.approx(1.0, abs=1e-5)
    (nearest, *_) = embed(new, from_=str(made.path), text="other", find=new["other"][3], top=1).document["found"]
    assert nearest["similarity"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
def test_fine_tuning_learns_pairs_whose_words_differ(folder: str) -> None:
    made = fit(folder, "pretrained-text", test=pairs(80, seed=9))
    (spearman,) = [each for each in made.measurements if each.metric == "spearman" and each.split == "test"]
    assert spearman.value > 0.6
    assert spearman.difference is None or spearman.difference.low > 0


@pytest.mark.slow
def test_without_a_pretrained_model_the_words_answer_and_have_no_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = luban.fit(pairs(120), "alike", task="similarity", out="words.luban", repair="off", threads=1, folds=2)
    assert made.stored.form_kind == "shared-words"
    with pytest.raises(UsageError, match="shared-words answers in this bundle"):
        embed(pairs(4), from_="words.luban", pair="one,other")
