"""A schedule of the learning rate that nobody steps."""

import pytest
import torch

import luban
from conditions.trained import checks, examine, found, perceptron
from luban.evidence.trace import Told, Trace

NAME = "scheduler-never-steps"
SCHEDULE = Told(schedule=True)


@pytest.mark.parametrize("stepped", [False, True])
def test_it_is_found_one_step_after_the_first_epoch(stepped):
    model = perceptron()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    with luban.watch(model, optimizer, scheduler=schedule) as watch:
        optimizer.step()
        watch.step(1.0)
        assert dict(watch.not_run)[NAME].startswith("the first epoch has not ended")
        watch.validation(1.0)
        if stepped:
            schedule.step()
        optimizer.step()
        watch.step(1.0)
    assert (found(watch, NAME) is None) is stepped


def test_a_chain_of_schedules_does_not_count_its_steps():
    model = perceptron()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    chain = torch.optim.lr_scheduler.ChainedScheduler([torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)])
    with luban.watch(model, optimizer, scheduler=chain) as watch:
        optimizer.step()
        watch.step(1.0)
        watch.validation(1.0)
    assert "counts its steps" in dict(watch.not_run)[NAME]


def test_the_text_tells_how_many_steps_went_by():
    (finding,) = examine(NAME, Trace(told=SCHEDULE, schedule_steps=0, losses=[1.0] * 11, checks=checks([1.0], [1.0])))
    assert (finding.severity, finding.where.step) == ("severe", 10)
    assert finding.text.startswith("11 steps and an epoch have gone by")


@pytest.mark.parametrize(
    "trace, reason",
    [
        (Trace(schedule_steps=0), "no schedule that counts"),
        (Trace(told=SCHEDULE, schedule_steps=0, losses=[1.0] * 99), "the first epoch has not ended"),
        (Trace(told=SCHEDULE, schedule_steps=0, losses=[1.0] * 10, checks=checks([1.0], [1.0])), "has not ended"),
    ],
)
def test_it_needs_a_schedule_and_an_epoch(trace, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, trace)
