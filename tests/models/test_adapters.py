"""Adapters: nothing changes at first, only they learn, and they become one with the matrices beside them."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from luban.core import registry
from luban.core.errors import UsageError
from luban.models import _adapters, _eight_bits
from luban.origins import causal, naming
from luban.protocols import Shape, Work
from luban.runtime import continuing
from luban.training import keeping
from origins import speaking

VOCABULARY = len(speaking.tokenizer()["model"]["vocab"])
WORK = Work("chat", 2, 3, 0, shapes={"chat": Shape("tokens", (4 * VOCABULARY + 1,))})
TOKENS = torch.randint(0, VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=["llama", "gpt2", "qwen2"])
def origin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> causal.Causal:
    found = causal.find(str(speaking.write(tmp_path_factory.mktemp("model") / request.param, request.param)))
    naming.note(found.sha256, found.path)
    return found


def adapted(origin: causal.Causal, adapter: str, **settings: Any) -> tuple[Any, Any]:
    """The module with the weights that it begins with, and its settings."""
    model = registry.find("models", "pretrained-causal")
    asked = model.Settings(origin=origin.settings(), adapter=adapter, **settings)
    torch.manual_seed(0)
    module = model.build(WORK, asked)
    model.begin(module, asked)
    return module.eval(), asked


def logits(module: Any) -> torch.Tensor:
    states = module.body(input_ids=TOKENS).last_hidden_state
    head = module.body.get_input_embeddings() if module.head is None else module.head
    return states @ head.weight.T


def moved(module: Any) -> None:
    """What learns, somewhere else."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("adapter", ["lora", "dora", "full"])
def test_it_begins_as_the_model_was(origin: causal.Causal, adapter: str) -> None:
    module, _ = adapted(origin, adapter)
    with torch.inference_mode():
        assert torch.allclose(logits(module), origin.network()(TOKENS).logits, atol=1e-4)


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_merged_it_answers_as_with_its_adapters_and_without_them_as_before(origin: causal.Causal, adapter: str) -> None:
    module, settings = adapted(origin, adapter)
    moved(module)
    with torch.inference_mode():
        answers = logits(module)
        with _adapters.without(module):
            assert torch.allclose(logits(module), origin.network()(TOKENS).logits, atol=1e-4)
        assert torch.equal(logits(module), answers)
        model = registry.find("models", "pretrained-causal")
        weights, plain = model.merged(module.state_dict(), settings)
        whole = model.build(WORK, plain).eval()
        whole.load_state_dict(weights)
        assert torch.allclose(logits(whole), answers, atol=1e-3)
        assert not torch.allclose(logits(whole), origin.network()(TOKENS).logits, atol=1e-1)
    assert not any(_adapters.learns(name) for name in weights)


