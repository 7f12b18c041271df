"""What `auto` becomes in the training of a network, and why. Decided or measured before the first step, on copies.

The choices are written down before the training starts; whoever continues it reads them, and the bundle's recipe holds
them, so that fitting it again measures nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from luban import collate
from luban.batch import Array, Batch
from luban.core import registry
from luban.core.seed import derive
from luban.protocols import Blocked, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import allocating, augmenting, constancy, estimating, gathering, keeping, several, signals
from luban.training.beginning import begun, customary, pretrained
from luban.training.estimating import Estimate, Room
from luban.training.fitting import settings
from luban.training.gathering import Part
from luban.training.inside import inside
from luban.training.loss import Loss, loss_of
from luban.training.optimizing import optimizer
from luban.training.writing import TASK

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS = 3_000
"""Steps that a training aims at where no time was asked for."""
FEWEST_EPOCHS, MOST_EPOCHS = 10, 150
LONGER = 4
"""How many times as many epochs as usual there are, at most, where there is time."""
STOPPING, MOST_STOPPING, MOST_BLOCKS = 0.1, 2_000, 200
"""Share of the training rows that say when to stop, and how many at most: more hardly say it better. Of blocks of texts
fewer, since each has many tokens that are answered.
"""
SMALLEST_BATCH, LARGEST_BATCH, LARGEST_WRITTEN = 8, 128, 32
"""Rows of a step; fewer where texts are written, for each row has many tokens to learn from."""
USUAL = {"optimizer": "adamw", "schedule": "cosine"}
"""What `auto` is where nothing is known of an architecture."""
BATCHES = 40
"""Batches of an epoch that small data is cut into."""
TESTED = 60
"""Steps of the range test."""
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1.0
LEAST_RATE = 1e-5
MOST_RATE, MOST_RATE_OF_SGD = 0.01, 1.0
"""What the range test may answer at most: steps of adaptive methods are as long as the rate, whatever the gradient."""
USUAL_RATE, USUAL_RATE_OF_SGD = 1e-3, 1e-2
"""Of Adam (Kingma and Ba, 2015), and ten times as much."""
RATE_OF_WRITING = 3e-3
"""Of adaptive methods where texts are written. A range test is too short to see what attention bears: on pairs of
titles it said 0.01 with batches of 128 rows and 0.0016 with 32, and there the loss fell faster at 0.003.
"""
BELOW, BELOW_OF_SGD = 30, 10
"""How many times smaller than the rate of the least loss the chosen one is. By trial on three tables: a third of what
suits momentum, a tenth, ended with less loss under an adaptive method on each of them."""
WORSE = 4.0
"""The range test ends where the smoothed loss is so many times its best."""
LEAST_PATIENCE = 5
FEWEST_CHANGED = 10
"""Epochs from which changed rows are worth their noise: with fewer a network sees each row too seldom to overfit."""
TRIED = 8
"""Batches that are measured on."""
USED = 0.85
"""Share of the time that epochs are planned for; the rest is for looking at the held-out rows and writing."""
FASTER = 1.1
"""How many times as fast bfloat16, or several threads, must be."""
AGREES = 0.02
"""How far its loss may lie from that of float32, relative to it."""
SLOW_STEP = 0.005
"""CPU seconds of a step from which it is worth measuring whether bfloat16 is faster."""


@dataclass(frozen=True)
class Choices:
    """train: the recipe's part with nothing left open. reasons: by key, in words, of what was open. estimate: what the
    training will take, where that is counted.
    """

    train: Train
    reasons: Mapping[str, str]
    estimate: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        told = {} if self.estimate is None else {"estimate": self.estimate.to_json()}
        return {"train": self.train.model_dump(mode="json"), "reasons": dict(self.reasons), **told}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Choices:
        estimate = Estimate(**document["estimate"]) if "estimate" in document else None
        return cls(Train.model_validate(document["train"]), document["reasons"], estimate)

    def chosen(self) -> dict[str, Any]:
        """The values of what was open."""
        return {key: getattr(self.train, key) for key in sorted(self.reasons)}


def decide(
    batch: Batch,
    work: Work,
    candidate: Candidate,
    train: Train,
    *,
    seed: int,
    seconds: float | None = None,
    cut_short: bool = False,
    room: Room | None = None,
) -> Choices:
    """What is open in the training of a candidate on these rows, decided.

    train: the recipe's part; what the candidate has recorded of its own stands before it. seconds: wall time for the
    whole training, or None. cut_short: whether it ends within an epoch where the time is over. room: the memory that it
    is kept within; None for any.
    Deterministic but for what is measured: the precision of slow steps, and epochs by time.
    """
    import torch

    began = time.monotonic()
    train = Train.model_validate({**train.model_dump(), **candidate.train})
    seen = inside(batch, work, candidate)
    batch, work = seen.batch, seen.work
    task = several.task_of(work)
    found = sizes(train, len(batch), collate.lengths(batch.inputs), writes=work.task == TASK, blocks=blocks(candidate))
    train, reasons = _usual(found.train, candidate, dict(found.reasons))
    if isinstance(train.augment, dict):
        augmenting.check(train.augment, work)
    where, why = device(train.device)
    if train.device == "auto":
        reasons["device"] = why
    rows = gathering.rows_of(batch, work, task, train, seed)
    torch.manual_seed(derive(seed, "deciding"))
    module, custom = begun(candidate, work).to(where), customary(candidate)
    loss, estimate = loss_of(task, train), None
    if room is not None and where == "cpu":
        takes = estimating.needs(module, rows, loss, where)
        allocating.give_back()
        space = room.space(takes.weights)
        train, told, estimate = estimating.within(takes, rows, train, candidate.model, space)
        reasons |= told
    order = gathering.order(rows, train, seed)
    parts = [gathering.part(rows, rows.train[places]).on(where) for places in order.epoch(0)[:TRIED]]
    step_seconds = 0.0
    if train.threads == "auto":
        count, reasons["threads"] = threads(module, parts, loss)
        train = train.model_copy(update={"threads": count})
        torch.set_num_threads(count)
    if custom is None and train.learning_rate == "auto" and work.task == TASK and train.optimizer.lower() != "sgd":
        train = train.model_copy(update={"learning_rate": RATE_OF_WRITING})
        reasons["learning_rate"] = "the usual one where texts are written, for which a range test is too short"
    if train.learning_rate == "auto" and custom is not None:
        rate, reasons["learning_rate"] = custom.rate()
        train = train.model_copy(update={"learning_rate": rate})
    if train.learning_rate == "auto":
        # A penalty of weights is part of what a network loses, and no constant has one.
        constant = constancy.knows(work) and not train.l1
        ceiling = constancy.least(work.outputs, parts, loss) if constant else math.inf
        tested = learning_rate(module, parts, train, loss, ceiling=ceiling)
        train, step_seconds = train.model_copy(update={"learning_rate": tested.rate}), tested.seconds
        reasons["learning_rate"] = tested.reason
    elif train.precision == "auto" or train.epochs == "auto":
        step_seconds = learning_rate(module, parts, train, loss, steps=TRIED).seconds
    if train.precision == "auto" and train.checkpoint_layers is True:
        train = train.model_copy(update={"precision": "float32"})
        reasons["precision"] = "bfloat16 was not tried: there is no memory for activations of both"
    if train.precision == "auto":
        chosen, faster, reasons["precision"] = precision(module, parts, loss, step_seconds, where)
        train, step_seconds = train.model_copy(update={"precision": chosen}), step_seconds / faster
    if train.epochs == "auto" and train.steps is not None:
        train = train.model_copy(update={"epochs": math.ceil(train.steps * train.accumulate / order.steps)})
        reasons["epochs"] = f"{train.steps:,} steps take so many"
    if train.epochs == "auto":
        left = None if seconds is None else seconds - (time.monotonic() - began)
        steps = math.ceil(order.steps / train.accumulate)
        usual = None if custom is None else custom.epochs(steps)
        count, reasons["epochs"] = epochs(
            steps, step_seconds * train.accumulate, left, usual,
            cut_short=cut_short, longer=1 if pretrained(candidate) else LONGER,
        )  # fmt: skip
        train = train.model_copy(update={"epochs": count})
        counted = blocks(candidate) is not None and not pretrained(candidate)
        if counted and cut_short and left is not None and usual is not None:
            # Of texts that are read once or twice, no whole number of epochs is near to what time allows.
            planned = int(USED * left / max(step_seconds * train.accumulate, 1e-9))
            if planned < LONGER * usual[0] * steps:
                reasons["steps"] = f"what {left:.0f} s allow, at {step_seconds * train.accumulate * 1e3:.2g} ms a step"
                train = train.model_copy(update={"steps": max(planned, 1), "epochs": math.ceil(planned / steps) or 1})
    if train.augment == "auto":
        names, why = augmenting.usual(work, len(batch))
        assert isinstance(train.epochs, int), "the number of epochs was decided before"
        if names and train.epochs < FEWEST_CHANGED:
            names, why = {}, f"in {train.epochs} epochs a network hardly learns its rows by heart: none is changed"
        train, reasons["augment"] = train.model_copy(update={"augment": names}), why
    if train.patience == "auto":
        assert isinstance(train.epochs, int), "the number of epochs was decided before"
        reasons["patience"] = f"a quarter of {train.epochs} epochs, and at least {LEAST_PATIENCE}"
        train = train.model_copy(update={"patience": max(train.epochs // 4, LEAST_PATIENCE)})
    if estimate is not None:
        estimate = replace(estimate, seconds=_seconds(train, rows, order.steps, step_seconds, seconds))
    again = train.checkpoint_layers is True
    return Choices(train.model_copy(update={"device": where, "checkpoint_layers": again}), reasons, estimate)


def _seconds(train: Train, rows: gathering.Rows, parts: int, each: float, limit: float | None) -> float | None:
    """The wall seconds of a training; None where none of its steps was measured. parts: of an epoch, that take so much
    each. limit: what it may take.
    """
    if not each:
        return limit
    assert isinstance(train.epochs, int), "the number of epochs is decided"
    count = train.steps * train.accumulate if train.steps is not None else train.epochs * parts
    # Rows that say when to stop are passed forwards only, which is a third of a step.
    looking = 1 + len(rows.stopping) / max(3 * len(rows.train), 1)
    found = count * each * looking
    return round(found if limit is None else min(found, limit), 1)


def _usual(train: Train, candidate: Candidate, reasons: dict[str, str]) -> tuple[Train, dict[str, str]]:
    """The optimiser and the schedule where they are open, and why where they are those of an architecture."""
    model, found = registry.find("models", candidate.model), {}
    own = model.usual() if isinstance(model, Blocked) else {}
    for key, every in USUAL.items():
        if getattr(train, key) == "auto":
            found[key], why = own.get(key, (every, ""))
            reasons |= {key: why} if why else {}
    return train.model_copy(update=found), reasons


def sizes_of(batch: Batch, work: Work, candidate: Candidate, train: Train) -> Train:
    """The recipe's part for a candidate, in which the sizes of batches are decided."""
    train = Train.model_validate({**train.model_dump(), **candidate.train})
    batch = inside(batch, work, candidate).batch
    lengths = collate.lengths(batch.inputs)
    return sizes(train, len(batch), lengths, writes=work.task == TASK, blocks=blocks(candidate)).train


