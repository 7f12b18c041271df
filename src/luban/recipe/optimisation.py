"""How networks are trained: the part of the recipe's `train` that only they read. `auto` is measured or chosen by the
run, and the bundle's recipe then holds the value.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from luban.recipe.section import Section

Auto = Literal["auto"]


class Change(Section):
    """What changes on the way of a training; what is left out, or null, stays as it was."""

    step: int = Field(ge=1)
    """Steps that are done before it."""
    learning_rate: float | None = Field(None, gt=0)
    """The largest step size; the schedule goes on."""
    weight_decay: float | None = Field(None, ge=0)
    l1: float | None = Field(None, ge=0)
    clip: float | None = Field(None, gt=0)
    label_smoothing: float | None = Field(None, ge=0, lt=1)
    steps: int | None = Field(None, ge=1)
    """How many steps the whole training has from there on; recorded by a run that planned them by its time."""

    def told(self) -> dict[str, float | int]:
        """The keys that change, with their values.

        >>> Change(step=1200, clip=0.5).told()
        {'clip': 0.5}
        """
        return self.model_dump(exclude={"step"}, exclude_none=True)


class Optimisation(Section):
    """Abstract. What the training loop of networks reads; `Train` adds what all models share."""

    epochs: int | Auto = Field("auto", union_mode="left_to_right")
    """Passes over the training rows, at most. `auto` takes what the data's size asks for and `--time` allows."""
    steps: int | None = Field(None, ge=1)
    """Steps of the whole training, in the place of epochs: the rate has fallen when they are done; recorded by a run
    whose time decided them."""
    until_epoch: int | None = Field(None, ge=1)
    """The last epoch that is trained, of those that are planned."""
    until_step: int | None = Field(None, ge=1)
    """The last step that is trained, of those that are planned; recorded by a run that time cut short."""
    batch_size: int | Auto = Field("auto", union_mode="left_to_right")
    """Rows of a step."""
    tokens: int | Auto = Field("auto", union_mode="left_to_right")
    """Steps of tokens or sequences in a batch at most, padding included; rows of like length come together."""
    accumulate: int = Field(1, ge=1, le=10_000)
    """Batches whose gradients are accumulated before a step."""
    optimizer: str = "auto"
    """`sgd`, `adam`, `adamw`, `muon`, or the name of another optimiser in `torch.optim`; `auto` is `adamw`, and what is
    usual for networks of which that is known."""
    learning_rate: float | Auto = Field("auto", union_mode="left_to_right")
    """The largest step size; `auto` finds it by a range test (Smith, 2017)."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of `sgd`."""
    nesterov: bool = False
    """Whether the momentum of `sgd` looks ahead (Nesterov, 1983)."""
    weight_decay: float = Field(0.01, ge=0)
    """L2: shrinks the weights at each step; `adamw` apart from the gradient (Loshchilov and Hutter, 2019)."""
    l1: float = Field(0.0, ge=0)
    """L1: the weight of the sum of absolute weights in the loss."""
    schedule: Literal["auto", "constant", "cosine", "linear", "one-cycle", "trapezoid"] = "auto"
    """The schedule of the learning rate after the warm-up; `auto` is `cosine`, or what is usual for an architecture of
    which that is known."""
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from zero."""
    clip: float | None = Field(1.0, gt=0)
    """The largest norm of a step's gradient; None leaves it."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes (Szegedy et al., 2016)."""
    stopping: Annotated[float, Field(ge=0, lt=1)] | Auto = Field("auto", union_mode="left_to_right")
    """Share of the training rows that say when to stop, and which weights were best; 0 trains to the last epoch. `auto`
    takes a tenth, and no more rows than it needs; of few rows of numbers a fifth."""
    patience: int | Auto = Field("auto", union_mode="left_to_right")
    """Epochs without gain after which it stops; `auto` takes a quarter of all, since a falling rate gains late."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay of the moving average of weights that answers in their place; 0 for none."""
    augment: dict[str, float] | Auto = Field("auto", union_mode="left_to_right")
    """Changes of training rows by name with their strength, `{"flip": 0.5}`; `{}` for none. See `augmenting`."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` takes bfloat16 where it is measured to be faster and its losses agree."""
    checkpoint_layers: bool | Auto = "auto"
    """Whether activations are calculated again in the backward pass, which saves memory and takes a third more time
    (Chen et al., 2016); `auto` where a step would not fit into memory without."""
    compile: bool = False
    """Whether torch compiles the network; it needs a C compiler."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where it trains; `auto` takes a GPU that is there."""
    shard: Literal["auto", "never", "always"] = "auto"
    """Whether several processes share out the weights among them; `auto` where a whole copy in each does not fit."""
    threads: int | Auto = Field("auto", union_mode="left_to_right")
    """Threads of a step: sums of several come out in another order. `auto` takes those that `--threads` allows where
    they are measured to be faster; on a busy machine one is."""
    later: tuple[Change, ...] = ()
    """Changes on the way, in the order of their steps: `[{step: 1200, clip: 0.5}]`; recorded by a run that went back to
    an earlier state of a training and on from there."""
    checkpoint_seconds: float = Field(30.0, gt=0)
    """How often the state of a training is written; and at the end of an epoch, where that takes next to no time."""
