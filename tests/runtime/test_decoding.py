"""A language model that is laid out says what its module says, in less time and, in int8, nearly."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from luban.core.errors import UsageError
from luban.origins import causal
from luban.runtime import continuing, decoding, products
from luban.runtime.products import Precision, product
from origins import speaking

NUMBERS = [5, 17, 40, 8, 8, 33, 21, 60, 12, 3]
ROPES: dict[str, dict[str, Any]] = {
    "linear": {"factor": 2.0},
    "llama3": {"factor": 2.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
    "yarn": {"factor": 2.0, "original_max_position_embeddings": 32},
}


def network(folder: Path, kind: str = "llama", **changes: Any) -> Any:
    return causal.find(str(speaking.write(folder / "tiny", kind, **changes))).network()


def logits(module: Any, numbers: list[int]) -> Tensor:
    with torch.inference_mode():
        found: Tensor = module(input_ids=torch.tensor([numbers])).logits[0, -1]
    return found


def read(module: Any, pieces: list[list[int]], precision: Precision = "float32") -> Tensor:
    """The logits behind the last piece, each read by one call."""
    kept = decoding.laid_out(module, precision).begun()
    return [kept(piece) for piece in pieces][-1]


@pytest.mark.parametrize("kind", decoding.KINDS)
@pytest.mark.parametrize("cut", [[10], [1] * 10, [4, 1, 3, 2]])
def test_its_logits_are_those_of_the_module_however_the_tokens_come(kind: str, cut: list[int], tmp_path: Path) -> None:
    module = network(tmp_path, kind)
    wanted, rest = logits(module, NUMBERS), iter(NUMBERS)
    assert torch.allclose(read(module, [list(islice(rest, size)) for size in cut]), wanted, atol=1e-4)


@pytest.mark.parametrize("rope", ROPES)
def test_places_are_turned_as_the_config_says(rope: str, tmp_path: Path) -> None:
    module = network(tmp_path, rope_parameters={"rope_type": rope, "rope_theta": 1e4, **ROPES[rope]})
    plain = logits(network(tmp_path / "plain"), NUMBERS)
    wanted = logits(module, NUMBERS)
    assert torch.allclose(read(module, [NUMBERS[:6], NUMBERS[6:]]), wanted, atol=1e-4)
    assert not torch.allclose(wanted, plain, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
        ("llama", {"num_key_value_heads": 1, "head_dim": 16}),
        ("gpt2", {"scale_attn_weights": False, "activation_function": "relu"}),
    ],
)
def test_what_a_config_changes_is_laid_out_too(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    module = network(tmp_path, kind, **changes)
    for parameter in module.parameters():
        if parameter.ndim == 1:
            parameter.data += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.3
    wanted = logits(module, NUMBERS)
    assert torch.allclose(read(module, [NUMBERS[:1], NUMBERS[1:]]), wanted, atol=1e-4)


def test_a_store_that_is_full_grows_and_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_ROOM", 2)
    module = network(tmp_path)
    wanted = logits(module, NUMBERS)
    assert torch.allclose(read(module, [[number] for number in NUMBERS]), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("mistral", {"sliding_window": 4}),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
    ],
)
def test_what_is_rare_is_left_to_the_module(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    module = network(tmp_path, kind, **changes)
    assert not decoding.takes(module)
    assert continuing.prepared(module, "float32") is module
    with pytest.raises(UsageError, match="not written by in int8"):
        continuing.prepared(module, "int8")
    lower = continuing.prepared(module, "bfloat16")
    assert isinstance(lower, torch.nn.Module) and next(lower.parameters()).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", decoding.KINDS)
@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.05), ("int8", 0.1)])
def test_lower_precision_is_near_and_not_the_same(kind: str, precision: Precision, near: float, tmp_path: Path) -> None:
    module = network(tmp_path, kind)
    wanted = logits(module, NUMBERS)
    found = read(module, [NUMBERS], precision)
    assert 1e-5 < float((found - wanted).norm() / wanted.norm()) < near


def test_greedy_tokens_of_int8_stay_when_a_model_is_saved_again(tmp_path: Path) -> None:
    def greedy(module: Any) -> list[int]:
        return list(islice(continuing.tokens(continuing.prepared(module, "int8"), NUMBERS), 30))

    module = network(tmp_path)
    module.save_pretrained(tmp_path / "again")
    before = greedy(module)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "again" / name).write_bytes((tmp_path / "tiny" / name).read_bytes())
    assert greedy(causal.find(str(tmp_path / "again")).network()) == before


def test_weights_that_were_copied_are_given_back(tmp_path: Path) -> None:
    def held() -> int:
        return sum(parameter.numel() for parameter in module.base_model.layers.parameters())

    module = network(tmp_path)
    assert held() > 1000
    decoding.laid_out(module, "int8")
    assert held() == 0


def test_a_product_in_int8_is_that_of_the_rounded_numbers() -> None:
    random = torch.Generator().manual_seed(0)
    weight, bias, inputs = (torch.randn(shape, generator=random) for shape in ((24, 16), (24,), (3, 16)))
    scales = weight.abs().amax(dim=1, keepdim=True) / 127
    rounded = (weight / scales).round() * scales
    # Inputs are rounded to 255 steps from their least to their largest.
    step = float(inputs.max() - inputs.min()) / 255
    found = product(weight, bias, "int8")(inputs)
    most = 0.51 * step * rounded.abs().sum(dim=1)
    assert bool(((found - (inputs @ rounded.T + bias)).abs() <= 2 * most).all())
    assert not torch.equal(found, inputs @ weight.T + bias)


def test_a_processor_that_lacks_a_precision_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert products.able("float32") is None
    monkeypatch.setattr(products, "_ENGINES", ())
    with pytest.raises(UsageError, match="nothing that multiplies whole numbers"):
        products.able("int8")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert "no products in bfloat16" in str(products.able("bfloat16"))
