"""What a training takes is counted on a few rows, and it is kept within the memory that there is."""

from __future__ import annotations

import copy
import gc
import os
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from luban.batch import Batch, Ragged, Tensors
from luban.core import process, registry
from luban.core.errors import ResourceError
from luban.origins import causal, naming
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import estimating, gathering, needs, room, several
from luban.training.beginning import begun
from luban.training.estimating import Estimate
from luban.training.loss import loss_of
from luban.training.needs import Needs
from luban.training.room import Room, Space
from origins import speaking
from training.networks import CANDIDATE, decided, table

MEGABYTE = 1 << 20
LARGE = Needs(weights=500 * MEGABYTE, learning=10 * MEGABYTE, cell=2 * MEGABYTE, again=MEGABYTE // 8)
"""Of a large network beside small matrices that learn."""
CELLS = 100
VOCABULARY = len(speaking.tokenizer()["model"]["vocab"])


def asking(**changes: Any) -> Train:
    return decided(**{"batch_size": 8, "accumulate": 1, "tokens": 8 * CELLS, "checkpoint_layers": "auto", **changes})


@pytest.fixture(scope="module")
def texts() -> gathering.Rows:
    """Rows of a hundred tokens each."""
    tokens = Ragged.of([np.full(CELLS, 7) for _ in range(32)])
    inputs = Tensors({"text": tokens})
    return gathering.Rows(inputs, np.zeros(32, np.float32), None, np.arange(32), np.arange(0))


def within(rows: gathering.Rows, left: int, found: Needs = LARGE, **changes: Any) -> Any:
    return estimating.within(
        found, rows, asking(**changes), "llama", Space(left * MEGABYTE, "--memory", 300 * MEGABYTE)
    )


def test_nothing_is_changed_where_it_fits(texts):
    train, told, estimate = within(texts, 8_000)
    assert told == {}
    assert train == asking(checkpoint_layers=False)
    assert estimate.memory == 300 * MEGABYTE + LARGE.total(train, 8 * CELLS)


@pytest.mark.parametrize("left", [3_500, 2_500, 1_500, 1_100])
def test_a_step_is_added_up_from_parts_that_fit(texts, left):
    train, told, estimate = within(texts, left)
    assert set(told) == {"batch_size", "accumulate", "tokens"}
    assert train.batch_size * train.accumulate == 8
    assert train.tokens == max(8 * CELLS // train.accumulate, CELLS)
    assert train.checkpoint_layers is False
    assert estimate.memory <= (300 + left) * MEGABYTE
    twice = train.model_copy(update={"accumulate": train.accumulate // 2})
    assert LARGE.total(twice, 2 * train.tokens) > left * MEGABYTE, "no larger parts would do"
    (why,) = set(told.values())
    assert "--memory" in why


def test_layers_are_calculated_again_only_where_one_row_would_not_fit(texts):
    train, told, estimate = within(texts, 750)
    assert "checkpoint_layers" in told
    assert train.checkpoint_layers is True
    assert estimate.memory <= 1_050 * MEGABYTE
    with pytest.raises(ResourceError):
        within(texts, 750, checkpoint_layers=False)


def test_a_row_that_does_not_fit_is_told_before_the_first_step_with_the_memory_that_would_do(texts):
    with pytest.raises(ResourceError, match=r"one row at a time") as raised:
        within(texts, 560)
    megabytes = int(raised.value.fix.split()[1].rstrip("M,"))
    train, _, _ = within(texts, megabytes - 300)
    assert train.checkpoint_layers is True


def test_memory_that_is_taken_before_the_first_step_is_told_as_that_and_not_as_what_is_there(texts):
    with pytest.raises(ResourceError, match=r"860.0 MB are there: --memory"):
        within(texts, 560)
    with pytest.raises(ResourceError, match=r"300.0 MB are taken before it begins: --memory"):
        within(texts, 0)


def test_what_is_small_is_left_alone(texts):
    small = Needs(MEGABYTE, MEGABYTE, 1000.0, 1000.0)
    assert within(texts, 0, small)[1] == {}


def test_rows_without_tokens_are_counted_one_by_one():
    batch, work = table()
    rows = gathering.rows_of(batch, work, several.task_of(work), decided(), 0)
    found = Needs(0, 0, float(100 * MEGABYTE), float(100 * MEGABYTE))
    train, _, _ = within(rows, 450, found, batch_size=32, tokens="auto")
    assert (train.batch_size, train.accumulate, train.tokens) == (2, 16, "auto")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Candidate:
    place = speaking.write(tmp_path_factory.mktemp("model") / "llama")
    origin = causal.find(str(place))
    naming.note(origin.sha256, origin.path)
    return Candidate(model="pretrained-causal", settings={"origin": origin.settings(), "adapter": "lora"})


@pytest.fixture(scope="module")
def chats() -> tuple[Any, gathering.Rows, Any]:
    """A tiny Llama with adapters, and chats that it learns from."""
    place = speaking.write(Path(tempfile.mkdtemp()) / "llama")
    origin = causal.find(str(place))
    naming.note(origin.sha256, origin.path)
    model = registry.find("models", "pretrained-causal")
    settings = model.Settings(origin=origin.settings(), adapter="lora")
    work = Work("chat", 2, 6, 0, shapes={"chat": Shape("tokens", (4 * VOCABULARY + 1,))})
    torch.manual_seed(0)
    module = model.build(work, settings)
    model.begin(module, settings)
    random = np.random.default_rng(0)
    # The kind of a token that is said comes behind that of one that is read.
    chats = [1 + random.integers(0, VOCABULARY, n) + VOCABULARY * (np.arange(n) > 3) for n in (9, 12, 20, 7, 8, 20)]
    batch = Batch(Tensors({"chat": Ragged.of(chats)}), None)
    task = several.task_of(work)
    return module, gathering.rows_of(batch, work, task, decided(), 0), loss_of(task, decided())


def test_what_is_counted_of_a_language_model_is_what_torch_keeps(chats):
    module, rows, loss = chats
    before = torch.get_rng_state()
    found = needs.counted(module, rows, loss, "cpu")
    assert torch.equal(before, torch.get_rng_state()), "what is drawn later stays the same"
    assert found.weights == sum(p.numel() * 4 for p in module.parameters()) + sum(
        b.numel() * b.element_size() for b in module.buffers()
    )
    assert found.learning == sum(p.numel() * 4 for p in module.parameters() if p.requires_grad)
    assert 0 < found.again < found.cell
    longer = needs.counted(module, replace(rows, train=rows.train[[0, 1]]), loss, "cpu")
    assert longer.cell == pytest.approx(found.cell, rel=0.3), "it is so much for each token"


def test_what_was_counted_is_given_back(chats):
    module, rows, loss = chats

    def held() -> int:
        gc.collect()
        return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())

    needs.counted(module, rows, loss, "cpu")
    before = held()
    needs.counted(module, rows, loss, "cpu")
    assert held() == before


def test_activations_that_are_calculated_again_give_the_same_gradients(chats):
    """Of a language model of transformers, with its adapters."""
    module, rows, loss = chats
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.01)
    part = gathering.part(rows, np.arange(4))
    gradients = []
    for again in (False, True):
        own = gathering.prepared(copy.deepcopy(module), decided(checkpoint_layers=again)).train()
        value = loss(own, part, 4.0)
        value.backward()
        gradients.append({name: p.grad for name, p in own.named_parameters() if p.requires_grad})
    whole, calculated = gradients
    assert set(whole) == set(calculated) != set()
    for name, gradient in whole.items():
        assert torch.allclose(gradient, calculated[name], rtol=0, atol=1e-6), name
        assert gradient.abs().max() > 0, name


def test_a_network_whose_layers_are_calculated_again_leaves_memory_with_its_last_user(chats):
    module, rows, loss = chats
    gc.collect()
    gc.disable()
    try:
        own = gathering.prepared(copy.deepcopy(module), decided(checkpoint_layers=True)).train()
        loss(own, gathering.part(rows, np.arange(4)), 4.0).backward()
        seen = [weakref.ref(layer) for layer in gathering.repeated(own)]
        del own
        assert len(seen) > 1 and not any(layer() is not None for layer in seen)
    finally:
        gc.enable()


def test_a_network_that_nobody_needs_is_gone_when_another_large_one_begins(llama, monkeypatch):
    monkeypatch.setattr("luban.training.beginning.LARGE", 0)
    work = Work("chat", 2, 6, 0, shapes={"chat": Shape("tokens", (4 * VOCABULARY + 1,))})
    first = begun(llama, work)
    first.circle = [first]
    seen = weakref.ref(first)
    del first
    begun(llama, work)
    assert seen() is None


def test_layers_that_are_calculated_again_keep_less(chats):
    module, rows, loss = chats
    part = gathering.part(rows, np.arange(4))
    kept = []
    for again in (False, True):
        own = gathering.prepared(copy.deepcopy(module), decided(checkpoint_layers=again)).train()
        seen: dict[int, int] = {}

        def keep(tensor: torch.Tensor, seen: dict[int, int] = seen) -> torch.Tensor:
            seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss(own, part, 4.0)
        kept.append(sum(seen.values()))
    assert kept[1] < kept[0] / 2


def test_what_is_left_of_memory_that_was_allowed_is_what_no_process_of_the_run_holds():
    if not process.resident(os.getpid()):
        pytest.skip("this system does not tell")
    # Children of this process count too: tests before this one may have left some.
    held = Room().held()
    space = Room(held + 100 * MEGABYTE).space()
    assert space.held >= 0.9 * held
    assert space.left <= 110 * MEGABYTE
    assert "--memory" in space.limit
    apart = Room(held + 100 * MEGABYTE).space(50 * MEGABYTE)
    assert apart.left >= space.left + 40 * MEGABYTE, "weights that are there already are not counted twice"
    assert Room(1 << 60).space().limit == Room().space().limit == "what is free"


def test_what_a_training_became_is_its_height_and_its_time():
    with room.watched(Room()) as became:
        filled = np.ones(100 * MEGABYTE // 8)
        del filled
    assert became["seconds"] >= 0
    assert became.get("memory", 1 << 40) >= 100 * MEGABYTE


def test_an_estimate_is_told_in_words_and_survives_json():
    estimate = Estimate(3 << 30, 1 << 30, 1 << 29, 1 << 28, 75.0)
    assert estimate.told() == (
        "it will take about 3.0 GB of memory (weights 1.0 GB, activations 256.0 MB), and 1 min 15 s"
    )
    assert Estimate(**estimate.to_json()) == estimate
    assert estimate.matters
    assert not Estimate(1 << 30, 1, 1, 1, 2.0).matters


def test_a_network_of_a_table_is_small():
    batch, work = table()
    task = several.task_of(work)
    rows = gathering.rows_of(batch, work, task, decided(), 0)
    found = needs.counted(begun(CANDIDATE, work), rows, loss_of(task, decided()), "cpu")
    assert 0 < found.total(decided(), 32) < estimating.LEAST


COPIED = replace(LARGE, lower=250 * MEGABYTE, lower_again=60 * MEGABYTE)
"""The same with matrices that bfloat16 holds once more."""


def test_matrices_in_bfloat16_are_counted_until_float32_is_taken(texts):
    for precision, copies in (("float32", 0), ("bfloat16", 250), ("auto", 250)):
        _, _, estimate = within(texts, 8_000, COPIED, precision=precision)
        _, _, plain = within(texts, 8_000, LARGE, precision=precision)
        assert estimate.memory - plain.memory == estimate.activations - plain.activations == copies * MEGABYTE
        if precision == "auto":
            taken = estimate.without_trial()
            assert (taken.memory, taken.activations) == (plain.memory, plain.activations)
            assert "tried" not in estimate.to_json()


def test_bfloat16_is_not_tried_where_its_copies_of_matrices_do_not_fit(texts):
    least = LARGE.total(asking(precision="float32"), CELLS) // MEGABYTE
    train, told, _ = within(texts, least + 5, COPIED, precision="auto")
    assert (train.precision, train.checkpoint_layers, train.batch_size) == ("float32", False, 1)
    assert "precision" in told and "checkpoint_layers" not in told
    kept, told, _ = within(texts, least + 255, COPIED, precision="auto")
    assert kept.precision == "auto" and "precision" not in told


def test_what_is_counted_of_matrices_is_no_less_than_bfloat16_keeps_beside_what_grows_with_the_tokens(chats):
    """Saved for the backward pass of one row and of two: what does not grow are the copies. An embedding that is no
    head, which is not copied, counts as one.
    """
    module, rows, loss = chats
    found = needs.counted(module, rows, loss, "cpu")
    same = [place for place in range(6) if int(rows.inputs.parts["chat"].lengths[place]) == 20]

    def saved(count: int) -> int:
        part = gathering.part(rows, np.array(same[:count]))
        with torch.autocast("cpu", torch.bfloat16):
            inside, outside, _ = needs._saved(module.train(), part, loss)
        return sum(inside) + outside

    constant = 2 * saved(1) - saved(2)
    looked_up = 2 * module.body.get_input_embeddings().weight.numel()
    assert module.head is not None and constant <= found.lower <= constant + 1.5 * looked_up
