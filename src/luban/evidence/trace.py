"""A trace: what was seen of a training, as plain numbers. Whoever watches makes it grow; conditions only read it.

Whatever could not be seen is None, and a condition that needs it says so. Nothing here knows tensors: a trace can come
from a training that goes on, from the history of one, or from the log of another program.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class LayerSignals:
    """What one watched step shows of a layer: root mean squares of gradient, weights and their change; and of what it
    gives out, the mean, the standard deviation, and the shares of zeros and of values that are not finite.
    """

    gradient: float = 0.0
    weight: float = 0.0
    update: float = 0.0
    mean: float | None = None
    deviation: float | None = None
    zeros: float | None = None
    nonfinite: float | None = None

    @property
    def ratio(self) -> float:
        """How far the weights moved, in shares of themselves."""
        return self.update / self.weight if self.weight > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Without what does not apply, and null where a number is not finite."""
        return {key: value if math.isfinite(value) else None for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Activation:
    """What an activation function gave out. It is named by the layer that feeds it.

    function: `relu`, `tanh`, `sigmoid`, `softmax` or `log-softmax`. zeros: share of values that are 0.
    saturated: share of values of a tanh or sigmoid within 0.05 (of a range scaled to -1..1) of an end.
    dead: share of units that were 0 in each of the latest `examples`.
    final: whether its values are what the network answers.
    """

    function: str
    zeros: float
    saturated: float
    dead: float
    examples: int
    final: bool


@dataclass(frozen=True)
class Parameter:
    """A parameter of the network as the training began.

    layer: the name of its layer. kind: what it is. learns: whether it asks for a gradient.
    optimised: how many times the optimiser holds it. decay: its weight decay there.
    frozen: it was declared that it stays as it is. storage: its number type, `float32` say.
    spread: how far the units differ, for weights of at least two units: the standard deviation of a weight across the
        units over the mean absolute weight; about 1 for random ones, 0 for equal units.
    zero: all its values are 0.
    """

    name: str
    layer: str
    kind: Literal["weight", "embedding", "bias", "normalisation"]
    shape: tuple[int, ...]
    learns: bool
    optimised: int
    decay: float
    frozen: bool
    storage: str
    spread: float | None
    zero: bool


@dataclass(frozen=True)
class Arriving:
    """What reaches the first layer that has weights: root mean square, largest absolute value, largest over median
    standard deviation of a column (1 where there are no columns), share that is not finite, and of how many rows.
    """

    root_mean_square: float
    largest: float
    deviations: float
    nonfinite: float
    rows: int


@dataclass(frozen=True)
class Answering:
    """What the network answered to the first batches, beside what was wanted.

    shape, target_shape: sizes without rows. sums_to_one: whether each row is positive and sums to 1. unit: all values
    lie within 0..1; positive: none is below 0. logarithms: the exponentials of each row sum to 1.
    outside: share of the targets that the last activation function cannot reach, where there is one.
    rows: how many rows were looked at; target_rows: how many targets came with the first batch.
    """

    shape: tuple[int, ...]
    target_shape: tuple[int, ...] | None
    sums_to_one: bool
    unit: bool
    positive: bool
    logarithms: bool
    outside: float
    rows: int
    target_rows: int | None


@dataclass(frozen=True)
class WatchedStep:
    """A step that was looked at. step: counted from 0. gradient: the norm of all gradients, as the optimiser got them.

    A log tells of rate and gradient at most: what it does not tell of them is NaN, and there are no layers.
    leftover: the norm of the gradients that were there before the forward pass.
    idle: names of parameters that learn and got no gradient.
    still: names of parameters that got a gradient other than 0 and did not move.
    """

    step: int
    loss: float
    rate: float
    gradient: float
    layers: Mapping[str, LayerSignals]
    activations: Mapping[str, Activation] = field(default_factory=dict)
    leftover: float | None = None
    idle: tuple[str, ...] = ()
    still: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """What held-out rows said after `step` steps: their loss, that of the training rows since the check before, and
    metrics by name. trained_mode: whether the network answered them as it does in training (dropout on); None where
    it was not seen. plain: where an average of the weights answers, the loss with the weights themselves.
    """

    step: int
    loss: float
    train_loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    trained_mode: bool | None = None
    plain: float | None = None


@dataclass(frozen=True)
class Told:
    """What the person, or the recipe, says of the training.

    clip: the norm that gradients are cut to. accumulation: batches whose gradients make a step.
    steps: how many steps are planned. schedule: whether there is a schedule of the learning rate.
    settings: the JSON values of the recipe by path, where there is a recipe: what an edit can change.
    """

    clip: float | None = None
    accumulation: int = 1
    steps: int | None = None
    schedule: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Trace:
    """All that was seen of a training. losses: of every step; infinite or NaN ones stand as they are.

    numbers: of the steps of these losses, in a log that does not tell of every one; empty where they count from 0.
    loss_function: `cross-entropy`, `negative-log-likelihood`, `binary-cross-entropy`,
        `binary-cross-entropy-with-logits`, `squared`, `absolute`, or empty where it is not known.
    constant_loss: the loss of the best constant answer to the targets that were seen.
    layers: the names of the layers that have weights, in the order in which rows pass them.
    dependence: how much the answer to a row moves when only other rows of its batch change, over how much it moves
        when it changes itself. mixing: the probability that shuffled rows differ as much between batches as these do.
    in_evaluation: layers, such as dropout, that were switched to evaluation while training.
    tied: pairs of parameters that were equal at the start; untied: those of them that then went apart.
    schedule_steps: how often the schedule of the learning rate was stepped.
    repeated: batches that came again, in their order, after the training was resumed.
    replicas: the largest difference between the weights of processes that must be equal, over their root mean square.
    """

    told: Told = field(default_factory=Told)
    parameters: tuple[Parameter, ...] = ()
    layers: tuple[str, ...] = ()
    loss_function: str = ""
    constant_loss: float | None = None
    arriving: Arriving | None = None
    answering: Answering | None = None
    losses: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    watched: list[WatchedStep] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    decay: float = 0.0
    dependence: float | None = None
    mixing: float | None = None
    in_evaluation: tuple[str, ...] = ()
    tied: tuple[tuple[str, str], ...] = ()
    untied: tuple[tuple[str, str], ...] = ()
    schedule_steps: int | None = None
    repeated: int | None = None
    replicas: float | None = None

    @property
    def steps(self) -> int:
        return len(self.losses)

    @property
    def finite_losses(self) -> list[float]:
        """The losses that are finite, in their order."""
        return [loss for loss in self.losses if math.isfinite(loss)]

    def number(self, at: int) -> int:
        """The number of the step of a loss, by its place among the losses.

        >>> Trace(losses=[0.9, 0.7], numbers=[500, 1000]).number(1), Trace(losses=[0.9, 0.7]).number(1)
        (1000, 1)
        """
        return self.numbers[at] if self.numbers else at

    def hidden(self) -> tuple[str, ...]:
        """The layers with weights but for the last one."""
        return self.layers[:-1]

    def first_steps(self, count: int) -> list[WatchedStep]:
        """The first watched steps. Raises ValueError, in words, where there are fewer."""
        if len(self.watched) < count:
            raise ValueError(f"{count} watched steps are needed, and there are {len(self.watched)}")
        return self.watched[:count]


def smoothed(losses: list[float], width: int) -> list[float]:
    """Means of `width` losses each, one after the other, without what is left at the end.

    >>> smoothed([4.0, 2.0, 1.0, 1.0, 0.5], 2)
    [3.0, 1.0]
    """
    return [sum(losses[at : at + width]) / width for at in range(0, len(losses) - width + 1, width)]