@pytest.mark.parametrize("base", ["float32", "int8"])
@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_put_over_the_large_matrices_it_is_the_same_and_takes_no_memory(
    origin: causal.Causal, adapter: str, base: str
) -> None:
    module, settings = adapted(origin, adapter, base=base)
    moved(module)
    model = registry.find("models", "pretrained-causal")
    own = module.state_dict()
    before = {name: tensor.clone() for name, tensor in own.items()}
    apart, _ = model.merged(own, settings)
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.items()), "nothing was written over"
    over, _ = model.merged(own, settings, over=True)
    assert over.keys() == apart.keys()
    assert all(torch.equal(over[name], apart[name]) for name in over)
    large = [name for name in over if name in own and over[name].ndim == 2]
    assert large and all(over[name].data_ptr() == own[name].data_ptr() for name in large)
    # The file that the weights came from is as it was.
    with torch.no_grad():
        again, _ = adapted(origin, "full")
        assert torch.allclose(logits(again), origin.network()(TOKENS).logits, atol=1e-4)


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_greedy_tokens_are_the_same_with_adapters_merged_saved_and_reloaded(
    origin: causal.Causal, adapter: str, tmp_path: Path
) -> None:
    module, settings = adapted(origin, adapter)
    moved(module)
    network: Any = origin.network()
    body, prompts = network.base_model_prefix, [[5], [9, 3, 4], list(range(30, 50))]

    def greedy(asked: Any) -> list[list[int]]:
        return [list(itertools.islice(continuing.tokens(asked, prompt), 16)) for prompt in prompts]

    before = greedy(network)
    setattr(network, body, module.body)
    told = greedy(network)
    model = registry.find("models", "pretrained-causal")
    weights, plain = model.merged(module.state_dict(), settings)
    config, arrays = model.laid_out(plain, WORK, {name: tensor.numpy() for name, tensor in weights.items()})
    shutil.copytree(origin.path, tmp_path / "saved")
    (tmp_path / "saved" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file({name: array.copy() for name, array in arrays.items()}, tmp_path / "saved" / "model.safetensors")
    assert greedy(causal.find(str(tmp_path / "saved")).network()) == told != before


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_only_the_adapters_learn_and_all_of_them_do(origin: causal.Causal, adapter: str) -> None:
    module, _ = adapted(origin, adapter)
    moved(module)
    numbers = 1 + TOKENS + VOCABULARY * (torch.arange(12) > 5)
    module({"chat": numbers}).sum().backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == _adapters.learns(name), name


@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_a_base_in_eight_bits_answers_and_learns_nearly_as_the_whole_one(origin: causal.Causal, adapter: str) -> None:
    numbers = {"chat": 1 + TOKENS + VOCABULARY * (torch.arange(12) > 5)}
    found = []
    for base in ("float32", "int8"):
        module, settings = adapted(origin, adapter, base=base)
        moved(module)
        module(numbers).sum().backward()
        gradients = {name: p.grad for name, p in module.named_parameters() if p.requires_grad}
        found.append((logits(module).detach(), gradients, module, settings))
    (whole, exact, _, _), (near, rounded, module, settings) = found
    assert not torch.equal(whole, near)
    assert (whole - near).norm() < 0.05 * whole.norm()
    assert exact.keys() == rounded.keys() == {name for name in exact if _adapters.learns(name)}
    for name, gradient in exact.items():
        assert (gradient - rounded[name]).norm() < 0.2 * gradient.norm(), name
    model = registry.find("models", "pretrained-causal")
    weights, plain = model.merged(module.state_dict(), settings)
    assert (plain.adapter, plain.base) == ("full", "float32")
    same, _ = adapted(origin, adapter)
    same.load_state_dict(module.state_dict(), strict=False)
    exactly, _ = model.merged(same.state_dict(), settings.model_copy(update={"base": "float32"}))
    assert weights.keys() == exactly.keys()
    for name, weight in exactly.items():
        assert torch.equal(weight, weights[name]), "it is put into the matrices of the file"


def test_the_matrices_of_a_base_in_eight_bits_take_a_quarter_and_are_in_no_checkpoint(origin: causal.Causal) -> None:
    def bytes_of(module: Any) -> int:
        layers = [part for part in module.modules() if isinstance(part, _adapters.Adapted)]
        held = [tensor for layer in layers for tensor in (*layer.parameters(), *layer.buffers())]
        return sum(tensor.numel() * tensor.element_size() for tensor in held)

    whole, small = (adapted(origin, "lora", base=base, rank=1)[0] for base in ("float32", "int8"))
    assert bytes_of(small) < 0.5 * bytes_of(whole), "scales and adapters of so small a model count"
    assert not any("codes" in name or "scale" in name for name in small.state_dict())
    again = keeping.copied(small)
    layer, other = (next(p for p in m.modules() if isinstance(p, _adapters.Adapted)) for m in (small, again))
    assert other.codes is layer.codes and other.left is not layer.left


def test_a_product_with_a_matrix_in_eight_bits_is_that_of_the_matrix_it_stands_for() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(9, 700_000, generator=random)
    codes, scale = _eight_bits.codes(weight)
    dense = _eight_bits.dense(codes, scale)
    assert (dense - weight).abs().max() <= 0.51 * scale.max()
    assert len(list(_eight_bits._pieces(codes))) == 9
    for some in (slice(0, 300), slice(0, 700_000)):
        values = torch.randn(2, 3, len(range(*some.indices(700_000))), generator=random, requires_grad=True)
        seen, upwards = torch.randn(2, 3, 9, generator=random), values.detach().clone().requires_grad_()
        ours = _eight_bits.product(values, codes[:, some], scale)
        theirs = torch.nn.functional.linear(upwards, dense[:, some])
        assert (ours - theirs).norm() < 1e-5 * theirs.norm()
        ours.backward(seen)
        theirs.backward(seen)
        assert torch.allclose(values.grad, upwards.grad, atol=1e-5)


def test_eight_bits_are_of_an_adapter(origin: causal.Causal) -> None:
    model = registry.find("models", "pretrained-causal")
    asked = model.Settings(origin=origin.settings(), base="int8")
    assert model.sized(asked, WORK, 9.0, None)[0] == {"adapter": "lora"}
    with pytest.raises(UsageError, match="8 bits"):
        model.sized(asked.model_copy(update={"adapter": "full"}), WORK, 9.0, None)


def test_adapters_can_be_for_attention_alone(origin: causal.Causal) -> None:
    every, few = (
        {name for name in adapted(origin, "lora", where=where)[0].state_dict() if _adapters.learns(name)}
        for where in ("all", "attention")
    )
    assert few < every and all("attn" in name for name in few)
    assert any("mlp" in name for name in every)


def test_alpha_over_rank_is_how_much_an_adapter_says(origin: causal.Causal) -> None:
    answers = []
    for alpha in (16.0, 16.0, 4.0):
        module, _ = adapted(origin, "lora", alpha=alpha)
        moved(module)
        with torch.inference_mode():
            answers.append(logits(module))
    assert torch.equal(answers[0], answers[1]) and not torch.allclose(answers[0], answers[2])


def test_the_loss_of_a_pair_is_that_of_direct_preference_optimisation(origin: causal.Causal) -> None:
    """-log sigmoid(beta * how much the margin grew) (Rafailov et al., 2023, equation 7), from log p of single chats."""
    model = registry.find("models", "pretrained-causal")
    work = replace(WORK, task="preference")
    single, _ = adapted(origin, "lora")
    moved(single)
    first, second = [[1, 9, 1 + VOCABULARY + 8, 1 + VOCABULARY + 3], [1, 9, 1 + VOCABULARY + 5]]
    padded = torch.tensor([first, [*second, 0]])
    pair = torch.tensor([[*first, *(number + 2 * VOCABULARY for number in second)]])
    with torch.inference_mode():
        after = -single.sums({"chat": padded})[:, 0]
        with _adapters.without(single):
            before = -single.sums({"chat": padded})[:, 0]
    losses = []
    for beta in (0.1, 2.0):
        settings = model.Settings(origin=origin.settings(), adapter="lora", beta=beta)
        module = model.build(work, settings).eval()
        module.load_state_dict(single.state_dict())
        with torch.inference_mode():
            losses.append(float(module({"chat": pair})))
            assert torch.allclose(module.sums({"chat": pair})[0], after, atol=1e-4)
        grown = float((after[0] - after[1]) - (before[0] - before[1]))
        assert losses[-1] == pytest.approx(np.log1p(np.exp(-beta * grown)), rel=1e-3)
    assert losses[0] != losses[1]


def test_what_is_large_has_adapters_and_what_is_small_learns_whole(origin: causal.Causal) -> None:
    model = registry.find("models", "pretrained-causal")
    small = model.Settings(origin=origin.settings())
    choice, reason = model.sized(small, WORK, 9.0, None)
    assert choice == {"adapter": "full"} and "few enough" in reason
    config = {**origin.config, "hidden_size": 768, "n_embd": 768, "vocab_size": 50_000}
    large = model.Settings(origin={**origin.settings(), "config": config})
    choice, reason = model.sized(large, WORK, 9.0, None)
    assert choice == {"adapter": "lora"} and "four times the memory" in reason
    assert model.sized(model.Settings(origin=origin.settings(), adapter="dora"), WORK, 9.0, None) == ({}, "")


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    from luban.core.errors import UsageError

    with pytest.raises(UsageError, match="is not where it was"):
        causal.find("sha256:0123")
