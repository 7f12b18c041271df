"""A decoder behind a pretrained encoder: step by step as at once, and what of both learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from luban import collate
from luban.batch import Batch, Ragged, Tensors
from luban.core.errors import UsageError
from luban.features.text.tokens import Tokens
from luban.origins import naming
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Features, Train
from luban.training import beginning, deciding
from luban.training.fitting import fit_candidate
from luban.training.inside import inside
from luban.training.settings import settings
from luban.verbs.asking import recipe_of
from origins import tiny

NAME = "pretrained-encoder-decoder"
SMALL = {"width": 16, "heads": 2, "layers": 1, "vocabulary": 300}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def candidate(folder: Path, **others: Any) -> Candidate:
    return Candidate(model=NAME, settings={"origin": naming.find(str(folder)).settings(), **SMALL, **others})


def pairs(folder: Path, count: int = 40) -> tuple[Batch, Work]:
    """Headlines, and their topic as a text to be written."""
    written = tiny.texts(count)
    values = pl.Series("headline", written["headline"])
    state = Tokens().fit(values, Features(tokenizer=str(folder / "tokenizer.json"), longest=20))
    rows = Tensors({"headline": Tokens().encode(values, state)})
    work = Work("sequence-to-sequence", 1, count, 0, shapes={"headline": Tokens().shape(state)})
    return Batch(rows, Ragged.of_texts(written["topic"])), work


def begun(folder: Path, **others: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    asked = candidate(folder, **others)
    seen = inside(*pairs(folder), asked)
    torch.manual_seed(0)
    module = beginning.begun(asked, seen.work).eval()
    return module, collate.to_torch(seen.batch.inputs, np.arange(6))


def test_one_token_after_the_other_it_says_what_it_says_of_all_at_once(folder: Path) -> None:
    module, some = begun(folder)
    with torch.inference_mode():
        wanted = module(some)
        states, steps = module.encode(some), some["headline.written"]
        for place in range(steps.shape[1]):
            found, states = module.next(states, steps[:, place])
            assert torch.allclose(found, wanted[:, place], atol=1e-4)


def test_a_row_is_read_alike_whatever_is_behind_its_end(folder: Path) -> None:
    module, some = begun(folder)
    longer = some | {"headline": torch.nn.functional.pad(some["headline"], (0, 7))}
    with torch.inference_mode():
        assert torch.allclose(module(some), module(longer), atol=1e-5)


def test_what_was_read_before_is_what_it_reads_with(folder: Path) -> None:
    module, _ = begun(folder)
    own = naming.find(str(folder)).weights()
    body = module.pair.encoder.encoder.body.state_dict()
    for name in ("embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.weight"):
        assert np.array_equal(body[name].numpy(), own[name])


def test_the_decoder_learns_faster_and_the_encoder_may_stay(folder: Path) -> None:
    module, _ = begun(folder, layer_decay=0.5)
    rates = {name: parameter.rate for name, parameter in module.named_parameters()}
    assert rates["pair.norm.weight"] == rates["pair.encoder.project.weight"] == 40.0
    body = "pair.encoder.encoder.body.encoder.layer"
    assert (rates[f"{body}.1.output.dense.weight"], rates[f"{body}.0.output.dense.weight"]) == (1.0, 0.5)
    for others, part in (({"tune": "head"}, "body"), ({"frozen": 1}, "layer.0")):
        frozen, _ = begun(folder, **others)
        still = {name for name, parameter in frozen.named_parameters() if not parameter.requires_grad}
        assert still and all(".body." in name for name in still) and any(part in name for name in still)


def test_few_epochs_teach_it_to_write_what_a_text_is_about(folder: Path) -> None:
    batch, work = pairs(folder)
    train = Train(epochs=30, learning_rate=2.5e-4, batch_size=8, stopping=0.0, threads=1)
    form = fit_candidate(batch, work, candidate(folder), seed=0, threads=1, train=train)
    said = form.outputs(batch.inputs).texts()  # type: ignore[union-attr]
    wanted = batch.target.texts()  # type: ignore[union-attr]
    assert np.mean([one == other for one, other in zip(said, wanted, strict=True)]) > 0.8
    assert set(said) <= {"sport", "business"}


def test_its_rate_is_that_of_what_was_pretrained_and_not_the_usual_one_of_writing(folder: Path) -> None:
    batch, work = pairs(folder)
    found = deciding.decide(batch, work, candidate(folder), Train(precision="float32", threads=1, epochs=1), seed=0)
    assert found.train.learning_rate == 5e-5 and "fresh decoder" in found.reasons["learning_rate"]


def test_it_competes_where_texts_are_written_from_texts(folder: Path) -> None:
    recipe = recipe_of(None, None, origin=str(folder), task="sequence-to-sequence", target="topic")
    assert recipe.model.names == (NAME, "auto")
    assert recipe.model.settings()[NAME]["origin"]["content"].startswith("sha256:")
    alone = recipe_of(None, None, origin=str(folder), task="sequence-to-sequence", model=NAME)
    assert alone.model.names == (NAME,)


def test_heads_that_do_not_share_the_width_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="multiple of twice the heads"):
        settings(candidate(folder, heads=3))
