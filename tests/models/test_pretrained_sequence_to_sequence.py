"""Pretrained encoder-decoders inside: what they write is what `transformers` writes, and what of them learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from luban import collate
from luban.batch import Batch, Ragged, Tensors
from luban.core import registry
from luban.features.text.tokens import MARKS, Tokens
from luban.forms.written import Written
from luban.origins import encoder_decoders, naming
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Features, Train
from luban.training import beginning, deciding
from luban.training.fitting import fit_candidate
from luban.training.inside import inside
from origins import rewriting, tiny

NAME = "pretrained-sequence-to-sequence"
LONGEST = 12


@pytest.fixture(scope="module", params=rewriting.KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rewriting.write(tmp_path_factory.mktemp("tiny") / request.param, request.param)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def t5(tmp_path: Path) -> Path:
    return rewriting.write(tmp_path / "t5", "t5")


def candidate(folder: Path, **others: Any) -> Candidate:
    origin = encoder_decoders.opened(folder)
    naming.note(origin.sha256, origin.path)
    return Candidate(model=NAME, settings={"origin": origin.settings(), **others})


def pairs(folder: Path, count: int = 20, prefix: str = "") -> tuple[Batch, Work]:
    """Headlines, and their topic as a text to be written."""
    written = tiny.texts(count)
    values = pl.Series("headline", [prefix + text for text in written["headline"]])
    state = Tokens().fit(values, Features(tokenizer=str(folder / "tokenizer.json"), longest=60))
    rows = Tensors({"headline": Tokens().encode(values, state)})
    work = Work("sequence-to-sequence", 1, count, 0, shapes={"headline": Tokens().shape(state)})
    return Batch(rows, Ragged.of_texts(written["topic"])), work


def begun(folder: Path, **others: Any) -> tuple[Any, dict[str, torch.Tensor], Any]:
    asked = candidate(folder, **others)
    seen = inside(*pairs(folder), asked)
    torch.manual_seed(0)
    module = beginning.begun(asked, seen.work).eval()
    return module, collate.to_torch(seen.batch.inputs, np.arange(20)), seen


def theirs(folder: Path) -> tuple[Any, Any, Any]:
    """The network and the tokenizer that `transformers` opens, and the headlines in its tokens."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = tokenizer(tiny.texts(20)["headline"], return_tensors="pt", padding=True)
    return AutoModelForSeq2SeqLM.from_pretrained(folder).eval(), tokenizer, read


def test_it_writes_the_tokens_that_transformers_writes(folder: Path) -> None:
    module, some, _ = begun(folder)
    network, _, read = theirs(folder)
    config = network.generation_config
    ends, starts = config.eos_token_id, module._starts.tolist()
    told = network.generate(**read, max_new_tokens=LONGEST + len(starts) - 1, do_sample=False, num_beams=1)
    different = set()
    for wanted, found in zip(told.tolist(), module.write(some, longest=LONGEST), strict=True):
        assert wanted[: len(starts)] == starts
        own = wanted[len(starts) :]
        own = own[: own.index(ends)] if ends in own else own
        assert [token - len(MARKS) for token in found.tokens] == own
        assert found.ended == (ends in wanted[len(starts) :])
        different.add(tuple(own))
    assert len(different) > 1


def test_its_loss_is_that_of_transformers(folder: Path) -> None:
    module, some, seen = begun(folder)
    network, tokenizer, read = theirs(folder)
    labels = tokenizer(tiny.texts(20)["topic"], return_tensors="pt", padding=True)
    wanted = labels["input_ids"].masked_fill(labels["attention_mask"] == 0, -100)
    with torch.inference_mode():
        logs = network(**read, labels=wanted).logits.log_softmax(dim=2)
        found = module(some).log_softmax(dim=2)
    extra = len(module._starts) - 1
    target = seen.batch.target
    for row in range(20):
        tokens = target.values[target.offsets[row] : target.offsets[row + 1]]
        own = wanted[row][wanted[row] >= 0][extra:]
        assert len(own) == len(tokens)
        theirs_of = logs[row, extra : extra + len(own)].gather(1, own[:, None])[:, 0]
        ours = found[row, : len(own)].gather(1, torch.from_numpy(tokens.astype(np.int64))[:, None])[:, 0]
        assert torch.allclose(ours, theirs_of, atol=2e-4, rtol=1e-4)


