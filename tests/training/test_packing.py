"""Documents in blocks: nothing is padded or left out, and nothing crosses from one document into the next."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from luban.batch import Array, Ragged, Tensors
from luban.core.errors import DataError
from luban.forms.language import windows
from luban.forms.network import Network
from luban.models import _blocks
from luban.models.gpt import Settings, config, model, weights
from luban.models.gpt.network import CausalLanguageModel
from luban.protocols import Shape, Work
from luban.training import packing

SIZE = 30


def documents(lengths: list[int], seed: int = 0) -> Ragged:
    random = np.random.default_rng(seed)
    return Ragged.of([np.array([2, *random.integers(5, SIZE, length), 3], np.int32) for length in lengths])


def network(**settings: object) -> CausalLanguageModel:
    torch.manual_seed(0)
    small = Settings.model_validate({"width": 16, "layers": 2, "heads": 2, "context": 16, **settings})
    module = CausalLanguageModel("text", config(small, SIZE), z_loss=small.z_loss, dropout=small.dropout)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module.eval()


@pytest.mark.parametrize("one_more", [False, True])
@pytest.mark.parametrize("context", [3, 8, 13])
def test_every_token_comes_and_none_is_padding(context: int, one_more: bool) -> None:
    rows = documents([4, 1, 9, 30, 2])
    found = packing.blocks(rows, context, one_more=one_more)
    assert found.shape[1] == context + one_more
    assert (found > 0).all()
    stream = rows.values.tolist()
    covered: set[int] = set()
    for place, block in enumerate(found.tolist()):
        start = min(place * context, len(stream) - context - one_more)
        assert block == stream[start : start + context + one_more]
        covered |= set(range(start, start + context + one_more))
    assert covered == set(range(len(stream)))


def test_a_corpus_shorter_than_a_block_is_one_block() -> None:
    assert packing.blocks(documents([3]), 100, one_more=True).shape == (1, 5)


def test_an_empty_corpus_is_told() -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        packing.blocks(documents([0]), 8, one_more=True)


@pytest.mark.parametrize("convolutions", [0, 1])
def test_the_loss_of_a_block_is_that_of_its_documents_alone(convolutions: int) -> None:
    """Attention and loss stop where a document ends: each piece says the same by itself."""
    module, rows = network(convolutions=convolutions), documents([4, 2, 5])
    block = torch.from_numpy(rows.values.astype(np.int64))[None]
    (together,) = module({"text": block}).flatten().tolist()
    pieces = np.split(rows.values.astype(np.int64), rows.offsets[1:-1])
    each = [module({"text": torch.from_numpy(piece)[None]}).item() * (len(piece) - 1) for piece in pieces]
    assert together == pytest.approx(sum(each) / sum(len(piece) - 1 for piece in pieces), rel=1e-5)


@pytest.mark.parametrize("convolutions", [0, 1])
def test_a_change_in_one_document_moves_no_other(convolutions: int) -> None:
    module, rows = network(convolutions=convolutions), documents([4, 5])
    first = torch.from_numpy(rows.values.astype(np.int64))[None]
    second = first.clone()
    second[0, 2] = 5 + (second[0, 2] - 4) % (SIZE - 5)
    before, after = module.states(first), module.states(second)
    assert torch.allclose(before[0, 6:], after[0, 6:], atol=1e-6)
    assert not torch.allclose(before[0, 2:6], after[0, 2:6], atol=1e-4)


@pytest.mark.parametrize("convolutions", [0, 1])
def test_no_step_sees_what_comes_later(convolutions: int) -> None:
    module, rows = network(convolutions=convolutions), documents([9])
    first = torch.from_numpy(rows.values.astype(np.int64))[None]
    second = first.clone()
    second[0, 6] = 5 + (second[0, 6] - 4) % (SIZE - 5)
    before, after = module.states(first), module.states(second)
    assert torch.allclose(before[0, :6], after[0, :6], atol=1e-6)
    assert not torch.allclose(before[0, 6:], after[0, 6:], atol=1e-4)


def test_the_z_loss_weighs_the_squared_log_of_each_sum_while_it_trains() -> None:
    module, rows = network(z_loss=0.5), documents([6])
    block = {"text": torch.from_numpy(rows.values.astype(np.int64))[None]}
    plain = module(block).item()
    states = module.states(block["text"][:, :-1])
    sums = torch.logsumexp(states @ module.body.get_input_embeddings().weight.T, dim=-1)
    assert module.train()(block).item() == pytest.approx(plain + 0.5 * sums.square().mean().item(), rel=1e-5)


@pytest.mark.parametrize("more", [{}, {"qk_norm": True}, {"convolutions": 2}, {"convolutions": 1, "tied": False}])
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_number_of_weights_is_known_before(size: str, more: dict[str, object]) -> None:
    settings = Settings.model_validate({"size": size, **more})
    found = config(settings, 500)
    with torch.device("meta"):
        module = CausalLanguageModel("text", found)
    from luban.models._language import Dimensions

    sizes = Dimensions(found["hidden_size"], found["num_hidden_layers"], found["num_attention_heads"])
    assert weights(sizes, 500, settings) == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("budget", [100_000, 1_000_000, 20_000_000])
def test_a_budget_of_weights_is_kept_and_used(budget: int) -> None:
    settings = Settings(parameters=budget)
    with torch.device("meta"):
        module = CausalLanguageModel("text", config(settings, 1_000))
    have = sum(parameter.numel() for parameter in module.parameters())
    assert 0.4 * budget < have <= budget


def test_too_small_a_budget_is_told() -> None:
    with pytest.raises(ValueError, match="too few"):
        config(Settings(parameters=10_000), 8_000)


def test_one_layer_at_least_is_attention() -> None:
    with pytest.raises(ValueError, match="of 2 layers at most 1 are convolutions, not 2"):
        config(Settings(layers=2, convolutions=2), SIZE)


@pytest.mark.parametrize("asked", [{}, {"convolutions": 0, "tied": True}, {"size": "base"}, {"qk_norm": True}])
def test_a_fit_decides_what_was_left_open(asked: dict[str, object]) -> None:
    work = Work("causal-lm", 1, 9, 0, shapes={"text": Shape("tokens", (SIZE,), longest=16)})
    settings = Settings.model_validate(asked)
    found, reason = model.sized(settings, work, 100.0, None)
    assert not set(found) & settings.model_fields_set and bool(found) == bool(reason)
    closed = Settings.model_validate({**asked, **found})
    assert (closed.convolutions, closed.tied) == {
        "": (2, False), "convolutions": (0, True), "size": (8, True), "qk_norm": (None, False)
    }[next(iter(asked), "")]  # fmt: skip


@pytest.mark.parametrize("convolutions", [0, 1])
@pytest.mark.parametrize("tied", [True, False])
def test_the_same_weights_say_the_same_in_transformers(convolutions: int, tied: bool) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    work = Work("causal-lm", 1, 9, 0, shapes={"text": Shape("tokens", (SIZE,), longest=16)})
    settings = Settings(width=16, layers=2, heads=2, context=16, convolutions=convolutions, tied=tied)
    module = network(convolutions=convolutions, tied=tied)
    found, own = model.laid_out(settings, work, {name: each.numpy() for name, each in module.state_dict().items()})
    values = {key: value for key, value in found.items() if key not in ("architectures", "dtype", "model_type")}
    theirs = AutoModelForCausalLM.from_config(AutoConfig.for_model(found["model_type"], **values)).eval()
    assert found["architectures"] == [type(theirs).__name__]
    loaded = theirs.load_state_dict({name: torch.from_numpy(each) for name, each in own.items()}, strict=False)
    assert not loaded.unexpected_keys and loaded.missing_keys == (["lm_head.weight"] if tied else [])
    theirs.tie_weights()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(5, SIZE, (3, 12)))
    with torch.inference_mode():
        said = module.scores(tokens, torch.ones(3, 11, dtype=torch.bool))
        logits = theirs(input_ids=tokens).logits[:, :-1]
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    torch.testing.assert_close(said, expected, atol=1e-5, rtol=1e-5)


def test_dropout_falls_on_what_layers_with_convolutions_add() -> None:
    module, rows = network(convolutions=1, dropout=0.5), documents([9])
    block = {"text": torch.from_numpy(rows.values.astype(np.int64))[None]}
    assert module(block).item() == module(block).item()
    torch.manual_seed(0)
    assert module.train()(block).item() != module(block).item()


def test_windows_count_each_token_once_with_half_a_window_before_it() -> None:
    for lengths in ([1], [2], [9], [10], [40, 3, 17]):
        counted: list[tuple[int, int]] = []
        for window in windows(lengths, 8):
            assert window.end - window.start <= 9
            assert window.counted - window.start >= 4 or window.start == 0 or window.end == lengths[window.row]
            counted += [(window.row, place) for place in range(window.counted, window.end)]
        assert sorted(counted) == [(row, place) for row, length in enumerate(lengths) for place in range(1, length)]


def form_of(module: CausalLanguageModel, context: int = 16) -> object:
    from luban.forms.language import Language

    shape = Shape("tokens", (SIZE,), longest=context)
    work = Work("causal-lm", 1, 9, 0, shapes={"text": shape})
    settings = {"width": 16, "layers": 2, "heads": 2, "context": context}
    arrays: dict[str, Array] = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    return Language(Network(model.name, settings, work, arrays, "identity"), context)


def test_a_document_is_counted_as_each_of_its_tokens_behind_those_before_it() -> None:
    module = network()
    rows = documents([3, 0, 12])
    found = form_of(module).outputs(Tensors({"text": rows}))  # type: ignore[attr-defined]
    for place in range(3):
        text = rows.values[rows.offsets[place] : rows.offsets[place + 1]].astype(np.int64)
        outputs = module.states(torch.from_numpy(text)[None])[0] @ module.body.get_input_embeddings().weight.T
        logs = torch.log_softmax(outputs, dim=-1)
        wanted = -sum(logs[step - 1, text[step]].item() for step in range(1, len(text)))
        assert found[place].tolist() == pytest.approx([wanted, len(text) - 1], rel=1e-5)


def test_a_uniform_model_needs_the_bits_of_a_token_for_each_of_them() -> None:
    from luban.batch import Answers
    from luban.core import registry
    from luban.protocols import Metric

    module = network()
    with torch.no_grad():
        module.body.get_input_embeddings().weight.zero_()
    rows = documents([3, 40, 12])
    task = registry.find("tasks", "causal-lm")
    answers: Answers = task.answers(form_of(module).outputs(Tensors({"text": rows})))  # type: ignore[attr-defined]
    bits: Metric = registry.find("metrics", "bits-per-byte")
    perplexity: Metric = registry.find("metrics", "perplexity")
    sizes = np.array([17.0, 130.0, 40.0])
    tokens = int(rows.lengths.sum()) - len(rows)
    assert bits.score(sizes, answers) == pytest.approx(math.log2(SIZE) * tokens / sizes.sum(), rel=1e-6)
    assert perplexity.score(sizes, answers) == pytest.approx(SIZE, rel=1e-6)


def test_one_document_needs_no_mask() -> None:
    assert _blocks.one_document(torch.tensor([[2, 7, 8], [9, 9, 3]]))
    assert not _blocks.one_document(torch.tensor([[2, 7, 8], [3, 2, 3]]))
