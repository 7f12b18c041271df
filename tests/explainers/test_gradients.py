"""Explainers by gradients: known answers, slow references, and networks that learned what was planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional

from explainers.networks import encoder_of, form_of, rows, subject_of
from explainers.subjects import learned, subject, table, target
from fitted import Fitted
from luban import collate
from luban.batch import Array
from luban.core import registry
from luban.core.errors import UsageError
from luban.explainers import _positions
from luban.explainers.attention_rollout import _weights
from luban.forms.linked import Linked
from luban.forms.network import Network
from luban.models._attention import Attention
from luban.protocols import Attributed, Effort, Subject
from luban.verbs.explain import explain
from origins.tiny import CONFIG

FRAME = rows()
SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"channels": (4, 6), "units": (8,)},
    "resnet": {"depth": 10, "width": 4},
    "transformer": {"width": 16, "heads": 2},
    "vision-transformer": {"width": 16, "heads": 2},
    "tabular-transformer": {"width": 16, "heads": 2},
    "pretrained-text": {
        "origin": {"content": "sha256:none", "config": {**CONFIG, "vocab_size": 400}, "marks": (0, 1, 2, 3, 4)}
    },
}
SEEN = [
    ("mlp", ("a", "town")),
    ("tabular-transformer", ("a", "town")),
    ("transformer", ("note",)),
    ("pretrained-text", ("note",)),
    ("lstm", ("note",)),
    ("gru", ("pulse",)),
    ("transformer", ("said",)),
    ("resnet", ("picture",)),
    ("vision-transformer", ("picture",)),
    ("cnn", ("note", "a", "town")),
    ("transformer", ("a", "note", "picture", "pulse")),
]


def asked_of(model: str, columns: tuple[str, ...], **asked: Any) -> Subject:
    frame = FRAME.select(columns)
    encoder = encoder_of(frame)
    return subject_of(frame, encoder, form_of(encoder, model, **SMALL.get(model, {})), **asked)


def explained(name: str, asked: Subject, **effort: Any) -> Attributed:
    explainer = registry.find("explainers", name)
    assert explainer.declines(asked) is None
    assert explainer.suits(asked) is None
    [found] = explainer.explain(asked, Effort(**effort))
    assert np.isfinite(found.values).all() and found.values.shape == (asked.count,)
    result: Attributed = found
    return result


@pytest.mark.parametrize(("model", "columns"), SEEN, ids=[f"{m} {'+'.join(c)}" for m, c in SEEN])
def test_what_units_add_along_the_way_sums_up_to_the_difference_of_its_ends(
    model: str, columns: tuple[str, ...]
) -> None:
    asked = asked_of(model, columns)
    found = explained("integrated-gradients", asked)
    missed = abs(found.values.sum() - (found.whole - found.base))
    assert missed <= 0.01 * abs(found.whole - found.base) or "text" in found.more
    assert missed <= 0.03 * abs(found.whole - found.base)
    assert np.ptp(found.values) > 0
    again = explained("integrated-gradients", asked)
    np.testing.assert_array_equal(found.values, again.values)


@pytest.mark.parametrize(
    ("model", "columns"), [("mlp", ("a", "town")), ("gru", ("pulse",)), ("transformer", ("said",))]
)
def test_the_way_begins_where_all_units_are_left_out_and_ends_at_the_row(model: str, columns: tuple[str, ...]) -> None:
    asked = asked_of(model, columns)
    found = explained("integrated-gradients", asked)

    def centred(frame: pl.DataFrame) -> float:
        logs = np.log(np.asarray(asked.inside.form.outputs(asked.inside.encoder.transform(frame)))[0])
        return float(logs[0] - logs.mean())

    assert found.scale == "score"
    assert found.whole == pytest.approx(centred(asked.frame), abs=1e-4)
    empty = asked.inside.usual
    if asked.cuts[0]:
        empty = asked.frame.with_columns(
            asked.cuts[0][columns[0]].masked(np.zeros((1, asked.count), bool)).alias(columns[0])
        )
    assert found.base == pytest.approx(centred(empty), abs=1e-4)


def test_integrated_gradients_are_what_small_differences_along_the_way_add_up_to() -> None:
    asked = asked_of("mlp", ("a", "town"))
    form, encoder = asked.inside.form, asked.inside.encoder
    here, usual = (collate.parts(encoder.transform(each))["table"][0] for each in (asked.frame, asked.inside.usual))  # type: ignore[index]
    module = form.module.double()  # type: ignore[attr-defined]

    def answer(row: Array) -> float:
        with torch.no_grad():
            raw = module({"table": torch.from_numpy(row[None])})[0].numpy()
        return float(raw[0] - raw.mean())

    added = np.zeros(len(here))
    ways = (np.arange(400) + 0.5) / 400
    for share in ways:
        at = usual + share * (here - usual).astype(np.float64)
        for place in np.flatnonzero(here != usual):
            moved = np.zeros(len(here))
            moved[place] = 1e-5
            slope = (answer(at + moved) - answer(at - moved)) / 2e-5
            added[place] += slope * (here[place] - usual[place]) / len(ways)
    module.float()
    found = explained("integrated-gradients", asked)
    table_of = encoder.table  # type: ignore[attr-defined]
    wanted = [added[[source == unit.column for source in table_of.sources]].sum() for unit in asked.units[0]]
    np.testing.assert_allclose(found.values, wanted, atol=0.02 * np.abs(wanted).max())


def test_of_a_background_the_mean_is_told() -> None:
    frame = FRAME.select("a", "town")
    encoder = encoder_of(frame)
    form = form_of(encoder, "mlp")
    several = explained("integrated-gradients", subject_of(frame, encoder, form, background=frame[5:8]))
    alone = [
        explained("integrated-gradients", subject_of(frame, encoder, form, background=frame[n : n + 1]))
        for n in (5, 6, 7)
    ]
    assert several.base == pytest.approx(np.mean([each.base for each in alone]), abs=1e-5)


def test_pieces_of_a_word_are_one_unit_and_marks_are_none() -> None:
    frame = pl.DataFrame({"note": ["goal unbelievable, Überraschung team", "goal", "a team"]})
    encoder = encoder_of(frame)
    asked = subject_of(frame, encoder, form_of(encoder, "lstm"), most=9)
    places = _positions.read(asked, 0)["note"]
    assert [unit.name for unit in asked.units[0]] == ["goal", "unbelievable,", "Überraschung", "team"]
    assert places.unit[[0, -1]].tolist() == [-1, -1]
    inner = places.unit[1:-1]
    assert (np.diff(inner) >= 0).all() and set(inner.tolist()) == {0, 1, 2, 3}
    assert (inner == 1).sum() > 1, "a word that was read once has several pieces"
    assert places.usual[0, 1:-1].tolist() == [0] * len(inner)
    assert places.usual[0, [0, -1]].tolist() == places.here[[0, -1]].tolist()


def test_what_a_tag_of_a_word_is_made_of() -> None:
    frame = FRAME.select("said")
    encoder = encoder_of(frame)
    form = form_of(encoder, "transformer", task="tagging", **SMALL["transformer"])
    found = [
        explained("integrated-gradients", subject_of(frame, encoder, form, step=step, task="tagging"))
        for step in (0, 3)
    ]
    assert not np.allclose(found[0].values, found[1].values)
    shares = explained("attention-rollout", subject_of(frame, encoder, form, step=2, task="tagging"))
    assert shares.values.argmax() == 2, "half of each layer is the step itself"


def test_one_of_several_targets() -> None:
    frame = FRAME.select("a", "town")
    encoder = encoder_of(frame)
    network = form_of(encoder, "mlp", outputs=3, link="identity")
    form = Linked(network, ("identity", "softmax"), (1, 2), np.array([5.0, 1.0, 1.0]), np.array([7.0, 0.0, 0.0]))
    value = explained("integrated-gradients", subject_of(frame, encoder, form, place=0, scale="value"))
    assert value.whole == pytest.approx(form.outputs(encoder.transform(frame[:1]))[0, 0], rel=1e-5)
    odds = explained("integrated-gradients", subject_of(frame, encoder, form, place=2))
    share = form.outputs(encoder.transform(frame[:1]))[0, 2]
    assert odds.scale == "log-odds"
    assert odds.whole == pytest.approx(np.log(share / (1 - share)), abs=1e-4)


def trained(model: str, frame: pl.DataFrame, codes: Array, **asked: Any) -> tuple[Any, Network, Network]:
    """The encoder, the network with fresh weights, and the same after some steps on all rows."""
    encoder = encoder_of(frame)
    fresh = form_of(encoder, model, outputs=2, task="binary", **asked)
    form = Network(fresh.model, fresh.settings, fresh.work, fresh.weights, fresh.link)
    inputs = collate.to_torch(encoder.transform(frame), np.arange(len(frame)))
    wanted = torch.from_numpy(codes)
    optimiser = torch.optim.Adam(form.module.parameters(), lr=0.01)
    torch.manual_seed(0)
    for _ in range(120):
        optimiser.zero_grad()
        functional.cross_entropy(form.module(inputs), wanted).backward()
        optimiser.step()
    assert float((form.module(inputs).argmax(dim=1) == wanted).float().mean()) > 0.97
    return encoder, fresh, form


@pytest.mark.parametrize("name", ["integrated-gradients", "gradient-x-input", "smoothgrad"])
def test_a_planted_word_is_found_and_a_network_that_learned_nothing_is_explained_otherwise(name: str) -> None:
    frame = rows(80, seed=4).select("note")
    codes = frame["note"].str.contains("bank").cast(pl.Int64).to_numpy().copy()
    encoder, fresh, form = trained("lstm", frame, codes, units=16, embedding=8)
    found, same = [], []
    for row in np.flatnonzero(codes)[:20].tolist():
        one, two = (
            explained(name, subject_of(frame[row : row + 1], encoder, each, place=1, most=20)) for each in (form, fresh)
        )
        words = [unit.name for unit in subject_of(frame[row : row + 1], encoder, form, most=20).units[0]]
        found.append("bank" in words[int(one.values.argmax())])
        same.append(np.corrcoef(one.values, two.values)[0, 1])
    assert np.mean(found) >= 0.95
    assert np.mean(np.abs(same)) < 0.7


@pytest.mark.parametrize("name", ["integrated-gradients", "grad-cam"])
def test_a_planted_spot_of_a_picture_is_found(name: str) -> None:
    random = np.random.default_rng(2)
    pictures = random.integers(90, 110, (60, 24, 24)).astype(np.uint8)
    codes = np.arange(60) % 2
    corners = random.integers(0, 2, (60, 2)) * 12 + 2
    for number in np.flatnonzero(codes):
        y, x = corners[number]
        pictures[number, y : y + 8, x : x + 8] = 240
    frame = pl.DataFrame({"picture": pl.Series(pictures)})
    encoder, _, form = trained("cnn", frame, codes, channels=(8, 8), units=(8,), dropout=0.0)
    hits = []
    for number in np.flatnonzero(codes)[:30].tolist():
        asked = subject_of(frame[number : number + 1], encoder, form, place=1, most=16)
        regions = asked.cuts[0]["picture"].regions
        assert regions is not None
        spot = np.zeros((24, 24), bool)
        y, x = corners[number]
        spot[y : y + 8, x : x + 8] = True
        best = regions == int(explained(name, asked).values.argmax())
        hits.append((best & spot).sum() > 0)
    assert np.mean(hits) >= 0.95


def test_smoothgrad_has_errors_that_shrink_and_stop_it() -> None:
    asked = asked_of("mlp", ("a", "town"))
    few, many = (explained("smoothgrad", asked, calls=n) for n in (20, 400))
    assert few.errors is not None and many.errors is not None
    assert many.errors.max() < few.errors.max() / 2
    assert (few.calls, many.calls) == (20, 400)
    enough = explained("smoothgrad", asked, error=float(many.errors.max() * 2))
    assert enough.errors is not None and enough.errors.max() <= many.errors.max() * 2
    assert not np.array_equal(few.values, explained("smoothgrad", asked, calls=20, seed=1).values)


@pytest.mark.parametrize(("name", "calls", "enough"), [("integrated-gradients", 5, "16"), ("smoothgrad", 1, "2")])
def test_too_few_calls_name_the_number_that_would_do(name: str, calls: int, enough: str) -> None:
    with pytest.raises(UsageError) as told:
        explained(name, asked_of("mlp", ("a", "town")), calls=calls)
    assert told.value.fix == f"allow {enough} calls or more"


@pytest.mark.parametrize("rotary", [False, True])
def test_the_attention_that_is_rolled_out_is_the_one_that_answers(rotary: bool) -> None:
    torch.manual_seed(1)
    attention = Attention(8, 1, rotary=rotary).eval()
    steps = torch.randn(1, 5, 8)
    weights = _weights(attention, steps, causal=False)
    with torch.no_grad():
        wanted = attention(steps)[0].double().numpy()
        values = attention.output(torch.from_numpy(weights).float() @ attention.value(steps)[0]).double().numpy()
    np.testing.assert_allclose(values, wanted, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    causal = _weights(attention, steps, causal=True)
    assert not np.triu(causal, 1).any()


@pytest.mark.parametrize(
    ("model", "columns"),
    [each for each in SEEN if "transformer" in each[0] or each[0] == "pretrained-text"][:-1],
)
def test_attention_is_shared_out_and_says_that_it_is_not_faithful(model: str, columns: tuple[str, ...]) -> None:
    found = explained("attention-rollout", asked_of(model, columns))
    assert (found.values >= 0).all() and 0 < found.values.sum() <= 1 + 1e-9
    assert "not faithful by itself" in found.more["text"]
    assert found.more["elsewhere"] == pytest.approx(1 - found.values.sum())
    assert not found.complete and found.scale == "score"


@pytest.mark.parametrize(
    ("name", "model", "columns", "reason"),
    [
        ("grad-cam", "mlp", ("a", "town"), "it is for images, and 'a' is none"),
        ("grad-cam", "vision-transformer", ("picture",), "no convolution that goes over an image"),
        ("attention-rollout", "lstm", ("note",), "has no attention"),
        ("attention-rollout", "transformer", ("note", "picture"), "what reads 'picture' has no attention"),
    ],
)
def test_networks_without_what_a_method_looks_at(name: str, model: str, columns: tuple[str, ...], reason: str) -> None:
    assert reason in str(registry.find("explainers", name).declines(asked_of(model, columns)))


@pytest.mark.parametrize(
    "name", ["integrated-gradients", "gradient-x-input", "smoothgrad", "grad-cam", "attention-rollout"]
)
def test_models_without_gradients_are_declined_and_others_are_named(name: str, fitted: Fitted) -> None:
    frame = table(60)
    encoder, form = learned("random-forest", frame, target(frame), trees=3)
    assert "of the form 'trees'" in str(registry.find("explainers", name).declines(subject(frame[:1], encoder, form)))
    with pytest.raises(UsageError, match="gradients") as told:
        explain(fitted.bundle("cancer"), "sample:breast-cancer", rows=[0], method=name)
    assert "linear" in str(told.value.fix) and "shap" in str(told.value.fix)


def test_a_fitted_network_is_explained_by_its_gradients(fitted: Fitted) -> None:
    [found] = explain(fitted.bundle("wide"), "sample:iris", rows=[100], method="integrated-gradients")
    assert found.completeness_error is not None
    assert found.completeness_error <= 0.01 * abs(found.value - found.base_value)
    assert len(found.attributions) == 4
    assert found.attributions[0].standard_error is None