def test_one_token_after_the_other_it_says_what_it_says_of_all_at_once(folder: Path) -> None:
    module, some, _ = begun(folder)
    with torch.inference_mode():
        wanted = module(some)
        wanted[:, :, module._never] = -1e4
        states, steps = module.encode(some), some["headline.written"]
        for place in range(steps.shape[1]):
            found, states = module.next(states, steps[:, place])
            assert torch.allclose(found, wanted[:, place], atol=2e-3, rtol=1e-3)


def test_a_row_is_read_alike_whatever_is_behind_its_end(folder: Path) -> None:
    module, some, _ = begun(folder)
    longer = some | {"headline": torch.nn.functional.pad(some["headline"], (0, 5))}
    with torch.inference_mode():
        assert torch.allclose(module(some), module(longer), atol=2e-3, rtol=1e-3)


def test_several_beams_are_at_least_as_likely_as_one(folder: Path) -> None:
    module, some, _ = begun(folder)
    one, three = (module.write(some, beams=beams, longest=LONGEST) for beams in (1, 3))

    def mean(found: Any) -> float:
        return float(np.mean([each.log_probability / (len(each.tokens) + each.ended) for each in found]))

    assert mean(three) >= mean(one) - 1e-6


def test_each_weight_is_held_once_and_what_is_laid_out_opens_as_it_was(folder: Path) -> None:
    module, _, seen = begun(folder)
    network, *_ = theirs(folder)
    assert sum(weight.numel() for weight in module.parameters()) == sum(w.numel() for w in network.parameters())
    pointers = [tensor.data_ptr() for tensor in module.state_dict().values() if tensor.ndim > 1]
    assert len(set(pointers)) == len(pointers)
    asked = candidate(folder)
    model = registry.find("models", NAME)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    config, found = model.laid_out(model.Settings(**asked.settings), seen.work, weights)
    own = network.state_dict()
    assert set(found) <= set(own) and config["model_type"] == network.config.model_type
    assert all(np.array_equal(values, own[name].numpy()) for name, values in found.items())


def test_what_learns_is_what_was_asked_for(folder: Path) -> None:
    def learns(**others: Any) -> set[str]:
        module, *_ = begun(folder, **others)
        return {name for name, parameter in module.named_parameters() if parameter.requires_grad}

    whole = learns(tune="full")
    assert any("encoder" in name for name in whole) and any("shared" in name for name in whole)
    half = learns(tune="decoder")
    assert half and all(".decoder." in name for name in half)
    small = learns(tune="lora", rank=2)
    assert small and all(name.endswith((".left", ".right")) for name in small)
    assert not any("lm_head" in name for name in small)


def test_an_adapter_that_was_merged_writes_what_it_wrote_beside(t5: Path) -> None:
    asked = candidate(t5, tune="lora", rank=2)
    module, some, seen = begun(t5, tune="lora", rank=2)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape) * 0.1)
        wanted = module(some)
        settings, weights = beginning.plain(asked, module.state_dict())
        assert settings["tune"] == "full"
        again = registry.find("models", NAME).build(seen.work, registry.find("models", NAME).Settings(**settings))
        again.load_state_dict(weights)
        assert torch.allclose(again.eval()(some), wanted, atol=1e-2, rtol=1e-3)
        assert not torch.allclose(wanted, begun(t5)[0](some), atol=1e-2)


