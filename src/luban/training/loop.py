"""The training loop of networks, top to bottom: resume, batches, loss, gradient, step, signals, checkpoint, stop.

What it is asked for is in `request`, how rows come together in `batches` and `gathering`, what changes on the way in
`steering` and `planning`, what is recorded in `signals` and `tracing`, what survives a kill in `checkpoint`, what is
done about a training that goes wrong in `treating`. The loop is a function of what it is asked: killed and continued at
any step, it ends with the same weights, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luban.core.errors import Interrupted
from luban.protocols import Task, Work
from luban.training import batches, computing, gathering, nonfinite, optimizing, pausing, program
from luban.training.augmenting import augmented
from luban.training.checkpoint import GOOD, Checkpoints, Saved, Writing
from luban.training.distributed import Team
from luban.training.gathering import Rows, Step
from luban.training.keeping import Kept
from luban.training.planning import Planning
from luban.training.progress import Held, Progress
from luban.training.request import Asked, Tell
from luban.training.signals import TIMED, Recorder, now
from luban.training.steering import Steering
from luban.training.tracing import Tracing

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


@dataclass(frozen=True)
class Loop:
    """What a training has in hand from its first step to its last.

    network: the module, or what shares it out among the team. lower: what a forward pass is taken within. learning: the
    parameters that learn. held: what changes on the way, with what a checkpoint holds of it. writing: the states that a
    killed training goes on from; good: those at marks. marks: the number of the mark at a step. closely: the steps that
    are watched for the marks, and whether the trace holds them. stepped: told of each step that is over.
    """

    asked: Asked
    work: Work
    rows: Rows
    order: batches.Order
    device: str
    team: Team
    network: nn.Module
    lower: AbstractContextManager[Any]
    learning: list[nn.Parameter]
    held: Held
    progress: Progress
    planning: Planning
    steering: Steering
    writing: Writing
    good: Writing
    marks: Mapping[int, int]
    closely: Mapping[int, bool]
    stepped: Callable[[int], None]

    @property
    def module(self) -> nn.Module:
        return self.held.module

    def state(self) -> Saved:
        """All that a process needs to go on from here."""
        return self.held.state(self.progress)


def newest(asked: Asked) -> Saved | None:
    """The state that a training goes on from; None where it was not begun."""
    return None if asked.folder is None else Checkpoints(asked.folder).latest()


def begun(
    asked: Asked,
    module: nn.Module,
    rows: Rows,
    work: Work,
    task: Task,
    saved: Saved | None,
    stepped: Callable[[int], None],
) -> Loop:
    """A training before its next step: its first one, or the one behind the state that was saved."""
    import torch

    train, tell = asked.train, asked.tell
    assert isinstance(train.epochs, int), "the number of epochs is decided"
    assert isinstance(train.learning_rate, float), "the learning rate is decided"
    assert isinstance(train.batch_size, int), "the sizes of batches are decided"
    device, _ = computing.device(train.device)
    lower = torch.autocast(device, torch.bfloat16) if train.precision == "bfloat16" else nullcontext()
    team, network, how = asked.team.joined(gathering.prepared(module, train).to(device), train, device)
    optimiser = optimizing.optimizer(module, train, train.learning_rate, lower=train.precision == "bfloat16")
    order = gathering.order(rows, train, asked.seed)
    steps = train.steps or math.ceil(order.steps / train.accumulate) * train.epochs
    if how:
        tell({"processes": team.size, "how": how})
    marks = {mark: number for number, mark in enumerate(pausing.marks(steps), 1)}
    checkpoints = Checkpoints(asked.folder) if asked.folder is not None else None
    held = _held(asked, module, optimiser, work, steps)
    progress = _restored(held, saved, marks, tell)
    team.check_alike(progress.step)
    # Several processes would have to look at one clock.
    until = asked.until if asked.by_time and team.size == 1 else None
    return Loop(
        asked, work, rows, order, device, team, network, lower,
        learning=[parameter for parameter in module.parameters() if parameter.requires_grad],
        held=held,
        progress=progress,
        planning=Planning(train, steps, until, progress, tell),
        steering=Steering(optimiser, task, train, progress.step),
        writing=Writing(checkpoints, train.checkpoint_seconds, team),
        good=Writing(Checkpoints(asked.folder / GOOD) if asked.folder is not None else None, 0.0, team),
        marks=marks,
        closely=pausing.watched(steps, train.batch_size) if asked.pause is not None else {},
        stepped=stepped,
    )  # fmt: skip


def _held(asked: Asked, module: nn.Module, optimiser: Optimizer, work: Work, steps: int) -> Held:
    kept, recorder = Kept(module, asked.train.ema), Recorder(module)
    seen = Tracing(asked.trace, module, optimiser, work, asked.train, steps=steps, recipe=asked.recipe)
    return Held(module, optimiser, kept, seen, recorder)


def _restored(held: Held, saved: Saved | None, marks: Mapping[int, int], tell: Tell) -> Progress:
    """Where the training is, with all that changes on the way as it was there."""
    if saved is None:
        return Progress()
    progress = held.restore(saved)
    # Where it was looked at, it only paused.
    if progress.step not in marks:
        tell({"continues": progress.step, "epoch": progress.epoch})
    return progress


def run(loop: Loop) -> Progress:
    """Trains the module in place; at the end it has the weights that answer.

    Raises TrainingError that names step, batch and layer for a loss that is not finite, Interrupted, ResourceError.
    """
    asked, progress, kept = loop.asked, loop.progress, loop.held.kept
    last = math.inf if loop.planning.counted else asked.train.epochs
    assert not isinstance(last, str), "the number of epochs is decided"
    while progress.epoch < (asked.train.until_epoch or last) and not progress.ended:
        _epoch(loop)
        if progress.paused:
            break
        _end_epoch(loop)
        loop.writing.at_epoch(loop.state)
    if asked.pause is not None and not progress.paused:
        loop.writing.now(loop.state)
    loop.writing.wait()
    if progress.paused == 1:
        kept.answer(loop.module)
    else:
        kept.give_back(loop.module)
    loop.module.to("cpu").eval()
    return progress


def _epoch(loop: Loop) -> None:
    """The steps of an epoch from where the training is, up to where it pauses or ends."""
    progress, order = loop.progress, loop.order.epoch(loop.progress.epoch)
    loop.module.train()
    for step in gathering.steps(loop.rows, order, progress.place, loop.asked.train, loop.team):
        if _pauses(loop):
            return
        stops, late = _step(loop, step)
        whole = loop.planning.counted and progress.step >= loop.steering.steps
        if whole or late or progress.step == loop.asked.train.until_step:
            # What is left of the time is for the rows that wait for an answer; it is judged where it stands.
            progress.ended = "steps" if whole else "time" if late else "step"
            return
        if stops:
            loop.writing.now(loop.state)
            raise Interrupted("the training was stopped.", fix="type the same command to continue")
        loop.writing.within_epoch(loop.state)


def _pauses(loop: Loop) -> bool:
    """Whether the training pauses here to be looked at; where it passes a mark, its state there is kept."""
    pause, progress = loop.asked.pause, loop.progress
    if pause is None or progress.step not in loop.marks:
        return False
    number = loop.marks[progress.step]
    if not loop.team.agreed(loop.team.leads and pause.here(number, loop.asked.trace)):
        loop.good.now(loop.state)
        return False
    # Where it is looked at again, it goes on from here.
    loop.writing.now(loop.state)
    progress.paused = number
    return True


def _step(loop: Loop, step: Step) -> tuple[bool, bool]:
    """One step of the optimiser. Whether a user asked to stop, and whether the time is over."""
    asked, progress, team, steering = loop.asked, loop.progress, loop.team, loop.steering
    recorder, seen, number = loop.held.recorder, loop.held.seen, loop.progress.step
    steering.at(number)
    # The layers of a network whose weights are shared out cannot be looked at one by one.
    traced = pausing.wanted(number) or loop.closely.get(number, False)
    counted = traced or number in loop.closely
    watched = (counted or recorder.watching(number)) and not team.sharded
    # The clock of CPU time is a call of the system: only steps that set the interval are worth it.
    timed = number < TIMED
    started = now() if timed else 0.0
    team.draws(asked.seed, number)
    rate = steering.pace(number, loop.planning.steps(progress))
    value = _backward(loop, step, recorder.armed(counted) if watched else nullcontext())
    value, stops, late = team.totals(value, asked.interrupted(), team.leads and asked.late)
    team.add_up(loop.learning)
    norm, arrived = team.clip(loop.learning, steering.holds.clip), math.nan
    if not (math.isfinite(value) and math.isfinite(norm)):
        seen.failed(number, value)
        raise nonfinite.explained(loop.module, step, steering.loss, number, progress.epoch, value, norm)
    if watched:
        recorder.before()
        clip = steering.holds.clip
        arrived = program.gradient_norm(loop.learning) if clip is None else min(norm, clip)
    loop.held.optimiser.step()
    if watched:
        recorder.after()
        asked.tell({"step": number, "loss": value, "rate": rate, "gradient": norm, "layers": recorder.to_json()})
    seen.step(number, value, rate, arrived, step.parts, recorder if watched and traced else None)
    for parameter in loop.learning:
        parameter.grad = None
    loop.held.kept.average()
    loop.stepped(number)
    progress.step, progress.place, progress.loss = number + 1, progress.place + len(step.parts), progress.loss + value
    if timed:
        recorder.timed(number, now() - started)
    return bool(stops), bool(late)


def _backward(loop: Loop, step: Step, armed: AbstractContextManager[None]) -> float:
    """The loss of a step, with its gradient left in the parameters. armed: held while its first part is passed."""
    value = 0.0
    for place, part in enumerate(step.parts):
        changed = augmented(part, loop.asked.train, loop.work).on(loop.device)
        with nullcontext() if place else armed, loop.lower:
            share = loop.steering.loss(loop.network, changed, step.total)
        share.backward()
        value += share.item()
    return value


def _end_epoch(loop: Loop) -> None:
    """Looks at the rows that say when to stop, keeps the weights where they are the best so far, and says whether the
    training is over.
    """
    rows, train, progress, kept = loop.rows, loop.asked.train, loop.progress, loop.held.kept
    loop.team.alike(loop.module.buffers())
    steps = max(progress.place / train.accumulate, 1)
    line: dict[str, Any] = {"epoch": progress.epoch, "train_loss": progress.loss / math.ceil(steps)}

    def mean_loss() -> float:
        return gathering.mean_loss(loop.module, rows, loop.steering.loss, loop.device, loop.team)

    plain = mean_loss() if train.ema and rows.stopping.size else None
    with kept.answering(loop.module):
        if rows.stopping.size:
            value = mean_loss()
            line["stopping_loss"] = value
            loop.held.seen.check(progress.step, value, plain)
        else:
            # Without rows to tell, the last weights are as good as any: each epoch is the best so far.
            value = progress.best_loss if math.isfinite(progress.best_loss) else 0.0
        if not rows.stopping.size or value < progress.best_loss:
            progress.best_loss, progress.best_epoch = value, progress.epoch
            kept.best(loop.module)
    loop.asked.tell(line)
    assert isinstance(train.patience, int), "the patience is decided"
    waited = progress.epoch - progress.best_epoch
    progress.epoch, progress.place, progress.loss = progress.epoch + 1, 0, 0.0
    if not progress.ended and rows.stopping.size and waited >= train.patience:
        progress.ended = "patience"
    elif not progress.ended and loop.asked.until is not None and loop.team.agreed(loop.asked.late):
        progress.ended = "time"
