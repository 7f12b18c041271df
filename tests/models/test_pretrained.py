"""Models that begin from a pretrained encoder: it says what `transformers` says, and learns as the settings tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from transformers import BertModel

from luban import collate
from luban.batch import Batch, Tensors
from luban.core import registry
from luban.core.errors import BundleError
from luban.features.text.tokens import Tokens
from luban.origins import naming
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Features, Train
from luban.training import beginning, optimizing
from luban.training.settings import settings
from origins import tiny

TEXT = registry.find("models", "pretrained-text")
FROZEN = registry.find("models", "pretrained-features")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def described(folder: Path, **others: Any) -> dict[str, Any]:
    return {"origin": naming.find(str(folder)).settings(), **others}


def rows(folder: Path, count: int = 60) -> tuple[Tensors, list[str], Shape]:
    """The texts as tokens of the folder's tokenizer."""
    written = tiny.texts(count)
    values = pl.Series("headline", written["headline"])
    state = Tokens().fit(values, Features(tokenizer=str(folder / "tokenizer.json"), longest=20))
    return Tensors({"headline": Tokens().encode(values, state)}), written["topic"], Tokens().shape(state)


def begun(folder: Path, **others: Any) -> tuple[Any, Tensors, list[str]]:
    inputs, topics, shape = rows(folder)
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    torch.manual_seed(0)
    module = beginning.begun(Candidate(model="pretrained-text", settings=described(folder, **others)), work)
    return module.eval(), inputs, topics


def test_the_vector_of_a_text_is_the_mean_of_the_states_that_transformers_gives(folder: Path) -> None:
    module, inputs, _ = begun(folder)
    theirs = BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        ours = module.features(collate.to_torch(inputs, np.arange(8)))
        for row in range(8):
            part = inputs.parts["headline"]
            own = part.values[part.offsets[row] : part.offsets[row + 1]]
            # Luban's start and end stand for [CLS] and [SEP], and its numbers begin behind the five marks.
            ids = torch.tensor([[2, *(int(number) - 5 for number in own[1:-1]), 3]])
            wanted = theirs(input_ids=ids).last_hidden_state[0].mean(dim=0)
            assert torch.allclose(ours[row], wanted, atol=1e-5)


def test_the_state_of_the_first_mark_may_stand_for_a_text(folder: Path) -> None:
    inputs, topics, shape = rows(folder)
    origin = {**described(folder)["origin"], "summary": "first"}
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    module = beginning.begun(Candidate(model="pretrained-text", settings={"origin": origin}), work).eval()
    some = collate.to_torch(inputs, np.arange(4))
    with torch.inference_mode():
        states = module.encoders[0].states(some["headline"], some["headline.lengths"])
        assert torch.equal(module.features(some), states[:, 0])


@pytest.mark.parametrize(("asked", "read"), [("auto", "mean"), ("first", "first"), ("layers", "layers")])
def test_what_is_laid_out_says_how_a_text_is_read(folder: Path, asked: str, read: str) -> None:
    given = {"origin": described(folder)["origin"], "summary": asked}
    _, topics, shape = rows(folder)
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    module = beginning.begun(Candidate(model="pretrained-text", settings=given), work)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    model = registry.find("models", "pretrained-text")
    config, _ = model.laid_out(model.Settings.model_validate(given), work, weights)
    assert config["luban_summary"] == read


def test_the_first_state_is_chosen_where_all_of_a_large_model_learns_to_answer_one_text(folder: Path) -> None:
    _, topics, shape = rows(folder)
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    config = {**described(folder)["origin"]["config"], "hidden_size": 384, "intermediate_size": 1536}
    origin = {**described(folder)["origin"], "config": config}

    def chosen(work: Work = work, made_for: str = "mean", **asked: Any) -> str | None:
        found, reason = TEXT.sized(TEXT.Settings(origin={**origin, "summary": made_for}, **asked), work, 8.0, None)
        assert ("summary" in found) == ("its first state" in reason)
        return found.get("summary")

    assert chosen() == chosen(tune="gradual") == "first"
    for stay in ({"tune": "head"}, {"tune": "lora"}, {"frozen": 1}, {"summary": "mean"}, {"made_for": "layers"}):
        assert chosen(**stay) is None, stay
    for task, parts in (("similarity", ("one", "other")), ("question-answering", ("text",)), ("tagging", ("text",))):
        assert chosen(Work(task, 2, len(topics), 0, shapes=dict.fromkeys(parts, shape))) is None, task
    small = TEXT.Settings(**described(folder))
    assert "summary" not in TEXT.sized(small, work, 8.0, None)[0]