@pytest.mark.parametrize("name", ["t5-1.1", "bart"])
def test_few_epochs_teach_it_to_write_what_a_text_is_about(name: str, tmp_path: Path) -> None:
    folder = rewriting.write(tmp_path / name, name, loud=False)
    batch, work = pairs(folder, 40)
    train = Train(epochs=25, learning_rate=3e-3, batch_size=8, stopping=0.0, threads=1)
    form: Any = fit_candidate(batch, work, candidate(folder), seed=0, threads=1, train=train)
    said = form.outputs(batch.inputs).texts()
    wanted = batch.target.texts()  # type: ignore[union-attr]
    assert np.mean([one == other for one, other in zip(said, wanted, strict=True)]) > 0.8
    again = Written.rebuild(form.state())
    assert again.outputs(batch.inputs).texts() == said


def test_a_prefix_is_read_as_if_it_stood_in_the_text(folder: Path) -> None:
    kind = encoder_decoders.opened(folder).config["model_type"]
    prefix = "title" if kind == "bart" else "summarize: "
    alone = inside(*pairs(folder), candidate(folder, prefix=prefix))
    (read,) = (part for name, part in alone.batch.inputs.parts.items() if name == "headline")
    if kind != "bart":
        # Bytes and pairs of them do not part words where a text begins.
        whole = pairs(folder, prefix=prefix)[0].inputs.parts["headline"]
        assert read.values.tolist() == whole.values.tolist() and read.offsets.tolist() == whole.offsets.tolist()
    untold = inside(*pairs(folder), candidate(folder))
    assert (read.lengths > untold.batch.inputs.parts["headline"].lengths).all()


def test_a_prefix_changes_what_is_written_and_is_kept_in_the_form(t5: Path) -> None:
    batch, work = pairs(t5)
    forms = [
        fit_candidate(
            batch, work, Candidate(model="untouched", settings={**candidate(t5).settings, **told}), seed=0, threads=1
        )
        for told in ({}, {"prefix": "summarize: "})
    ]
    plain, before = (form.outputs(batch.inputs).texts() for form in forms)  # type: ignore[union-attr]
    assert plain != before
    assert Written.rebuild(forms[1].state()).outputs(batch.inputs).texts() == before


def test_untouched_is_the_very_model_that_goes_on(t5: Path) -> None:
    batch, work = pairs(t5)
    asked = candidate(t5, beams=2, prefix="title")
    before = registry.find("models", NAME).as_it_was(registry.find("models", NAME).Settings(**asked.settings))
    assert before.model == "untouched"
    form: Any = fit_candidate(batch, work, before, seed=0, threads=1)
    module, some, _ = begun(t5, prefix="title")
    longest = form.longest
    written = module.write(some, beams=2, longest=longest)
    assert form.outputs(batch.inputs).texts() == [Tokens().written(each.tokens, form.tokens) for each in written]
    # As many tokens as the longest topic has, and its end.
    state = replace(form.tokens, values={**form.tokens.values, "longest": 50})
    topics = Tokens().encode(pl.Series(tiny.texts(20)["topic"]), state)
    assert longest == topics.lengths.max() - 1


def test_its_rate_and_its_ways_come_with_a_reason(folder: Path) -> None:
    batch, work = pairs(folder)
    found = deciding.decide(batch, work, candidate(folder), Train(precision="float32", threads=1, epochs=1), seed=0)
    kind = encoder_decoders.opened(folder).config["model_type"]
    rate, word = {
        "t5": (1e-4, "a usual one for T5"),
        "bart": (3e-5, "a usual one for BART"),
        "marian": (3e-5, "translators"),
    }[kind]
    assert found.train.learning_rate == rate and word in found.reasons["learning_rate"]
    model = registry.find("models", NAME)
    choices, why = model.sized(model.Settings(**candidate(folder).settings), work, 9.0, None)
    assert choices == {"tune": "full"} and "few enough to change all" in why