def blocks(candidate: Candidate) -> tuple[int, str] | None:
    """How many blocks of text make a step of this candidate, and why; None where it learns rows."""
    model = registry.find("models", candidate.model)
    return model.batch(settings(candidate)) if isinstance(model, Blocked) else None


def _mean(loss: Loss, module: nn.Module, part: Part) -> Tensor:
    return loss(module, part, float(len(part.rows)) if part.weight is None else float(part.weight.sum()))


def sizes(
    train: Train, rows: int, lengths: Array | None, *, writes: bool = False, blocks: tuple[int, str] | None = None
) -> Choices:
    """The sizes of batches and of the part that says when to stop, from the number of rows and their lengths.

    writes: whether a text is written for each row. blocks: how many make a step, and why, where rows are that.
    """
    reasons = {}
    size = train.batch_size
    if size == "auto" and blocks is not None:
        size, reasons["batch_size"] = blocks
    elif size == "auto":
        largest = LARGEST_WRITTEN if writes else LARGEST_BATCH
        size = int(np.clip(2 ** round(math.log2(max(rows / BATCHES, 1))), SMALLEST_BATCH, largest))
        reasons["batch_size"] = f"{rows:,} rows make about {BATCHES} batches, of {SMALLEST_BATCH} to {largest} rows"
    tokens = train.tokens
    if tokens == "auto" and lengths is not None:
        tokens = max(size * math.ceil(float(np.median(lengths))), int(lengths.max()))
        reasons["tokens"] = f"{size} rows of the median length, {np.median(lengths):g}"
    stopping = train.stopping
    if stopping == "auto":
        most, what = (MOST_STOPPING, "rows") if blocks is None else (MOST_BLOCKS, "blocks")
        stopping = min(STOPPING, most / max(rows, 1))
        reasons["stopping"] = f"{STOPPING:.0%} of {rows:,} {what}, and at most {most:,}"
    return Choices(train.model_copy(update={"batch_size": size, "tokens": tokens, "stopping": stopping}), reasons)


