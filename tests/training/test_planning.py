"""Steps that are planned by time: fixed once, kept by a checkpoint, and repeated by the recipe without a clock."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from luban.core.errors import Interrupted
from luban.evidence.trace import Trace
from luban.recipe.recipe import Train
from luban.training.checkpoint import Checkpoints
from luban.training.deciding import decide
from luban.training.gradient import Trained
from luban.training.planning import FEWEST
from luban.training.progress import Progress
from training.networks import CANDIDATE, decided, same, table, train

GUESSED = 10_000


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def how(schedule: str, **changes: Any) -> Train:
    return decided(**{"steps": GUESSED, "schedule": schedule, "stopping": 0.0, **changes})


def by_time(train_by: Train, seconds: float, **options: Any) -> tuple[Trained, list[Any]]:
    """What was trained in so many seconds, and what was told of its plan."""
    lines: list[Any] = []
    # The first training imports much.
    train(*table(), how("constant", steps=1))
    found = train(*table(), train_by, until=time.monotonic() + seconds, by_time=True, tell=lines.append, **options)
    return found, [line for line in lines if "planned" in line]


def after(steps: int) -> Callable[[], bool]:
    """A question that is answered with yes after so many steps."""
    asked = itertools.count(1)
    return lambda: next(asked) >= steps


@pytest.mark.parametrize("schedule", ["trapezoid", "cosine"])
def test_the_rate_has_fallen_when_time_is_over_and_the_recorded_plan_repeats_it(schedule: str) -> None:
    found, (line,) = by_time(how(schedule), 1.5)
    assert found.planned is not None
    step, steps = found.planned
    assert (line["at"], line["planned"]) == (step, steps)
    assert FEWEST <= step < steps < GUESSED
    assert f"{GUESSED:,} were planned before" in line["reason"] and "ms a step" in line["reason"]
    # Time may be over a little early where the machine became slower.
    assert found.until_step is None or found.until_step > 0.7 * steps
    recorded = how(schedule, later=({"step": step, "steps": steps},), until_step=found.until_step)
    assert same(found, train(*table(), recorded))
    assert not same(found, train(*table(), recorded.model_copy(update={"later": (), "until_step": steps})))


def test_a_training_that_was_stopped_goes_on_with_the_plan_that_it_has(tmp_path: Path) -> None:
    planned = 0
    while not planned:
        with pytest.raises(Interrupted):
            by_time(how("trapezoid"), 1.0, folder=tmp_path, interrupted=after(100))
        saved = Checkpoints(tmp_path).latest()
        assert saved is not None
        planned = Progress.from_json(saved.values["progress"]).planned
    ended, told = by_time(how("trapezoid"), 60.0, folder=tmp_path)
    assert ended.planned is not None and ended.planned[1] == planned
    assert not told and ended.until_step is None


def test_without_a_guess_nothing_is_planned_on_the_way() -> None:
    lines: list[Any] = []
    found = train(*table(), how("trapezoid", steps=60), until=time.monotonic() + 60, tell=lines.append)
    assert found.planned is None and not any("planned" in line for line in lines)


def test_the_recipes_own_number_of_steps_ends_a_training_within_an_epoch() -> None:
    batch, work = table()
    found = decide(batch, work, CANDIDATE, decided(steps=19, epochs="auto", batch_size=16, stopping=0.0), seed=0)
    assert found.train.epochs == 2 and found.reasons["epochs"] == "19 steps take so many"
    trace = Trace()
    train(batch, work, found.train, trace=trace)
    assert len(trace.losses) == 19
