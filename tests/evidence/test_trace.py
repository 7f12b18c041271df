"""A trace: plain numbers, and what follows from them."""

import json
import math

import pytest

from conditions.trained import step
from luban.evidence.trace import LayerSignals, Trace, smoothed


def test_the_move_of_a_layer_is_a_share_of_its_weights():
    assert LayerSignals(weight=2.0, update=0.5).ratio == 0.25
    assert LayerSignals(weight=0.0, update=0.5).ratio == 0.0


def test_signals_are_written_without_what_does_not_apply_and_with_null_for_what_is_no_number():
    written = LayerSignals(gradient=math.inf, weight=1.0, mean=math.nan).to_json()
    assert written == {"gradient": None, "weight": 1.0, "update": 0.0, "mean": None}
    json.dumps(written, allow_nan=False)


def test_hidden_layers_are_all_but_the_last():
    assert Trace(layers=("0", "2", "4")).hidden() == ("0", "2")
    assert Trace(layers=("0",)).hidden() == Trace().hidden() == ()


def test_steps_are_those_of_which_the_loss_is_known():
    assert Trace(losses=[1.0, math.nan]).steps == 2


def test_first_steps_are_given_or_missed_in_words():
    trace = Trace(watched=[step(0), step(1), step(5)])
    assert [one.step for one in trace.first_steps(2)] == [0, 1]
    with pytest.raises(ValueError, match="4 watched steps are needed, and there are 3"):
        trace.first_steps(4)


@pytest.mark.parametrize("width, means", [(1, [1.0, 2.0, 6.0]), (2, [1.5]), (3, [3.0]), (4, [])])
def test_smoothed_losses_are_means_of_whole_windows(width, means):
    assert smoothed([1.0, 2.0, 6.0], width) == means