def device(asked: str) -> tuple[str, str]:
    """Where to train, and why. Raises UsageError for a GPU that is not there."""
    import torch

    from luban.core.errors import UsageError

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        found = next(name for name, is_there in there.items() if is_there)
        return found, "a GPU is there" if found != "cpu" else "no GPU is there"
    if not there[asked]:
        raise UsageError(
            f"no {asked} device is there.", where="train.device", fix="--set train.device=auto trains on what there is"
        )
    return asked, "as asked"


def threads(module: nn.Module, parts: list[Part], loss: Loss) -> tuple[int, str]:
    """On how many threads a step is calculated, and why: all that are allowed, or one, measured in turns on a copy."""
    import torch

    allowed = torch.get_num_threads()
    if allowed == 1:
        return 1, "one is allowed"
    trial = keeping.copied(module).train()
    times: dict[int, list[float]] = {1: [], allowed: []}
    for turn in range(TRIED):
        for count in times:
            torch.set_num_threads(count)
            started = time.perf_counter()
            _mean(loss, trial, parts[turn % len(parts)]).backward()
            times[count].append(time.perf_counter() - started)
    # The first of each warms up. Medians: now and then something else runs as well.
    one, all_ = (sorted(seconds[1:])[len(seconds) // 2] for seconds in times.values())
    if one >= FASTER * all_:
        return allowed, f"{one / all_:.1f} times as fast as one"
    return 1, f"{allowed} are {one / all_:.2f} times as fast as one here"


@dataclass(frozen=True)
class Tested:
    """The range test: the rate, and the wall seconds of a step."""

    rate: float
    reason: str
    seconds: float


def learning_rate(
    module: nn.Module,
    parts: list[Part],
    train: Train,
    loss: Loss,
    steps: int = TESTED,
    *,
    ceiling: float = math.inf,
) -> Tested:
    """The learning rate by a range test (Smith, 2017): it rises from step to step until the loss explodes.

    A fixed share of the rate at which the smoothed loss was least. Batches differ by more than a step changes, so the
    loss of each is compared with its own at the first rates, which change nothing yet. Where it never fell, the usual
    rate. ceiling: what a constant answer loses; to fall down to it is nothing learned. The module is copied and stays
    as it is.
    """
    import torch

    trial = gathering.prepared(keeping.copied(module), train.model_copy(update={"compile": False})).train()
    optimiser = optimizer(trial, train, LOWEST_RATE)
    growth = (HIGHEST_RATE / LOWEST_RATE) ** (1 / (TESTED - 1))
    rate, best, change, least = LOWEST_RATE, 0.0, 0.0, 0.0
    firsts: list[float] = []
    times = []
    with allocating.kept(often=2) as stepped:
        for step in range(steps):
            started = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = rate
            value = _mean(loss, trial, parts[step % len(parts)])
            value.backward()
            if train.clip is not None:
                torch.nn.utils.clip_grad_norm_(trial.parameters(), train.clip)
            optimiser.step()
            optimiser.zero_grad()
            seen = value.item()
            times.append(time.perf_counter() - started)
            if step < len(parts):
                firsts.append(seen)
            change = 0.9 * change + 0.1 * (seen - firsts[step % len(parts)])
            start = sum(firsts) / len(firsts)
            if not math.isfinite(seen) or start + change > WORSE * (start + least):
                break
            if change < least:
                least = change
                best = rate if start + change < ceiling else best
            rate *= growth
            stepped(step)
    of_sgd = train.optimizer.lower() == "sgd"
    if not best:
        below = " below what a constant answer loses" if least else ""
        why = f"the usual one: in a range test of {len(times)} steps the loss never fell{below}"
        return Tested(USUAL_RATE_OF_SGD if of_sgd else USUAL_RATE, why, sorted(times)[len(times) // 4])
    below, most = (BELOW_OF_SGD, MOST_RATE_OF_SGD) if of_sgd else (BELOW, MOST_RATE)
    chosen = float(np.clip(best / below, LEAST_RATE, most))
    # Two digits: a rate that was measured to more would pretend.
    chosen = float(f"{chosen:.2g}")
    told = f"1/{below} of {best:.1e}" if chosen < most else f"the most, below 1/{below} of {best:.1e}"
    reason = f"{told}, where the loss was least in a range test of {len(times)} steps"
    # What else the machine does makes some steps slow; the limit of time is kept whatever they take.
    return Tested(chosen, reason, sorted(times)[len(times) // 4])


def precision(module: nn.Module, parts: list[Part], loss: Loss, seconds: float, device: str) -> tuple[str, float, str]:
    """float32 or bfloat16, how many times as fast as float32 it is, and why: measured in turns on a copy.

    seconds: of a step in float32.
    """
    import torch

    if seconds < SLOW_STEP and device == "cpu":
        return "float32", 1.0, f"a step takes {seconds * 1e3:.1f} ms, too little for bfloat16 to pay"
    trial = keeping.copied(module).eval()
    times: dict[bool, list[float]] = {False: [], True: []}
    losses: dict[bool, list[float]] = {False: [], True: []}
    with allocating.kept(often=1) as stepped:
        for turn in range(4):
            for lower in (False, True):
                started = signals.now()
                with torch.autocast(device, torch.bfloat16, enabled=lower):
                    value = _mean(loss, trial, parts[turn % len(parts)])
                value.backward()
                times[lower].append(signals.now() - started)
                losses[lower].append(value.item())
            stepped(turn)
    ratio = min(times[False]) / max(min(times[True]), 1e-9)
    apart = max(abs(a - b) / max(abs(a), 1e-6) for a, b in zip(losses[False], losses[True], strict=True))
    if ratio >= FASTER and apart <= AGREES:
        return "bfloat16", ratio, f"{ratio:.1f} times as fast as float32 here, and its losses differ by {apart:.1%}"
    why = f"bfloat16 is {ratio:.2f} times as fast here" if ratio < FASTER else f"its losses differ by {apart:.1%}"
    return "float32", 1.0, why


def epochs(
    steps: int,
    step_seconds: float,
    left: float | None,
    usual: tuple[int, str] | None = None,
    *,
    cut_short: bool = False,
    longer: int = LONGER,
) -> tuple[int, str]:
    """How many epochs, and why. steps: of an epoch. left: wall seconds, or None without a limit.

    usual: how many, and why, where the architecture says it. longer: how many times as many there may be, where there
    is time; 1 for weights that were learned before, which would forget what they know.
    cut_short: whether the last one may be ended by the time. Then half an epoch or more is begun: at three quarters of
    the steps a falling rate is a seventh of what it was, and one epoch where there is time for nearly two wastes half.
    """
    wanted = int(np.clip(math.ceil(STEPS / max(steps, 1)), FEWEST_EPOCHS, MOST_EPOCHS))
    reason = f"about {STEPS:,} steps, in {FEWEST_EPOCHS} to {MOST_EPOCHS} epochs of {steps:,}"
    wanted, reason = usual or (wanted, reason)
    if left is None:
        return wanted, reason
    passes = USED * left / max(steps * step_seconds, 1e-9)
    affordable = max(int(passes + 0.5 if cut_short else passes), 1)
    # A limit is there to be used: more epochs than usual help where there is time.
    most = longer * wanted
    if affordable < most:
        return (
            affordable,
            f"what {left:.0f} s allow, at {step_seconds * 1e3:.2g} ms a step and {steps:,} steps an epoch",
        )
    if longer == 1:
        return wanted, reason
    return most, f"{longer} times as many as usual ({reason}), since there is time"
