"""`luban.watch`: it looks on, changes nothing, and tells what goes wrong, its cause first."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

import luban
from conditions.trained import digits, found, perceptron, train
from luban.core.errors import DataError, UsageError

ROWS, CLASSES = digits()
LOSS = nn.CrossEntropyLoss()


def lively():
    """A network with batch normalisation and dropout."""
    plain = perceptron(16)
    return nn.Sequential(plain[0], nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), plain[2])


def once(model, optimizer, at=0, watch=None, rows=ROWS):
    """One step, as a person makes it."""
    optimizer.zero_grad()
    loss = LOSS(model(rows[at : at + 32]), CLASSES[at : at + 32])
    loss.backward()
    optimizer.step()
    if watch is not None:
        watch.step(loss, rows[at : at + 32], CLASSES[at : at + 32])


def trained(watched, steps=30, **told):
    model = lively()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(1)
    if watched:
        with luban.watch(model, optimizer, loss=LOSS, **told) as watch:
            for step in range(steps):
                once(model, optimizer, 32 * step, watch)
    else:
        for step in range(steps):
            once(model, optimizer, 32 * step)
    return model.state_dict(), torch.get_rng_state()


def test_it_changes_nothing():
    (plain, random), (seen, random_then) = trained(False), trained(True)
    assert all(torch.equal(plain[name], seen[name]) for name in plain)
    assert torch.equal(random, random_then)


def test_hooks_are_gone_after_the_block_even_when_it_fails():
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="shapes"), luban.watch(model, optimizer):
        model(torch.ones(2, 3))
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in model.modules())
    assert not optimizer._optimizer_step_pre_hooks
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_forward_pass_that_fails_is_left_and_the_training_goes_on():
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        with pytest.raises(RuntimeError, match="shapes"):
            model(torch.ones(2, 3))
        assert torch.overrides._get_current_function_mode_stack() == []
        for step in range(5):
            once(model, optimizer, 32 * step, watch)
    assert watch.trace.layers == ("0", "2")
    assert watch.findings == ()


def test_a_sound_training_raises_no_alarm(capsys):
    watch = train(lively(), steps=30)
    assert watch.findings == ()
    assert capsys.readouterr().err == ""
    assert watch.report().startswith("nothing was found in 30 steps\nnot looked at: ")


def test_the_cause_is_told_first_and_explains_what_follows_from_it(capsys):
    watch = train(perceptron(16), (ROWS * 4000, CLASSES), steps=12)
    primary = watch.findings[0]
    assert primary.condition == "unscaled-features"
    assert "bad-initial-loss" in primary.explains
    assert [one.condition for one in watch.findings if one.condition in primary.explains] == []
    assert "bad-initial-loss" in watch._findings.found
    said = capsys.readouterr().err
    assert said.startswith("luban: severe: unscaled-features: ")
    assert "inputs = (inputs - train.mean(0)) / train.std(0)" in said
    assert said.count("unscaled-features:") == 1
    assert "it explains" in watch.report()


def test_what_was_found_stays():
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        once(model, optimizer, 0, watch, ROWS * 4000)
        for step in range(1, 20):
            once(model, optimizer, 32 * step, watch)
    assert "unscaled-features" in {one.condition for one in watch.findings}


def test_stop_on_ends_the_training_with_the_place_and_the_cure():
    with pytest.raises(luban.TrainingFault) as fault:
        train(perceptron(16), (ROWS * 4000, CLASSES), steps=12, stop_on="severe")
    assert fault.value.exit_code == 6
    assert str(fault.value).startswith("step 0, layer '0': unscaled-features: ")
    assert "inputs - train.mean(0)" in fault.value.fix
    frozen = perceptron(16)
    frozen[0].requires_grad_(False)
    train(frozen, steps=2, stop_on="severe")
    with pytest.raises(luban.TrainingFault, match="frozen-or-unused-parameter"):
        train(frozen, steps=2, stop_on="warning")


def test_the_file_holds_findings_what_did_not_run_and_the_order(tmp_path):
    out = tmp_path / "watched.json"
    watch = train(perceptron(16), (ROWS * 4000, CLASSES), steps=3, out=out)
    document = json.loads(out.read_text())
    assert document["steps"] == 3
    assert len(set(document["order"])) == 3
    assert [one["condition"] for one in document["findings"]] == [one.condition for one in watch.findings]
    reasons = {one["condition"]: one["reason"] for one in document["not_run"]}
    assert reasons["replica-drift"].startswith("the weights of several processes")
    assert document == {**watch.to_json(), "order": document["order"]}


@pytest.mark.parametrize("start, fires", [(0, True), (20, False)])
def test_batches_that_come_again_after_resuming_are_found(tmp_path, start, fires):
    model, out = perceptron(16), tmp_path / "watched.json"
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    train(model, steps=6, optimizer=optimizer, out=out)
    resumed = train(model, (ROWS[32 * start :], CLASSES[32 * start :]), steps=6, optimizer=optimizer, out=out)
    assert (found(resumed, "repeated-data-order") is not None) is fires
    fresh = train(perceptron(16), steps=6, out=out)
    assert "no run before" in dict(fresh.not_run)["repeated-data-order"]


def test_batches_of_any_number_type_are_remembered(tmp_path):
    rows = (ROWS.bfloat16(), CLASSES)
    train(perceptron(16).bfloat16(), rows, steps=2, out=tmp_path / "watched.json")
    assert len(json.loads((tmp_path / "watched.json").read_text())["order"]) == 2


def test_a_file_that_is_none_of_its_own_is_refused(tmp_path):
    out = tmp_path / "other.json"
    out.write_text("[1]")
    model = perceptron()
    optimizer = torch.optim.Adam(model.parameters())
    once(model, optimizer)
    with pytest.raises(DataError, match="not what an earlier watch has written"):
        luban.watch(model, optimizer, out=out)


@pytest.mark.parametrize("told, each, fires", [(4, True, False), (1, True, True), (4, False, False), (1, False, False)])
def test_batches_that_are_added_up_are_no_stale_gradients_if_that_was_declared(told, each, fires):
    """each: it is told after each batch, not only after each step."""
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS, accumulation=told) as watch:
        for batch in range(16):
            inputs, targets = ROWS[32 * batch :][:32], CLASSES[32 * batch :][:32]
            loss = LOSS(model(inputs), targets)
            (loss / 4).backward()
            if batch % 4 == 3:
                optimizer.step()
            if each or batch % 4 == 3:
                watch.step(loss, inputs, targets)
            if batch % 4 == 3:
                optimizer.zero_grad()
    assert (found(watch, "stale-gradient") is not None) is fires
    assert watch.trace.steps == (16 if each and told == 1 else 4)


def test_what_is_declared_to_stay_is_no_fault():
    model = perceptron(16)
    model[0].requires_grad_(False)
    assert [one.condition for one in train(model, steps=10).findings] == ["frozen-or-unused-parameter"]
    assert train(model, steps=10, frozen=["0"]).findings == ()


def test_several_optimisers_hold_a_network_together():
    model = perceptron(16)
    first = torch.optim.SGD(model[0].parameters(), lr=0.01)
    second = torch.optim.Adam(model[2].parameters(), lr=0.01)
    with luban.watch(model, [first, second], loss=LOSS) as watch:
        for step in range(10):
            first.zero_grad()
            second.zero_grad()
            loss = LOSS(model(ROWS[32 * step :][:32]), CLASSES[32 * step :][:32])
            loss.backward()
            first.step()
            second.step()
            watch.step(loss, ROWS[32 * step :][:32], CLASSES[32 * step :][:32])
    assert watch.findings == ()
    assert all(step.layers["0"].update > 0 and step.layers["2"].update > 0 for step in watch.trace.watched)


def test_a_network_that_is_called_in_parts_leaves_conditions_that_did_not_run():
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        for step in range(12):
            optimizer.zero_grad()
            loss = LOSS(model[2](model[1](model[0](ROWS[32 * step :][:32]))), CLASSES[32 * step :][:32])
            loss.backward()
            optimizer.step()
            watch.step(loss, ROWS[32 * step :][:32], CLASSES[32 * step :][:32])
    assert watch.findings == ()
    missed = dict(watch.not_run)
    assert {"vanishing-gradient", "dying-relu", "unscaled-features", "wrong-loss-or-activation"} <= set(missed)
    assert all(missed.values())


def test_a_row_that_is_no_number_is_named_and_so_is_a_layer():
    rows = ROWS.clone()
    rows[2 * 32 + 5, 3] = math.nan
    with pytest.raises(luban.TrainingFault, match=r"step 2: nonfinite-data: .* row 5 of the batch"):
        train(perceptron(16), (rows, CLASSES), steps=5, stop_on="severe")

    class Logarithm(nn.Module):
        def forward(self, values):
            return values.log()

    plain = perceptron(16)
    watch = train(nn.Sequential(plain[0], nn.ReLU(), Logarithm(), plain[2]), steps=2)
    finding = found(watch, "nonfinite-training")
    assert (finding.where.step, finding.where.layer) == (0, "2")


def test_a_network_that_answers_but_once_is_watched_all_the_same():
    class Once(nn.Sequential):
        calls = 0

        def forward(self, rows):
            self.calls += 1
            if self.calls > 1:
                raise KeyError("it was called a second time")
            return super().forward(rows)

    rows = ROWS.clone()
    rows[5] = math.inf
    model = Once(*perceptron(16))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        once(model, optimizer, 0, watch, rows)
    assert "row 5" in found(watch, "nonfinite-data").text
    assert watch.trace.dependence is None


def test_looking_for_the_fault_is_no_answer_to_held_out_rows():
    rows = ROWS.clone()
    rows[5] = math.inf
    model = lively()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        once(model, optimizer, 0, watch, rows)
        watch.validation(1.0)
    assert watch.trace.checks[0].trained_mode is None
    assert found(watch, "train-eval-mode-error") is None


def test_held_out_rows_tell_losses_metrics_and_the_mode():
    model = lively()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS) as watch:
        for step in range(4):
            once(model, optimizer, 32 * step, watch)
        model.eval()
        with torch.no_grad():
            loss = LOSS(model(ROWS[-100:]), CLASSES[-100:])
        watch.validation(loss, accuracy=torch.tensor(0.5))
    (check,) = watch.trace.checks
    assert (check.step, check.loss, check.metrics, check.trained_mode) == (4, float(loss), {"accuracy": 0.5}, False)
    assert check.train_loss == pytest.approx(sum(watch.trace.losses) / 4)


def test_recurrent_networks_are_watched():
    class Lines(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.cells, self.last = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 10)

        def forward(self, rows):
            return self.last(self.cells(rows.view(-1, 8, 8))[0][:, -1])

    watch = train(Lines(), steps=12, rate=0.01)
    assert watch.trace.layers == ("cells", "last")
    assert watch.trace.dependence == 0
    assert watch.findings == ()


def test_wrapped_networks_are_watched_by_their_long_names():
    wrapped = nn.DataParallel(perceptron(16))
    watch = train(wrapped, steps=6)
    assert watch.trace.layers == ("module.0", "module.2")
    assert watch.trace.dependence == 0
    assert watch.findings == ()


def test_sparse_gradients_are_watched():
    torch.manual_seed(0)
    model = nn.Sequential(nn.EmbeddingBag(20, 8, mode="mean", sparse=True), nn.Linear(8, 10))
    rows = (torch.randint(20, (400, 5)), CLASSES[:400])
    watch = train(model, rows, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    assert watch.findings == ()
    assert watch.trace.watched[0].layers["0"].gradient > 0


@pytest.mark.parametrize("fused", [False, True])
def test_mixed_precision_takes_the_scale_away_before_norms_are_judged(fused):
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with luban.watch(model, optimizer, loss=LOSS, clip=1e3) as watch:
        for step in range(6):
            optimizer.zero_grad()
            loss = LOSS(model(ROWS[32 * step :][:32]), CLASSES[32 * step :][:32])
            scaler.scale(loss * (math.inf if step == 3 else 1)).backward()
            scaler.step(optimizer)
            scaler.update()
            watch.step(loss, ROWS[32 * step :][:32], CLASSES[32 * step :][:32])
    assert watch.findings == ()
    assert watch.trace.steps == 6


def test_of_answers_and_targets_a_little_is_kept_for_a_while():
    model = nn.Linear(64, 5000)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=nn.MSELoss()) as watch:
        for step in range(10):
            optimizer.zero_grad()
            answers = model(ROWS[:100])
            loss = answers.square().mean()
            loss.backward()
            optimizer.step()
            watch.step(loss, ROWS[:100], torch.zeros(100, 5000))
            kept = watch._recorder.observer.answer
            assert kept.shape == (52, 5000) and not kept.requires_grad
            assert kept.untyped_storage().nbytes() < answers.untyped_storage().nbytes()
            assert len(watch._beginning.batches) == (step + 1) % 10
    assert watch.trace.answering.shape == (5000,)


def test_two_may_watch_and_one_may_not_watch_twice():
    model = perceptron(16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=LOSS) as first, luban.watch(model, optimizer, loss=LOSS) as second:
        once(model, optimizer, 0, first)
        second.step(1.0)
        with pytest.raises(UsageError, match="already"):
            first.__enter__()
    assert first.trace.layers == second.trace.layers == ("0", "2")
    assert not model._forward_hooks and not optimizer._optimizer_step_pre_hooks


@pytest.mark.parametrize(
    "arguments, told, message",
    [
        ((perceptron(), []), {}, "a network and its optimiser"),
        ((print, torch.optim.SGD(perceptron().parameters())), {}, "a network and its optimiser"),
        ((perceptron(), torch.optim.SGD(perceptron().parameters())), {"stop_on": "note"}, "stop_on is"),
        ((perceptron(), torch.optim.SGD(perceptron().parameters())), {"accumulation": 0}, "from 1 on, not 0"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_words(arguments, told, message):
    with pytest.raises(UsageError, match=message):
        luban.watch(*arguments, **told)
