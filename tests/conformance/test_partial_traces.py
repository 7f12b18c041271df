"""Whatever little a log tells, each condition of a training answers from it or says what it lacks."""

from __future__ import annotations

import math

import pytest

from luban.core import registry
from luban.evidence.trace import Check, Trace, WatchedStep
from luban.protocols import Condition

FALLING = [2.0 * 0.98**step for step in range(200)]
TRACES = {
    "nothing": Trace(),
    "one loss": Trace(losses=[0.5]),
    "losses": Trace(losses=list(FALLING)),
    "losses of every tenth step": Trace(losses=list(FALLING), numbers=list(range(0, 2000, 10))),
    "losses, some not finite": Trace(losses=[*FALLING[:100], math.nan, math.inf, *FALLING[100:]]),
    "no finite loss": Trace(losses=[math.nan] * 200),
    "losses of zero": Trace(losses=[0.0] * 200),
    "negative losses": Trace(losses=[-loss for loss in FALLING]),
    "checks": Trace(checks=[Check(step, 1.0, math.nan) for step in range(9)]),
    "losses and checks": Trace(losses=list(FALLING), checks=[Check(20 * at, 1.0, FALLING[20 * at]) for at in range(9)]),
    "rates": Trace(
        losses=list(FALLING),
        watched=[WatchedStep(step, loss, 0.1, math.nan, {}) for step, loss in enumerate(FALLING)],
    ),
    "gradient norms": Trace(
        losses=list(FALLING),
        watched=[WatchedStep(step, loss, math.nan, 1.0, {}) for step, loss in enumerate(FALLING)],
    ),
}
ALL: dict[str, Condition] = {name: registry.find("conditions", name) for name in registry.names("conditions")}
LOOKING = [name for name, condition in ALL.items() if condition.sees == "training" or condition.during]


@pytest.mark.parametrize("told", TRACES)
@pytest.mark.parametrize("name", LOOKING)
def test_it_finds_nothing_wrong_in_a_good_log_or_says_what_it_lacks(name: str, told: str) -> None:
    condition = ALL[name]
    looks = condition.examine if condition.sees == "training" else condition.during
    assert looks is not None
    try:
        found = looks(TRACES[told])
    except ValueError as reason:
        assert len(str(reason)) > 10
        return
    finite = all(math.isfinite(loss) for loss in TRACES[told].losses)
    assert found == [] or (name == "nonfinite-training" and not finite)


@pytest.mark.parametrize("told", ["losses", "rates", "gradient norms"])
def test_what_a_log_cannot_show_is_never_called_healthy(told: str) -> None:
    """Only these can be seen in losses, rates and gradient norms."""
    answered = set()
    for name in LOOKING:
        condition = ALL[name]
        looks = condition.examine if condition.sees == "training" else condition.during
        assert looks is not None
        try:
            looks(TRACES[told])
        except ValueError:
            continue
        answered.add(name)
    expected = {"nonfinite-training", "loss-spike", "loss-oscillation"}
    assert answered == expected | ({"exploding-gradient"} if told == "gradient norms" else set())
