"""What every network keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch

from luban.collate import LENGTHS
from luban.core import registry
from luban.models._layers import own_steps
from luban.protocols import Shape, Work
from models.networks import ANSWERING, NEEDED, NETWORKS, SHAPES, TAGGING, alone, inputs, network, work
from origins.rewriting import ORIGIN as REWRITING
from origins.speaking import ORIGIN as SPEAKING
from origins.tiny import CODED, CONFIG, IMAGES, ORIGIN, ORIGIN_OF_IMAGES, ORIGIN_OF_SOUNDS, SOUNDS

CASES = [(name, kind) for name, model in ANSWERING.items() for kind in sorted(model.takes)]
RAGGED = [case for case in CASES if SHAPES[case[1]].ragged]
FUSING = [name for name, model in ANSWERING.items() if "anomaly" not in model.tasks]
"""The networks that take parts of all kinds, some of them by the usual encoder."""

each_case = pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda part: part)
each_ragged = pytest.mark.parametrize(("name", "kind"), RAGGED, ids=lambda part: part)


def outputs_of(name: str) -> int:
    """A score for each row, or classes, or the words that are written."""
    return 1 if "anomaly" in NETWORKS[name].tasks else 3 if name in ANSWERING else 7


@pytest.mark.parametrize("name", NETWORKS)
def test_it_says_what_it_is(name: str) -> None:
    model = NETWORKS[name]
    assert model.name == name
    assert model.tasks and model.takes <= set(SHAPES)
    assert registry.summary("models", name).endswith(".")
    model.Settings(**NEEDED.get(name, {}))


def test_listing_and_asking_networks_imports_no_torch() -> None:
    asked = "from luban.core import registry; from luban.protocols import Work; w = Work('binary', 2, 9, 3); "
    asked += "models = [registry.find('models', name) for name in registry.names('models')]; "
    asked += "[(model.declines(w), list(model.portfolio(w))) for model in models]; "
    told = "import sys; print('torch' in sys.modules)"
    assert _said(asked + told) == "False"
    assert _said(asked + "import luban.models._layers; " + told) == "True"


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@each_case
def test_it_answers_each_row_with_finite_numbers(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    answers = network(name, shapes, outputs_of(name))(inputs(shapes))
    assert answers.shape == (4, outputs_of(name))
    assert answers.dtype == torch.float32
    assert answers.isfinite().all()


@each_case
def test_gradients_reach_every_parameter(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network(name, shapes, outputs_of(name)).train()
    tensors = inputs(shapes, (9, 1, 4, 6, 5, 7, 8, 3))
    module(tensors).square().sum().backward()
    for parameter_name, parameter in module.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert (parameter.grad != 0).any(), parameter_name


@each_case
def test_the_seed_of_torch_decides_the_weights(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    first, again, other = (network(name, shapes, outputs_of(name), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@each_case
def test_its_weights_can_be_stored_as_data_and_their_sizes_seen_without_memory(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    weights = network(name, shapes, outputs_of(name)).state_dict()
    assert {tensor.dtype for tensor in weights.values()} <= {torch.float32, torch.int64}
    assert all(tensor.is_contiguous() for tensor in weights.values())
    with torch.device("meta"):
        sizes = network(name, shapes, outputs_of(name)).state_dict()
    assert {key: tensor.shape for key, tensor in sizes.items()} == {key: t.shape for key, t in weights.items()}


@each_ragged
def test_a_row_alone_is_answered_like_the_row_in_a_batch(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module, tensors = network(name, shapes), inputs(shapes)
    together = module(tensors)
    for row in range(4):
        assert torch.allclose(module(alone(tensors, row))[0], together[row], atol=1e-5)


@each_ragged
def test_the_test_above_sees_padding_that_is_taken_for_the_row(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module, tensors = network(name, shapes), inputs(shapes)
    # Behind the end stands what the longest row has there.
    own = own_steps(tensors[f"part{LENGTHS}"], 9).reshape(4, 9, *[1] * (tensors["part"].ndim - 2))
    blind = {f"part{LENGTHS}": torch.full((4,), 9), "part": torch.where(own, tensors["part"], tensors["part"][:1])}
    assert not torch.allclose(module(alone(tensors, 1))[0], module(blind)[1], atol=1e-5)


@each_ragged
def test_its_states_are_zero_behind_the_end_of_a_row(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    states = network(name, shapes).states(inputs(shapes))
    if "part" not in states:
        pytest.skip("it has no state for each step")
    assert states["part"].shape[:2] == (4, 9)
    assert (states["part"][1, 1:] == 0).all() and (states["part"][1, 0] != 0).any()


@pytest.mark.parametrize("name", TAGGING)
def test_each_step_is_answered_whatever_is_behind_the_end_of_its_row(name: str) -> None:
    shapes = {"part": SHAPES["words"]}
    module, tensors = network(name, shapes, task="tagging"), inputs(shapes)
    together = module(tensors)
    assert together.shape == (4, 9, 3)
    for row, length in enumerate((9, 1, 4, 6)):
        assert torch.allclose(module(alone(tensors, row))[0], together[row, :length], atol=1e-5)


@each_case
def test_it_trains_on_a_single_row(name: str, kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network(name, shapes, outputs_of(name)).train()
    assert module(inputs(shapes, (1,))).isfinite().all()


@each_case
def test_thirty_steps_lower_the_loss_by_half(name: str, kind: str) -> None:
    """Two classes that lie apart: other numbers, lighter or darker images, other words, other heights of a series."""
    shapes, lengths = {"part": SHAPES[kind]}, (9, 5, 4, 6) * 4
    tensors, target = inputs(shapes, lengths), torch.arange(16) % 2
    second = target.bool()
    if kind in ("tokens", "words"):
        tensors["part"][second] = torch.where(tensors["part"][second] > 0, tensors["part"][second] // 4 + 4, 0)
        tensors["part"][~second] = torch.where(tensors["part"][~second] > 0, tensors["part"][~second] // 4 + 12, 0)
    elif kind == "image":
        tensors["part"] //= 5
        tensors["part"][second] += 150
    else:
        tensors["part"][second] += 2.0
    torch.manual_seed(0)
    model = NETWORKS[name]
    small = {"depth": 10, "width": 8} if name == "resnet" else NEEDED.get(name, {})
    module = model.build(work(shapes, outputs_of(name)), model.Settings(**small)).train()
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    losses = []
    for _ in range(31):
        outputs = module(tensors)
        loss = torch.nn.functional.cross_entropy(outputs, target) if name in FUSING else outputs.mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", FUSING)
def test_parts_of_all_kinds_are_fused_in_the_order_of_their_names(name: str) -> None:
    turned = dict(reversed(SHAPES.items()))
    module, same = network(name, SHAPES), network(name, turned)
    assert list(module.state_dict()) == list(same.state_dict())
    tensors = inputs(SHAPES)
    answers = module(tensors)
    assert answers.shape == (4, 3)
    assert torch.equal(answers, same(tensors))
    for part in SHAPES:
        changed = tensors | {part: tensors[part].roll(1, 0) + (part == "vector")}
        assert not torch.allclose(module(changed), answers, atol=1e-6), f"the part '{part}' changes nothing"
    for row in range(4):
        assert torch.allclose(module(alone(tensors, row))[0], answers[row], atol=1e-5)


@pytest.mark.parametrize("name", FUSING)
def test_a_single_part_has_no_trunk(name: str) -> None:
    kind = min(NETWORKS[name].takes)
    assert not list(network(name, {"part": SHAPES[kind]}).trunk.parameters())


class Case(NamedTuple):
    """Another value than the default that must change the network, on a kind of data, with the others that matter."""

    value: Any
    kind: str = ""
    others: Mapping[str, Any] = {}


RECURRENT = {
    "units": Case(5),
    "layers": Case(2),
    "bidirectional": Case(False),
    "summary": Case("last"),
    "embedding": Case(3, "tokens"),
    "dropout": Case(0.9),
}
TRANSFORMER = {"width": Case(32), "layers": Case(1), "heads": Case(4), "dropout": Case(0.9)}
_BY_SIZE = {"width": "auto", "layers": "auto", "heads": "auto"}
LANGUAGE_MODEL = {
    "size": Case("small", "", _BY_SIZE),
    "parameters": Case(60_000, "", _BY_SIZE),
    "width": Case(32),
    "layers": Case(2),
    "heads": Case(4),
    "dropout": Case(0.9),
}
SETTINGS: dict[str, dict[str, Case]] = {
    "autoencoder": {
        "kind": Case("variational"),
        "code": Case(3),
        "units": Case((9,), "vector"),
        "channels": Case((9,), "image"),
        "activation": Case("tanh"),
        "noise": Case(2.0, "", {"kind": "denoising"}),
        "hidden": Case(0.9, "", {"kind": "masked"}),
        "divergence": Case(5.0, "", {"kind": "variational"}),
    },
    "cnn": {
        "channels": Case((4,)),
        "kernel": Case(5),
        "pooling": Case("average"),
        "units": Case((9,)),
        "activation": Case("gelu"),
        "normalisation": Case("layer"),
        "embedding": Case(3, "tokens"),
        "dropout": Case(0.9),
    },
    "encoder-decoder": TRANSFORMER
    | {"kind": Case("lstm"), "positions": Case("learned"), "longest": Case(7, "", {"positions": "learned"})},
    "bert": LANGUAGE_MODEL
    | {"heads": Case(4, "", {"width": 256}), "context": Case(40, "", {"style": "classic"})}
    | {"masked": Case(0.9), "between": Case(0.0), "style": Case("classic")},
    "gpt": LANGUAGE_MODEL
    | {"qk_norm": Case(True), "z_loss": Case(0.5)}
    | {"convolutions": Case(1, "", {"layers": 2}), "tied": Case(False)},
    "gru": RECURRENT,
    "lstm": RECURRENT,
    "mlp": {
        "units": Case((9,)),
        "activation": Case("silu"),
        "normalisation": Case("batch"),
        "dropout": Case(0.5),
    },
    "pretrained-causal": {
        "origin": Case({**SPEAKING, "config": {**SPEAKING["config"], "num_hidden_layers": 1}}),
        "adapter": Case("lora"),
        "rank": Case(3, "", {"adapter": "lora"}),
        "where": Case("attention", "", {"adapter": "lora"}),
    },
    "pretrained-masked": {
        "origin": Case({**ORIGIN, "config": {**CONFIG, "hidden_size": 8}}),
        "tune": Case("lora"),
        "rank": Case(3, "", {"tune": "lora"}),
        "masked": Case(0.9),
    },
    "pretrained-sequence-to-sequence": {
        "origin": Case({**REWRITING, "config": {**REWRITING["config"], "num_layers": 1}}),
        "tune": Case("lora"),
        "rank": Case(3, "", {"tune": "lora"}),
    },
    "pretrained-codes": {"origin": Case({**CODED, "config": {"code": 5}}), "dropout": Case(0.9)},
    "pretrained-encoder-decoder": {
        "origin": Case({**ORIGIN, "config": {**CONFIG, "hidden_size": 8}}),
        "width": Case(32),
        "layers": Case(1),
        "heads": Case(4),
        "dropout": Case(0.9),
    },
    "pretrained-image": {
        "origin": Case({**ORIGIN_OF_IMAGES, "config": {**IMAGES, "head": 8}}),
        "side": Case(48),
        "tune": Case("head", "", {"statistics": "learned"}),
        "frozen": Case(2, "", {"statistics": "learned"}),
        "levels": Case("all"),
        "statistics": Case("learned"),
        "dropout": Case(0.9),
    },
    "pretrained-text": {
        "origin": Case({**ORIGIN, "config": {**CONFIG, "hidden_size": 8}}),
        "tune": Case("lora"),
        "rank": Case(3, "", {"tune": "lora"}),
        "summary": Case("first"),
        "dropout": Case(0.9),
        "attention_dropout": Case(0.9),
        "unit": Case(True),
    },
    "pretrained-sound": {
        "origin": Case({**ORIGIN_OF_SOUNDS, "config": {**SOUNDS, "d_model": 8}}),
        "tune": Case("lora"),
        "rank": Case(3, "", {"tune": "lora"}),
        "summary": Case("layers"),
        "silence": Case(0.1),
        "dropout": Case(0.9),
    },
    "resnet": {
        "depth": Case(18),
        "width": Case(5),
        "activation": Case("silu"),
        "embedding": Case(3, "tokens"),
        "dropout": Case(0.9),
    },
    "rnn": RECURRENT,
    "tabular-transformer": TRANSFORMER,
    "transformer": TRANSFORMER | {"positions": Case("learned"), "summary": Case("max")},
    "vision-transformer": TRANSFORMER | {"patch": Case(3), "summary": Case("class")},
}
ELSEWHERE = {
    ("encoder-decoder", "vocabulary"),
    ("encoder-decoder", "beams"),
    ("pretrained-causal", "alpha"),
    ("pretrained-causal", "base"),
    ("pretrained-causal", "beta"),
    ("pretrained-causal", "context"),
    ("pretrained-codes", "tune"),
    *(("pretrained-encoder-decoder", f) for f in ("tune", "frozen", "layer_decay", "longest", "vocabulary", "beams")),
    ("pretrained-image", "layer_decay"),
    *(("pretrained-sound", field) for field in ("alpha", "frozen", "layer_decay")),
    *(("pretrained-sequence-to-sequence", field) for field in ("alpha", "prefix", "longest", "beams")),
    ("gpt", "context"),
    *(("pretrained-masked", field) for field in ("alpha", "context", "whole_words")),
    ("bert", "whole_words"),
    ("bert", "begins"),
    ("pretrained-text", "alpha"),
    ("pretrained-text", "embeddings"),
    ("pretrained-text", "frozen"),
    ("pretrained-text", "layer_decay"),
}
"""Settings of how texts become tokens and blocks and are written, and of how weights go on learning, which no module
sees; the tests of the task and of the model hold them.
"""
FIELDS = [
    (name, field)
    for name, model in NETWORKS.items()
    for field in model.Settings.model_fields
    if (name, field) not in ELSEWHERE
]


def trained(name: str, kind: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], torch.Tensor]:
    """The sizes of a network's weights, and what it answers while it trains, from one state of chance."""
    shapes = {"part": SHAPES[kind]}
    module = network(name, shapes, outputs_of(name), **settings).train()
    tensors = inputs(shapes)
    if name not in ANSWERING:
        tensors["part.written"] = torch.tensor([[2, 1], [2, 2], [2, 1], [2, 2]])
    torch.manual_seed(5)
    return {key: tensor.shape for key, tensor in module.state_dict().items()}, module(tensors)


