"""The trace of luban's own loop: it ends where it should, and a kill changes nothing of it."""

import math

import pytest

from luban.core.errors import Interrupted, TrainingError
from luban.evidence.looking import look
from luban.evidence.trace import Trace
from luban.training import pausing, tracing
from luban.training.pausing import Pause
from training.networks import decided, same, table, train


def test_a_training_that_was_looked_at_goes_on_as_if_it_had_not_been(tmp_path):
    batch, work = table()
    how = decided(epochs=40)
    paused = train(batch, work, how, folder=tmp_path, pause=Pause(1))
    ended = train(batch, work, how, folder=tmp_path)
    alone = train(batch, work, how)
    assert paused.paused and not ended.paused
    assert same(ended, alone) and not same(paused, alone)


def test_a_training_shorter_than_the_mark_is_looked_at_when_it_is_over(tmp_path):
    batch, work = table()
    whole = train(batch, work, decided(epochs=2), pause=Pause(1))
    assert not whole.paused
    assert same(whole, train(batch, work, decided(epochs=2)))


def test_the_mark_stands_at_a_fifth_of_the_steps():
    batch, work = table()
    trace = Trace()
    train(batch, work, decided(epochs=200), pause=Pause(1), trace=trace)
    assert trace.told.steps == 200 * 8
    assert trace.numbers[-1] + 1 == pausing.marks(1600)[0] == 320
    assert [step.step for step in trace.watched] == [*range(10), 25, 50, 100, 200]


def test_a_kill_changes_nothing_of_the_trace(tmp_path):
    batch, work = table()
    how, whole, before, after = decided(epochs=30), Trace(), Trace(), Trace()
    train(batch, work, how, trace=whole, pause=Pause(1))
    count = iter(range(60))
    with pytest.raises(Interrupted):
        train(batch, work, how, trace=before, pause=Pause(1), folder=tmp_path, interrupted=lambda: next(count) == 59)
    train(batch, work, how, trace=after, pause=Pause(1), folder=tmp_path)
    assert len(before.losses) == 60 < len(after.losses)
    assert (after.losses, after.checks, after.constant_loss) == (whole.losses, whole.checks, whole.constant_loss)
    # Over how many examples a unit was dead begins anew; all that was measured in a step is the same.
    assert [(step.step, step.layers) for step in after.watched] == [(step.step, step.layers) for step in whole.watched]
    assert look(after)[0] == look(whole)[0]


def test_beside_an_average_that_answers_the_weights_themselves_are_measured():
    batch, work = table()
    plain, averaged = Trace(), Trace()
    ended = train(batch, work, decided(stopping=0.3, ema=0.99), trace=averaged)
    train(batch, work, decided(stopping=0.3), trace=plain)
    # The weights themselves go the same way, whatever is averaged beside them.
    assert [check.plain for check in averaged.checks] == [check.loss for check in plain.checks]
    assert all(check.loss > check.plain for check in averaged.checks)
    assert {check.plain for check in plain.checks} == {None}
    assert not same(ended, train(batch, work, decided(stopping=0.3)))


def test_what_is_not_finite_is_in_the_trace():
    batch, work = table()
    trace = Trace()
    with pytest.raises(TrainingError, match="step"):
        train(batch, work, decided(optimizer="sgd", learning_rate=1e12, clip=None, warmup=0.0), trace=trace)
    assert not math.isfinite(trace.losses[-1])
    assert "nonfinite-training" in [finding.condition for finding in look(trace)[0]]


def test_a_long_trace_holds_means_of_steps(monkeypatch):
    monkeypatch.setattr(tracing, "MOST_LOSSES", 64)
    batch, work = table()
    long, short = Trace(), Trace()
    train(batch, work, decided(epochs=12), trace=long)
    monkeypatch.setattr(tracing, "MOST_LOSSES", 4_096)
    train(batch, work, decided(epochs=12), trace=short)
    assert len(short.losses) == 96 and len(long.losses) < 64
    assert long.numbers[:3] == [0, 2, 4]
    assert long.losses[0] == pytest.approx(sum(short.losses[:2]) / 2)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_sound_training_has_no_findings(optimizer):
    batch, work = table()
    trace = Trace()
    rate = {"adamw": 0.01, "sgd": 0.1}[optimizer]
    train(batch, work, decided(epochs=60, optimizer=optimizer, learning_rate=rate), trace=trace, pause=Pause(1))
    assert look(trace)[0] == []
