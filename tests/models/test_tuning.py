"""The ways in which a pretrained model goes on learning: what moves, when, and that adapters leave no trace behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from luban import collate
from luban.batch import Batch, Tensors
from luban.core import registry
from luban.evidence.trace import Trace
from luban.features.text.tokens import Tokens
from luban.models import _adapters, _tuning
from luban.origins import configs, naming
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Features, Train
from luban.training import beginning, optimizing
from luban.training.fitting import fit_candidate
from luban.training.tracing import Tracing
from origins import tiny

TEXT = registry.find("models", "pretrained-text")
IMAGE = registry.find("models", "pretrained-image")
TRAIN = Train(epochs=2, learning_rate=0.01, batch_size=16, stopping=0.0, threads=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def rows(folder: Path) -> tuple[Tensors, np.ndarray[Any, Any], Work]:
    import polars as pl

    written = tiny.texts(48)
    values = pl.Series("headline", written["headline"])
    state = Tokens().fit(values, Features(tokenizer=str(folder / "tokenizer.json"), longest=20))
    codes = (np.array(written["topic"]) == "sport").astype(np.int64)
    work = Work("binary", 2, 48, 0, shapes={"headline": Tokens().shape(state)})
    return Tensors({"headline": Tokens().encode(values, state)}), codes, work


def candidate(folder: Path, **settings: Any) -> Candidate:
    origin = naming.find(str(folder)).settings()
    return Candidate(model="pretrained-text", settings={"origin": origin, **settings})


def begun(folder: Path, **settings: Any) -> Any:
    torch.manual_seed(0)
    return beginning.begun(candidate(folder, **settings), rows(folder)[2]).eval()


def fitted(folder: Path, train: Train = TRAIN, **settings: Any) -> Any:
    inputs, codes, work = rows(folder)
    return fit_candidate(Batch(inputs, codes), work, candidate(folder, **settings), seed=0, threads=1, train=train)


def learning(module: Any) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def test_of_the_way_head_nothing_of_the_body_moves(folder: Path) -> None:
    assert learning(begun(folder, tune="head")) == {"head.weight", "head.bias"}
    form = fitted(folder, tune="head")
    own = naming.find(str(folder)).weights()
    for name in ("embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.weight"):
        assert np.array_equal(form.weights[f"encoders.0.body.{name}"], own[name])


@pytest.mark.parametrize("way", ["lora", "dora"])
def test_an_adapter_changes_nothing_at_first_and_learns_alone_beside_the_head(folder: Path, way: str) -> None:
    plain, adapted = begun(folder, tune="full"), begun(folder, tune=way)
    inputs, _, _ = rows(folder)
    some = collate.to_torch(inputs, np.arange(8))
    with torch.inference_mode():
        assert torch.allclose(plain.features(some), adapted.features(some), atol=1e-5)
    own = learning(adapted)
    assert {name for name in own if not _adapters.learns(name)} == {"head.weight", "head.bias"}
    assert any(".layer.0.attention.self.query.left" in name for name in own)
    lower = learning(begun(folder, tune=way, frozen=1))
    assert any("layer.1" in name for name in lower) and not any("layer.0" in name for name in lower)


@pytest.mark.parametrize("way", ["lora", "dora"])
def test_what_is_saved_has_no_adapter_and_answers_as_the_network_that_learned(folder: Path, way: str) -> None:
    module = begun(folder, tune=way)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if _adapters.learns(name):
                parameter.add_(torch.randn_like(parameter) * 0.1)
    inputs, _, work = rows(folder)
    some = collate.to_torch(inputs, np.arange(8))
    with torch.inference_mode():
        learned = module(some)
    # From here on the network that learned is written over.
    settings, weights = beginning.plain(candidate(folder, tune=way), module.state_dict())
    assert settings["tune"] == "full" and not any(_adapters.learns(name) for name in weights)
    whole = TEXT.build(work, TEXT.Settings.model_validate(settings)).eval()
    whole.load_state_dict(weights)
    with torch.inference_mode():
        assert torch.allclose(whole(some), learned, atol=1e-5)


def test_a_fit_by_adapters_gives_a_form_of_plain_weights_that_moved(folder: Path) -> None:
    form = fitted(folder, tune="lora")
    assert form.settings["tune"] == "full"
    own = naming.find(str(folder)).weights()
    name = "encoder.layer.0.attention.self.query.weight"
    assert not np.allclose(form.weights[f"encoders.0.body.{name}"], own[name])
    assert np.array_equal(
        form.weights["encoders.0.body.embeddings.word_embeddings.weight"], own["embeddings.word_embeddings.weight"]
    )


def test_rank_and_alpha_say_how_an_adapter_learns(folder: Path) -> None:
    inputs, _, _ = rows(folder)
    usual, *others = (
        fitted(folder, tune="lora", **more).outputs(inputs) for more in ({}, {"rank": 2}, {"alpha": 64.0})
    )
    assert all(np.abs(usual - other).max() > 1e-6 for other in others)


def test_gradual_blocks_begin_from_above_one_after_the_other(folder: Path) -> None:
    module = begun(folder, tune="gradual")
    begins = {name: getattr(parameter, "begins", 0.0) for name, parameter in module.named_parameters()}
    body = "encoders.0.body."
    assert begins["head.weight"] == 0.0
    top, low = (begins[f"{body}encoder.layer.{block}.output.dense.weight"] for block in (1, 0))
    assert 0.0 < top < low < begins[f"{body}embeddings.word_embeddings.weight"] == _tuning.UNDERWAY
    optimiser = optimizing.optimizer(module, Train(), 0.1)
    moving = []
    for gone in (0.0, top, low, 0.6):
        optimizing.pace(optimiser, 0.1, gone)
        moving.append(sum(len(group["params"]) for group in optimiser.param_groups if group["lr"] > 0))
    assert moving[0] == 2 and moving == sorted(set(moving)) and moving[-1] == len(list(module.parameters()))


def test_a_block_that_begins_later_has_not_moved_before(folder: Path) -> None:
    own = naming.find(str(folder)).weights()
    low = "embeddings.word_embeddings.weight"
    short = fitted(folder, TRAIN.model_copy(update={"until_step": 2}), tune="gradual")
    assert np.array_equal(short.weights[f"encoders.0.body.{low}"], own[low])
    whole = fitted(folder, tune="gradual")
    assert not np.array_equal(whole.weights[f"encoders.0.body.{low}"], own[low])


def test_what_begins_later_is_told_to_be_meant(folder: Path) -> None:
    module = begun(folder, tune="gradual")
    trace = Trace()
    Tracing(trace, module, optimizing.optimizer(module, Train(), 0.1), rows(folder)[2], Train(), steps=9, recipe={})
    assert {one.name for one in trace.parameters if not one.frozen} == {"head.weight", "head.bias"}


def test_the_way_is_chosen_by_size_and_time_and_says_why(folder: Path) -> None:
    settings = TEXT.Settings(origin=naming.find(str(folder)).settings())
    work = rows(folder)[2]
    full, why = TEXT.sized(settings, work, 20.0, None)
    assert full["tune"] == "full" and "few enough" in why
    assert TEXT.sized(settings, work, 20.0, 1e-6)[0]["tune"] == "head"
    large = {**tiny.CONFIG, "hidden_size": 1024, "num_hidden_layers": 24, "intermediate_size": 4096}
    others = TEXT.Settings(origin={**tiny.ORIGIN, "config": large})
    assert TEXT.sized(others, work, 20.0, None)[0]["tune"] == "lora"
    asked = others.model_copy(update={"tune": "full", "embeddings": 1.0, "summary": "mean"})
    assert TEXT.sized(asked, work, 20.0, None) == ({}, "")


def test_the_weights_of_blocks_are_those_that_the_network_has() -> None:
    for config in (tiny.CONFIG, tiny.IMAGES):
        body = configs.body(config)
        matrices = [
            weight.numel() for name, weight in body.named_parameters() if weight.ndim == 2 and "embeddings" not in name
        ]
        whole = sum(weight.numel() for weight in body.parameters())
        assert configs.block_weights(config) == (sum(matrices) if config is tiny.CONFIG else whole)


def test_of_images_the_time_decides_between_the_head_and_all_of_it() -> None:
    settings = IMAGE.Settings(origin=tiny.ORIGIN_OF_IMAGES)
    work = Work("binary", 2, 500, 0, shapes={"image": Shape("image", (3, 32, 32))})
    assert IMAGE.sized(settings, work, 0.0, None)[0] == {"tune": "full"}
    assert IMAGE.sized(settings, work, 0.0, 0.001)[0] == {"tune": "head"}
    module = IMAGE.build(work, settings.model_copy(update={"tune": "head", "statistics": "learned"})).train()
    assert not any(part.training for part in module.encoders[0].body.modules() if "Norm" in type(part).__name__)