def differs(name: str, field: str) -> bool:
    case = SETTINGS[name][field]
    kind = case.kind or max(NETWORKS[name].takes)
    sizes, answers = trained(name, kind, case.others)
    other_sizes, other_answers = trained(name, kind, {**case.others, field: case.value})
    return sizes != other_sizes or not torch.allclose(answers, other_answers, atol=1e-6)


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=lambda part: part)
def test_another_value_of_a_setting_makes_another_network(name: str, field: str) -> None:
    assert field in SETTINGS.get(name, {}), f"write a case of another value of '{field}'"
    assert differs(name, field)


def test_the_test_above_sees_a_setting_that_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain autoencoder has no noise."""
    monkeypatch.setitem(SETTINGS["autoencoder"], "noise", Case(2.0))
    assert not differs("autoencoder", "noise")


def test_every_case_is_of_a_setting_that_there_is() -> None:
    assert {(name, field) for name, cases in SETTINGS.items() for field in cases} == set(FIELDS)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_declines_what_it_does_not_read_and_says_what_it_does(name: str) -> None:
    others = sorted(set(SHAPES) - NETWORKS[name].takes)
    reason = NETWORKS[name].declines(work({"part": SHAPES[others[0]]}))
    assert reason is not None and reason.startswith("it ")
    for kind in NETWORKS[name].takes:
        assert NETWORKS[name].declines(work({"part": SHAPES[kind]})) is None


@pytest.mark.parametrize("name", NETWORKS)
def test_without_torch_it_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from luban.models import _networks

    monkeypatch.setattr(_networks, "find_spec", lambda module: None)
    asked = work({"part": SHAPES[min(NETWORKS[name].takes)]})
    assert "pip install 'luban[nets]'" in str(NETWORKS[name].declines(asked))
    assert not list(NETWORKS[name].portfolio(asked))


def tried(shapes: Mapping[str, Shape], rows: int) -> list[str]:
    """The networks that `auto` tries, in their order."""
    asked = work(shapes, rows=rows)
    entries = [entry for model in ANSWERING.values() for entry in model.portfolio(asked)]
    return [entry.candidate.model for entry in sorted(entries, key=lambda entry: entry.order)]


@pytest.mark.parametrize(
    ("kind", "size", "rows", "wanted"),
    [
        ("image", (1, 28, 28), 60_000, ["cnn"]),
        ("image", (1, 8, 8), 1_500, ["cnn", "resnet"]),
        ("tokens", (8_000,), 2_000, ["cnn"]),
        ("tokens", (8_000,), 8_000, ["cnn", "gru"]),
        ("tokens", (8_000,), 50_000, ["cnn", "gru", "transformer"]),
        ("sequence", (12,), 200, ["cnn", "gru"]),
        ("vector", (30,), 500, ["mlp"]),
        ("vector", (30,), 500_000, []),
        ("vector", (3_000,), 500, []),
    ],
)
def test_auto_tries_what_suits_the_kind_and_the_number_of_rows(
    kind: str, size: tuple[int, ...], rows: int, wanted: list[str]
) -> None:
    assert tried({"part": Shape(kind, size)}, rows) == wanted  # type: ignore[arg-type]


def test_auto_leaves_a_recurrence_over_few_long_series_out() -> None:
    assert tried({"part": Shape("sequence", (1,), longest=150)}, 50) == ["cnn"]
    assert tried({"part": Shape("sequence", (12,), longest=29)}, 200) == ["cnn", "gru"]
    assert tried({"part": Shape("sequence", (1,), longest=150)}, 600) == ["cnn", "gru"]


def test_a_matrix_without_shapes_is_one_vector_and_a_sparse_one_is_declined() -> None:
    mlp = NETWORKS["mlp"]
    assert mlp.declines(Work("binary", 2, 100, 5)) is None
    assert "sparse" in str(mlp.declines(Work("binary", 2, 100, 5, sparse=True)))
    assert "at most 5,000 columns" in str(mlp.declines(Work("binary", 2, 100, 6_000)))
    assert importlib.util.find_spec("torch") is not None
