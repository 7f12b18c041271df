"""The training loop of networks, top to bottom: resume, batches, loss, gradient, step, signals, checkpoint, stop.

What `auto` becomes is in `deciding`, how rows come together in `batches` and `gathering`, what is recorded in
`signals` and `tracing`, what survives a kill in `checkpoint`, what is done about a training that goes wrong in
`treating`. The loop is a function of its arguments: killed and continued at any
step, it ends with the same weights, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.batch import Batch
from luban.core.errors import Interrupted
from luban.core.seed import derive
from luban.evidence.trace import Trace
from luban.forms.network import Network
from luban.protocols import Form, Task, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import allocating, computing, gathering, nonfinite, optimizing, pausing, program, several, sharding
from luban.training.augmenting import augmented
from luban.training.beginning import begun, plain
from luban.training.checkpoint import Checkpoints, Saved, Writing
from luban.training.distributed import ALONE, Team
from luban.training.gathering import Rows, rows_of
from luban.training.inside import inside
from luban.training.keeping import Kept
from luban.training.loss import Loss, loss_of
from luban.training.pausing import Pause
from luban.training.planning import Planning
from luban.training.progress import Held, Progress
from luban.training.signals import TIMED, Recorder, now
from luban.training.tracing import Tracing

if TYPE_CHECKING:
    from torch import nn

GOOD = "good"
"""The folder, within that of the checkpoints, of the states at marks where no fault was seen."""
Tell = Callable[[Mapping[str, Any]], None]
"""`tell(line)`: a line for the history of the run."""


@dataclass(frozen=True)
class Trained:
    """The form, and after how many steps time cut it short, or None.

    paused: the number of the mark at which it paused to be looked at; 0 where it is done.
    planned: behind which step its time decided how many there are, and how many; None where it did not.
    """

    form: Form
    until_step: int | None
    paused: int = 0
    planned: tuple[int, int] | None = None


def fit(
    batch: Batch,
    work: Work,
    candidate: Candidate,
    train: Train,
    *,
    seed: int,
    folder: Path | None = None,
    until: float | None = None,
    tell: Tell = lambda line: None,
    interrupted: Callable[[], bool] = lambda: False,
    team: Team = ALONE,
    trace: Trace | None = None,
    pause: Pause | None = None,
    recipe: Mapping[str, Any] | None = None,
    by_time: bool = False,
) -> Trained:
    """The trained network of a candidate.

    train: the recipe's part, in which nothing is left open (`deciding.decide`).
    folder: where checkpoints go and are found again; None keeps nothing. until: when the time is over, on the clock of
    `time.monotonic`. interrupted: asked after each step; when true it checkpoints and stops.
    team: the processes that train together. trace: an empty one, which tells afterwards what was seen, also where it
    raises. pause: when it stops at a mark, where it is looked at; at the first with its weights as they are there,
    later with the best so far. The same call with another pause, or without, goes on from there. What it was at each
    mark that it passed stays beside its checkpoints. recipe: what an edit can change, by path, for the trace.
    by_time: whether the number of steps is a guess that the time is to correct on the way (`planning`).

    Raises TrainingError that names step, batch and layer for a loss that is not finite, Interrupted, ResourceError.
    """
    import torch

    seen = inside(batch, work, candidate)
    batch, work = seen.batch, seen.work
    task = several.task_of(work)
    rows = rows_of(batch, work, task, train, seed)
    if isinstance(train.threads, int) and team.size == 1:
        torch.set_num_threads(train.threads)
    checkpoints = Checkpoints(folder) if folder is not None else None
    saved = checkpoints.latest() if checkpoints is not None else None
    torch.manual_seed(derive(seed, "weights"))
    module = begun(candidate, work, rows if saved is None else None)
    torch.manual_seed(derive(seed, "training", team.rank))
    with allocating.kept() as stepped:
        progress = _train(
            module, work, rows, train, task, seed, checkpoints, saved, until, tell, interrupted, team,
            Trace() if trace is None else trace, recipe or {}, pause, by_time, stepped,
        )  # fmt: skip
    settings, whole = plain(
        candidate, {name: sharding.whole(tensor).detach() for name, tensor in module.state_dict().items()}
    )
    weights = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy() for name, tensor in whole.items()
    }
    form = answering(Network(candidate.model, dict(settings), work, weights, "identity"), task, rows)
    planned = (progress.planned_at, progress.planned) if progress.planned else None
    return Trained(seen.outer(form), progress.step if progress.ended == "time" else None, progress.paused, planned)


def answering(network: Network, task: Task, rows: Rows) -> Form:
    """The trained network with what makes answers of its sums."""
    import numpy as np

    if network.work.targets:
        return several.linked(network, network.work, np.asarray(rows.scale), np.asarray(rows.offset))
    return replace(network, link=task.link, scale=float(rows.scale), offset=float(rows.offset))


def _train(
    module: nn.Module,
    work: Work,
    rows: Rows,
    train: Train,
    task: Task,
    seed: int,
    checkpoints: Checkpoints | None,
    saved: Saved | None,
    until: float | None,
    tell: Tell,
    interrupted: Callable[[], bool],
    team: Team,
    trace: Trace,
    recipe: Mapping[str, Any],
    pause: Pause | None,
    by_time: bool,
    stepped: Callable[[int], None],
) -> Progress:
    """Trains the module in place; at the end it has the weights that answer."""
    import torch

    assert isinstance(train.epochs, int), "the number of epochs is decided"
    assert isinstance(train.learning_rate, float), "the learning rate is decided"
    assert isinstance(train.patience, int), "the patience is decided"
    assert isinstance(train.batch_size, int), "the sizes of batches are decided"
    device, _ = computing.device(train.device)
    lower = torch.autocast(device, torch.bfloat16) if train.precision == "bfloat16" else nullcontext()
    team, network, how = team.joined(gathering.prepared(module, train).to(device), train, device)
    optimiser = optimizing.optimizer(module, train, train.learning_rate, lower=train.precision == "bfloat16")
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    order = gathering.order(rows, train, seed)
    steps = train.steps or math.ceil(order.steps / train.accumulate) * train.epochs
    kept, recorder, progress = Kept(module, train.ema), Recorder(module), Progress()
    seen = Tracing(trace, module, optimiser, work, train, steps=steps, recipe=recipe)
    held = Held(module, optimiser, kept, seen, recorder)
    marks = {mark: number for number, mark in enumerate(pausing.marks(steps), 1)}
    closely = pausing.watched(steps, train.batch_size) if pause is not None else {}
    if how:
        tell({"processes": team.size, "how": how})
    if saved is not None:
        progress = held.restore(saved)
        # Where it was looked at, it only paused.
        if progress.step not in marks:
            tell({"continues": progress.step, "epoch": progress.epoch})
    team.check_alike(progress.step)
    writing = Writing(checkpoints, train.checkpoint_seconds, team)
    good = Writing(Checkpoints(checkpoints.folder / GOOD) if checkpoints is not None else None, 0.0, team)
    # Several processes would have to look at one clock.
    planning = Planning(train, steps, until if by_time and team.size == 1 else None, progress, tell)
    epochs = math.inf if planning.counted else train.epochs
    holds = optimizing.at(train, progress.step)
    optimizing.steer(optimiser, holds)
    loss, changes = loss_of(task, holds), {change.step for change in train.later}

    def state() -> Saved:
        return held.state(progress)

    while progress.epoch < (train.until_epoch or epochs) and not progress.ended:
        module.train()
        epoch = order.epoch(progress.epoch)
        for step in gathering.steps(rows, epoch, progress.place, train, team):
            if pause is not None and progress.step in marks:
                number = marks[progress.step]
                if team.agreed(team.leads and pause.here(number, trace)):
                    # Where it is looked at again, it goes on from here.
                    writing.now(state)
                    progress.paused = number
                    break
                good.now(state)
            if progress.step in changes:
                holds = optimizing.at(train, progress.step)
                optimizing.steer(optimiser, holds)
                loss = loss_of(task, holds)
            # The layers of a network whose weights are shared out cannot be looked at one by one.
            traced = pausing.wanted(progress.step) or closely.get(progress.step, False)
            counted = traced or progress.step in closely
            watched = (counted or recorder.watching(progress.step)) and not team.sharded
            # The clock of CPU time is a call of the system: only steps that set the interval are worth it.
            timed = progress.step < TIMED
            started = now() if timed else 0.0
            team.draws(seed, progress.step)
            assert isinstance(holds.learning_rate, float), "it is decided"
            steps = planning.steps(progress)
            rate = holds.learning_rate * optimizing.factor(train.schedule, train.warmup, progress.step, steps)
            optimizing.pace(optimiser, rate, progress.step / max(steps, 1))
            value = 0.0
            for place, part in enumerate(step.parts):
                changed = augmented(part, train, work).on(device)
                with recorder.armed(counted) if watched and not place else nullcontext(), lower:
                    share = loss(network, changed, step.total)
                share.backward()
                value += share.item()
            value, stops, late = team.totals(
                value, interrupted(), team.leads and until is not None and time.monotonic() > until
            )
            team.add_up(learning)
            norm = team.clip(learning, holds.clip)
            if not (math.isfinite(value) and math.isfinite(norm)):
                seen.failed(progress.step, value)
                raise nonfinite.explained(module, step, loss, progress.step, progress.epoch, value, norm)
            if watched:
                recorder.before()
                arrived = program.gradient_norm(learning) if holds.clip is None else min(norm, holds.clip)
            optimiser.step()
            if watched:
                recorder.after()
                told = {"step": progress.step, "loss": value, "rate": rate, "gradient": norm}
                tell({**told, "layers": recorder.to_json()})
            seen.step(
                progress.step, value, rate, arrived if watched else math.nan, step.parts,
                recorder if watched and traced else None,
            )  # fmt: skip
            for parameter in learning:
                parameter.grad = None
            kept.average()
            stepped(progress.step)
            progress.step += 1
            progress.place += len(step.parts)
            progress.loss += value
            if timed:
                recorder.timed(progress.step - 1, now() - started)
            whole = planning.counted and progress.step >= steps
            if whole or late or progress.step == train.until_step:
                # What is left of the time is for the rows that wait for an answer; it is judged where it stands.
                progress.ended = "steps" if whole else "time" if late else "step"
                break
            if stops:
                writing.now(state)
                raise Interrupted("the training was stopped.", fix="type the same command to continue")
            writing.within_epoch(state)
        if progress.paused:
            break
        team.alike(module.buffers())
        _end_epoch(module, rows, train, loss, progress, kept, device, tell, team, seen)
        progress.epoch, progress.place, progress.loss = progress.epoch + 1, 0, 0.0
        if not progress.ended and rows.stopping.size and progress.epoch - 1 - progress.best_epoch >= train.patience:
            progress.ended = "patience"
        elif not progress.ended and until is not None and team.agreed(time.monotonic() > until):
            progress.ended = "time"
        writing.at_epoch(state)
    if pause is not None and not progress.paused:
        writing.now(state)
    writing.wait()
    if progress.paused == 1:
        kept.answer(module)
    else:
        kept.give_back(module)
    module.to("cpu").eval()
    return progress


def _end_epoch(
    module: nn.Module,
    rows: Rows,
    train: Train,
    loss: Loss,
    progress: Progress,
    kept: Kept,
    device: str,
    tell: Tell,
    team: Team,
    seen: Tracing,
) -> None:
    """Looks at the rows that say when to stop, and keeps the weights where they are the best so far."""
    steps = max(progress.place / train.accumulate, 1)
    line: dict[str, Any] = {"epoch": progress.epoch, "train_loss": progress.loss / math.ceil(steps)}
    averaged = bool(train.ema and rows.stopping.size)
    plain = gathering.mean_loss(module, rows, train, loss, device, team) if averaged else None
    with kept.answering(module):
        if rows.stopping.size:
            value = gathering.mean_loss(module, rows, train, loss, device, team)
            line["stopping_loss"] = value
            seen.check(progress.step, value, plain)
        else:
            # Without rows to tell, the last weights are as good as any: each epoch is the best so far.
            value = progress.best_loss if math.isfinite(progress.best_loss) else 0.0
        if not rows.stopping.size or value < progress.best_loss:
            progress.best_loss, progress.best_epoch = value, progress.epoch
            kept.best(module)
    tell(line)
