"""Conditions of the data that are seen in a training too: what reaches the first layer."""

import math

import pytest
import torch

from conditions.trained import digits, examine, found, perceptron, train
from luban.evidence.trace import Arriving, Trace

ROWS, CLASSES = digits()


def arriving(root=1.0, largest=3.0, deviations=1.0, nonfinite=0.0):
    return Trace(layers=("0", "2"), arriving=Arriving(root, largest, deviations, nonfinite, 32))


def test_pixels_as_they_come_are_found_and_scaled_ones_are_not():
    finding = found(train(perceptron(16), (ROWS * 400, CLASSES), steps=1), "unscaled-features")
    assert (finding.severity, finding.where.layer, finding.where.step) == ("severe", "0", 0)
    assert "reaches the first layer" in finding.text
    assert found(train(perceptron(16), steps=1), "unscaled-features") is None


@pytest.mark.parametrize(
    "seen, signal",
    [
        ({"root": 10.1}, "root mean square"),
        ({"largest": 101.0}, "largest absolute value"),
        ({"deviations": 101.0}, "largest to median standard deviation"),
    ],
)
def test_each_scale_has_a_threshold(seen, signal):
    (finding,) = examine("unscaled-features", arriving(**seen))
    assert finding.evidence.signal == signal
    assert examine("unscaled-features", arriving(**{name: value * 0.98 for name, value in seen.items()})) == []


def test_a_missing_value_in_the_first_batch_is_the_cause_that_is_told():
    rows = ROWS.clone()
    rows[3, 5] = math.nan
    watch = train(perceptron(16), (rows, CLASSES), steps=1)
    (finding,) = watch.findings
    assert (finding.condition, finding.severity, finding.where.step) == ("nonfinite-data", "severe", 0)
    assert "row 3 of the batch" in finding.text
    assert "nonfinite-training" in finding.explains
    assert examine("nonfinite-data", arriving()) == []
    assert examine("nonfinite-data", arriving(nonfinite=0.01))[0].where.layer == "0"


@pytest.mark.parametrize("name", ["unscaled-features", "nonfinite-data"])
def test_words_have_no_scale(name):
    words = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Flatten(), torch.nn.Linear(8, 10))
    watch = train(words, (torch.randint(9, (64, 2)), CLASSES[:64]), steps=1)
    assert "no table of numbers" in dict(watch.not_run)[name]