def test_all_layers_may_stand_for_a_text_each_as_loud_as_the_others(folder: Path) -> None:
    (folder / "1_Pooling" / "config.json").unlink()
    module, inputs, _ = begun(folder)
    theirs = BertModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        ours = module.features(collate.to_torch(inputs, np.arange(8)))
        for row in range(8):
            part = inputs.parts["headline"]
            own = part.values[part.offsets[row] : part.offsets[row + 1]]
            ids = torch.tensor([[2, *(int(number) - 5 for number in own[1:-1]), 3]])
            layers = torch.stack(theirs(input_ids=ids, output_hidden_states=True).hidden_states).double()[:, 0]
            centered = layers - layers.mean(dim=2, keepdim=True)
            normal = centered / (centered.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
            assert len(normal) == 3
            assert torch.allclose(ours[row].double(), normal.mean(dim=(0, 1)), atol=1e-5)


@pytest.mark.parametrize("pooled", [True, False])
def test_padding_changes_nothing(folder: Path, pooled: bool) -> None:
    if not pooled:
        (folder / "1_Pooling" / "config.json").unlink()
    module, inputs, _ = begun(folder)
    with torch.inference_mode():
        together = module(collate.to_torch(inputs, np.arange(10)))
        alone = torch.cat([module(collate.to_torch(inputs, np.array([row]))) for row in range(10)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_lower_blocks_learn_more_slowly_and_the_head_faster(folder: Path) -> None:
    module, _, _ = begun(folder, layer_decay=0.5, embeddings=1.0)
    groups = optimizing.optimizer(module, Train(), 0.1).param_groups
    shares = {id(parameter): group["share"] for group in groups for parameter in group["params"]}
    found = {name: shares[id(parameter)] for name, parameter in module.named_parameters()}
    body = "encoders.0.body."
    assert found[f"{body}embeddings.word_embeddings.weight"] == 0.25
    assert found[f"{body}encoder.layer.0.output.dense.weight"] == 0.5
    assert found[f"{body}encoder.layer.1.output.dense.weight"] == 1.0
    assert found["head.weight"] == 20.0
    assert {group["lr"] for group in groups} == {0.1 * share for share in (0.25, 0.5, 1.0, 20.0)}


def test_embeddings_of_a_small_network_learn_faster_unless_another_rate_is_asked_for(folder: Path) -> None:
    for asked, share in (({}, 8.0), ({"embeddings": 3.0}, 3.0), ({"embeddings": 2.0, "layer_decay": 0.5}, 0.5)):
        module, _, _ = begun(folder, **{"layer_decay": 1.0, **asked})
        rates = {name: parameter.rate for name, parameter in module.named_parameters()}
        assert rates["encoders.0.body.embeddings.word_embeddings.weight"] == share
        assert rates["encoders.0.body.encoder.layer.1.output.dense.weight"] == 1.0
        assert rates["head.weight"] == 20.0


def test_the_rate_of_embeddings_is_chosen_by_the_size_and_said(folder: Path) -> None:
    _, topics, shape = rows(folder)
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    found, reason = TEXT.sized(TEXT.Settings(**described(folder)), work, 8.0, None)
    assert found == {"tune": "full", "embeddings": 8.0}
    assert "its words" in reason
    asked = TEXT.Settings(**described(folder, embeddings=1.0, tune="head"))
    assert TEXT.sized(asked, work, 8.0, None) == ({}, "")
    config = {**described(folder)["origin"]["config"], "hidden_size": 384, "intermediate_size": 1536}
    large = TEXT.Settings(origin={**described(folder)["origin"], "config": config}, tune="gradual")
    assert TEXT.sized(large, work, 8.0, None)[0]["embeddings"] == 1.0
    for stay in ({"tune": "head"}, {"tune": "lora"}, {"tune": "full", "frozen": 1}):
        assert TEXT.sized(TEXT.Settings(**described(folder, **stay)), work, 8.0, None) == ({}, ""), stay
    assert TEXT.rate(asked) == (
        5e-4,
        "ten times the usual one for weights that were pretrained: small networks bear more",
    )
    assert TEXT.rate(large)[0] == 5e-5


def test_frozen_blocks_do_not_learn(folder: Path) -> None:
    module, _, _ = begun(folder, frozen=1)
    learning = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    assert not any("embeddings" in name or "layer.0" in name for name in learning)
    assert any("layer.1" in name for name in learning) and "head.weight" in learning


def test_weights_of_another_config_are_refused(folder: Path) -> None:
    _, topics, shape = rows(folder)
    origin = described(folder)["origin"]
    work = Work("binary", 2, len(topics), 0, shapes={"headline": shape})
    for changes in ({"hidden_size": 32}, {"num_hidden_layers": 3}):
        asked = {"origin": {**origin, "config": {**origin["config"], **changes}}}
        with pytest.raises(BundleError, match=r"has the shape .* asks for \(|lacks") as error:
            beginning.begun(Candidate(model="pretrained-text", settings=asked), work)
        assert "must be of one model" in str(error.value.fix)


def test_without_an_origin_there_is_nothing_to_begin_from() -> None:
    from luban.core.errors import UsageError

    for name in ("pretrained-text", "pretrained-features"):
        with pytest.raises(UsageError, match="name one by --from"):
            settings(Candidate(model=name))


def vectors(folder: Path, inputs: Tensors) -> np.ndarray[Any, Any]:
    module, _, _ = begun(folder)
    with torch.inference_mode():
        found: np.ndarray[Any, Any] = module.features(collate.to_torch(inputs, np.arange(inputs.shape[0]))).numpy()
    return found


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_frozen_features_answer_as_a_logistic_regression_on_them(folder: Path, task: str) -> None:
    inputs, topics, shape = rows(folder)
    codes = np.arange(60) % 3 if task == "multiclass" else (np.array(topics) == "sport").astype(np.int64)
    work = Work(task, int(codes.max()) + 1, 60, 0, shapes={"headline": shape})
    form = FROZEN.fit(Batch(inputs, codes), work, FROZEN.Settings(**described(folder, C=5.0)), seed=0, threads=1)
    found = vectors(folder, inputs)
    standard = (found - found.mean(axis=0)) / found.std(axis=0)
    wanted = LogisticRegression(C=5.0 / 16, max_iter=1000).fit(standard, codes).predict_proba(standard)
    assert form.outputs(inputs) == pytest.approx(wanted, abs=1e-4)


def test_frozen_features_answer_values_as_a_ridge_regression_on_them(folder: Path) -> None:
    inputs, _, shape = rows(folder)
    target = 40 + 7 * np.random.default_rng(0).normal(size=60)
    work = Work("regression", 1, 60, 0, shapes={"headline": shape})
    form = FROZEN.fit(Batch(inputs, target), work, FROZEN.Settings(**described(folder)), seed=0, threads=1)
    found = vectors(folder, inputs)
    standard = (found - found.mean(axis=0)) / found.std(axis=0)
    wanted = Ridge(alpha=16 / 10.0).fit(standard, (target - target.mean()) / target.std()).predict(standard)
    assert form.outputs(inputs)[:, 0] == pytest.approx(wanted * target.std() + target.mean(), abs=1e-3)


def test_a_label_that_every_row_has_and_a_class_that_none_has_are_answered_with_certainty(folder: Path) -> None:
    inputs, topics, shape = rows(folder)
    labels = np.stack([np.ones(60), np.array(topics) == "sport"], axis=1).astype(np.int64)
    work = Work("multilabel", 2, 60, 0, shapes={"headline": shape})
    asked = FROZEN.Settings(**described(folder))
    form = FROZEN.fit(Batch(inputs, labels), work, asked, seed=0, threads=1)
    assert form.outputs(inputs)[:, 0].min() > 0.999
    work = Work("multiclass", 3, 60, 0, shapes={"headline": shape})
    form = FROZEN.fit(Batch(inputs, labels[:, 1] * 2), work, asked, seed=0, threads=1)
    assert form.outputs(inputs)[:, 1].max() < 1e-6


def test_frozen_features_read_nothing_beside_texts() -> None:
    mixed = {"headline": Shape("tokens", (70,), longest=9), "table": Shape("vector", (3,))}
    work = Work("binary", 2, 60, 3, shapes=mixed)
    assert "takes other columns beside it" in FROZEN.declines(work)
    assert TEXT.declines(work) is None


def test_another_penalty_gives_other_answers(folder: Path) -> None:
    inputs, topics, shape = rows(folder)
    work = Work("binary", 2, 60, 0, shapes={"headline": shape})
    batch = Batch(inputs, (np.array(topics) == "sport").astype(np.int64))
    answers = [
        FROZEN.fit(batch, work, FROZEN.Settings(**described(folder, C=C)), seed=0, threads=1).outputs(inputs)
        for C in (0.1, 10.0)
    ]
    assert np.abs(answers[0] - answers[1]).max() > 0.05
