"""What answers rows: the graph where it agrees with the network, else torch, with a finding that says why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.protocols import Form
from luban.recipe.recipe import Candidate
from luban.runtime import accepted, graph
from luban.training.unit import HELD_BACK, Training
from luban.verbs import exporting
from training.networks import CANDIDATE, decided, table, train
from verbs.program import luban


@pytest.fixture(scope="module")
def trained() -> tuple[Form, Training]:
    """A small network, and the training that it comes from."""
    batch, work = table(rows=60)
    folds = np.zeros((1, 60), np.int64)
    folds[0, 40:] = HELD_BACK
    return train(batch, work, decided(epochs=1)).form, Training(batch, folds, work, seed=0)


def test_a_network_whose_graph_agrees_has_no_finding(trained: tuple[Form, Training]) -> None:
    exported = exporting.export(*trained)
    assert exported.data is not None
    assert exporting.findings(exported, [CANDIDATE]) == ()


def test_a_network_whose_graph_differs_is_answered_by_torch_and_the_finding_says_by_how_much(
    trained: tuple[Form, Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "CLOSE", -1.0)
    exported = exporting.export(*trained)
    assert exported.data is None
    (finding,) = exporting.findings(exported, [CANDIDATE])
    assert (finding.condition, finding.severity) == ("no-onnx-graph", "warning")
    assert "its graph differs by" in finding.text and "mlp" in finding.text
    assert exported.parity is not None
    assert (finding.evidence.value, finding.evidence.n) == (exported.parity.difference, 60)


def test_a_graph_that_no_bundle_could_open_costs_no_training(
    trained: tuple[Form, Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted, "NETWORK_OPERATORS", frozenset())
    exported = exporting.export(*trained)
    assert exported.data is None
    (finding,) = exporting.findings(exported, [CANDIDATE])
    assert "is not one that luban uses" in finding.text


def test_a_model_that_answers_from_its_own_arrays_needs_no_finding() -> None:
    exported = exporting.Exported(None, "it looks up the nearest of its stored rows")
    assert exporting.findings(exported, [Candidate(model="knn")]) == ()
    assert len(exporting.findings(exported, [Candidate(model="knn"), CANDIDATE])) == 1, "an ensemble with a network"


@pytest.mark.slow
def test_the_bundle_carries_why_torch_answers(visits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = ["fit", visits, "--target", "stage", "--model", "mlp", "--set", "train.epochs=1", "--threads", "1"]
    with monkeypatch.context() as small:
        small.setattr(graph, "MOST_BYTES", 1000)
        done = luban(*fit, "--out", "torch.luban", "--json")
    assert done.code == 0
    by_name = {finding["condition"]: finding for finding in done.document["findings"]}
    assert "would be larger than" in by_name["no-onnx-graph"]["text"]
    assert not list(Path("torch.luban").rglob("*.onnx"))
    assert "no-onnx-graph" in Path("torch.luban/report.html").read_text(encoding="utf-8")
    answered = luban("predict", "torch.luban", visits)
    assert answered.code == 0, answered.err

    assert luban(*fit, "--out", "onnx.luban", "--json").code == 0
    found = json.loads(Path("onnx.luban/evidence/findings.json").read_text(encoding="utf-8"))["findings"]
    assert "no-onnx-graph" not in [finding["condition"] for finding in found]
    said, again = (pl.read_csv(done.out) for done in (answered, luban("predict", "onnx.luban", visits)))
    assert said["prediction"].equals(again["prediction"])
    assert said["probability_late"].to_numpy() == pytest.approx(again["probability_late"].to_numpy(), abs=1e-5)
