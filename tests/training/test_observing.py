"""Looking at one forward pass: known answers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from luban.training.observing import Observer
from luban.training.signals import Recorder


def look(model, *inputs, times=1):
    observer = Observer(model)
    for _ in range(times):
        begun = observer.start()
        observer.stop(begun, model(*inputs))
    return observer


def biased(*biases, width=1):
    """A layer that answers every row with its biases."""
    layer = nn.Linear(width, len(biases))
    nn.init.zeros_(layer.weight)
    layer.bias.data = torch.tensor(biases)
    return layer


def test_what_a_layer_gives_out():
    seen = look(nn.Sequential(biased(0.0, 0.0, 3.0, 3.0)), torch.zeros(5, 1)).signals["0"]
    assert (seen.mean, seen.zeros, seen.nonfinite) == (1.5, 0.5, 0.0)
    assert seen.deviation == pytest.approx(1.5)
    seen = look(nn.Sequential(biased(1.0, float("nan"))), torch.zeros(5, 1)).signals["0"]
    assert seen.nonfinite == 0.5


def test_a_small_deviation_around_a_large_mean_is_exact():
    seen = look(nn.Sequential(biased(10_000.0, 10_000.5)), torch.zeros(5, 1)).signals["0"]
    assert seen.deviation == pytest.approx(0.25)


@pytest.mark.parametrize("rows, examples", [(50, 200), (150, 300), (500, 500)])
def test_dead_units_are_zero_in_each_of_the_latest_examples(rows, examples):
    model = nn.Sequential(biased(1.0, -1.0, -1.0, -1.0), nn.ReLU(), biased(0.0, width=4))
    seen = look(model, torch.zeros(rows, 1), times=9).activations["0"]
    assert (seen.function, seen.zeros, seen.dead, seen.final) == ("relu", 0.75, 0.75, False)
    assert seen.examples == examples


def test_a_unit_that_was_active_once_is_alive():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    nn.init.ones_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    rows = -torch.ones(300, 1)
    assert look(model, rows).activations["0"].dead == 1.0
    rows[299] = 1.0
    assert look(model, rows).activations["0"].dead == 0.0


def test_units_of_an_image_are_its_channels():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    nn.init.zeros_(model[0].weight)
    model[0].bias.data = torch.tensor([1.0, -1.0])
    seen = look(model, torch.zeros(4, 1, 8, 8)).activations["0"]
    assert (seen.dead, seen.examples) == (0.5, 256)
    flat = nn.Sequential(biased(1.0, -1.0, -1.0, -1.0), nn.ReLU())
    assert look(flat, torch.zeros(2, 3, 5, 1)).activations["0"].dead == 0.75


@pytest.mark.parametrize("call", [nn.Tanh(), torch.tanh, functional.tanh, torch.Tensor.tanh])
def test_saturated_shares_are_seen_however_the_function_is_called(call):
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = biased(0.0, 1.8, 1.9, -9.0), biased(0.0, width=4)

        def forward(self, rows):
            return self.last(call(self.first(rows)))

    seen = look(Network(), torch.zeros(3, 1)).activations["first"]
    # tanh(1.8) = 0.947, and tanh(1.9) = 0.956.
    assert (seen.function, seen.saturated) == ("tanh", 0.5)


def test_a_sigmoid_is_scaled_to_the_same_range_and_answers_are_told_apart():
    model = nn.Sequential(biased(0.0, 3.6, 3.7, -9.0), nn.Sigmoid(), biased(0.0, width=4), nn.Sigmoid())
    seen = look(model, torch.zeros(3, 1)).activations
    assert (seen["0"].saturated, seen["0"].final, seen["2"].final) == (0.5, False, True)


def test_functions_behind_one_layer_are_kept_apart():
    assert list(look(nn.Sequential(nn.Linear(1, 3), nn.ReLU(), nn.Tanh()), torch.ones(2, 1)).activations) == [
        "0", "0 (tanh 1)",
    ]  # fmt: skip


def test_layers_are_told_in_the_order_in_which_rows_pass_them():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.Linear(3, 2), nn.Linear(3, 3)
            self.place = nn.Parameter(torch.zeros(1, 3))

        def forward(self, rows):
            return self.late(self.early(rows) + self.place)

    observer = look(Backwards(), torch.ones(4, 3), times=2)
    # What the whole network holds has no place between its layers.
    assert list(observer.order) == ["early", "late"]
    assert "network" in observer.signals
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    assert list(look(attention, *[torch.ones(2, 3, 4)] * 3).order) == ["network"]


def test_what_reaches_the_first_layer():
    rows = torch.tensor([[1.0, 100.0], [3.0, 500.0], [float("nan"), 300.0]])
    seen = look(nn.Linear(2, 1), rows).arriving
    assert (seen.largest, seen.rows) == (500.0, 3)
    assert seen.nonfinite == pytest.approx(1 / 6)
    plain = look(nn.Linear(2, 1), torch.tensor([[1.0, 100.0], [3.0, 500.0]])).arriving
    assert plain.deviations == pytest.approx(200.0)
    assert plain.root_mean_square == pytest.approx(((1 + 9 + 100**2 + 500**2) / 4) ** 0.5)


def test_what_normalises_comes_before_it_and_words_are_no_numbers():
    scaled = look(nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 1)), torch.arange(100.0)[:, None] * 1000)
    assert scaled.arriving.root_mean_square == pytest.approx(1.0, abs=0.01)
    words = look(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 1)), torch.arange(9))
    assert words.arriving is None


def test_hooks_and_the_mode_are_gone_afterwards():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    observer = Observer(model)
    with pytest.raises(RuntimeError), observer.looking():
        model(torch.ones(2, 5))
    assert not any(layer._forward_hooks for layer in model.modules())
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_recorder_measures_gradients_and_moves():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    nn.init.ones_(model[0].weight)
    recorder = Recorder(model)
    with recorder.armed():
        model(torch.ones(1, 2)).sum().backward()
    recorder.before()
    with torch.no_grad():
        model[0].weight += 0.1
    recorder.after()
    seen = recorder.step(0, 1.0, 0.1, 2.0).layers["0"]
    assert (seen.gradient, seen.weight, seen.ratio) == pytest.approx((1.0, 1.0, 0.1))
    assert recorder.step(0, 1.0, 0.1, 2.0).idle == ()
    model[0].weight.grad = None
    recorder.before()
    assert recorder.step(1, 1.0, 0.1, 0.0).idle == ("0.weight",)


@pytest.mark.parametrize("step, looks", [(0, True), (9, True), (10, False), (24, False), (25, True)])
def test_the_first_ten_steps_are_watched_and_those_up_to_25_are_timed(step, looks):
    assert Recorder(nn.Linear(1, 1)).watching(step) is looks


def test_the_interval_is_set_by_what_watching_costs():
    recorder = Recorder(nn.Linear(1, 1))
    for step in range(25):
        recorder.timed(step, 1.25 if step < 10 else 1.0)
    # A watched step costs 0.25 of a plain one, and 0.01 of the time may be spent.
    assert recorder.interval == 25


def test_watching_that_seems_to_cost_nothing_is_not_done_at_every_step():
    recorder = Recorder(nn.Linear(1, 1))
    for step in range(25):
        recorder.timed(step, 0.10)
    assert recorder.interval == 10
