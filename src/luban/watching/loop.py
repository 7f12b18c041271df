"""A training loop as it goes by: which steps are looked at, when the conditions look, what the loop itself can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from luban.core.errors import UsageError
from luban.core.files import write_json
from luban.evidence.finding import Finding
from luban.evidence.trace import Check, Told, Trace
from luban.training.signals import TIMED, Recorder, now
from luban.watching import gradients, replicas
from luban.watching.beginning import BATCHES, Beginning
from luban.watching.findings import Findings, not_finite
from luban.watching.order import Order

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

EARLY = (0, 4, 9)
"""Steps after which the conditions look; later ones lie half as far away again."""
EACH = 2
"""Checks on held-out rows after each of which the conditions look; after later ones when it is time."""


@final
class Watch:
    """Looks on while a model is trained. Final; `watch` makes it.

    trace: all that was seen. findings: what was found, the primary one first. not_run: conditions that could not look,
    and why.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        loss: Any,
        scheduler: Any,
        told: Told,
        frozen: tuple[str, ...],
        stop_on: str | None,
        out: Path | None,
    ) -> None:
        from luban.training import program

        self.model = model
        self.trace = Trace(
            told=told,
            parameters=program.parameters(model, optimizers, frozen),
            loss_function=program.loss_function(loss),
            tied=tuple(program.equal_pairs(model)),
            decay=max((program.asked_decay(one) for one in optimizers), default=0.0),
        )
        self._optimizers = optimizers
        self._scheduler = scheduler
        # A chain of schedules does not count its steps.
        self._scheduled: int | None = getattr(scheduler, "last_epoch", None)
        self._out = out
        self._recorder = Recorder(model)
        self._beginning = Beginning(model)
        self._order = Order(out, any(one.state for one in optimizers))
        self._replicas = replicas.Replicas()
        self._findings = Findings(stop_on)
        self._hooks: list[Any] = []
        self._armed = self._recorder.watching(0)
        self._begun: Any = None
        self._last: Any = None
        self._leftover: float | None = None
        self._late = False
        self._gradient = 0.0
        self._before = False
        self._stepped = False
        self._asking = False
        self._call: tuple[Any, Mapping[str, Any]] | None = None
        self._bad: tuple[str, str | None] | None = None
        self._trained_mode: bool | None = None
        self._due = 0
        self._since = 0
        self._checked = False
        self._started = now()

    # The training, as it goes by.

    def __enter__(self) -> Self:
        if self._hooks:
            raise UsageError("it is being watched already.", where="luban.watch", fix="call luban.watch once more")
        first = self.model.register_forward_pre_hook(self._forward, prepend=True, with_kwargs=True)
        self._hooks = [first, *(one.register_step_pre_hook(self._stepping) for one in self._optimizers)]
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        for hook in (*self._hooks, self._last):
            if hook is not None:
                hook.remove()
        self._hooks, self._last = [], None
        if kind is None and self.trace.losses:
            self._examine()
        self._save()

    def step(self, loss: Tensor | float, inputs: Any = None, targets: Any = None) -> None:
        """Tells that a step was made: call it after `optimizer.step()`, before the gradients are set to zero.

        loss: of the batch. inputs, targets: of the batch; some conditions need them.
        Raises TrainingFault where `stop_on` says so.
        """
        if self.trace.told.accumulation > 1 and not self._stepped:
            # One of the batches that are added up: the step is still to come.
            return
        number, value = self.trace.steps, float(loss.item() if hasattr(loss, "item") else loss)
        self.trace.losses.append(value)
        self._order.step(self.trace, number, inputs)
        if self._before or number < BATCHES:
            self._look(number, value)
        if number == 0:
            self._ask(inputs)
        self._beginning.step(self.trace, number, targets, self._recorder.observer)
        if number in replicas.STEPS:
            self.trace.replicas = self._replicas.difference(self.model, number)
        if self._scheduled is not None:
            self.trace.schedule_steps = self._scheduler.last_epoch - self._scheduled
        if number < TIMED:
            self._recorder.timed(number, now() - self._started)
        if not math.isfinite(value) or self._bad is not None:
            self._not_finite(number, value)
        elif number >= self._due or self._checked:
            self._checked = False
            self._examine()
            self._due = next((early for early in EARLY if early > number), number + max((number + 1) // 2, 1))
        self._armed, self._leftover = self._recorder.watching(number + 1), None
        self._before = self._stepped = self._late = False
        if number < TIMED:
            self._started = now()

    def _look(self, number: int, value: float) -> None:
        """Takes down what a step showed that was looked at. value: its loss."""
        from luban.training import program

        seen = self._recorder.observer
        self.trace.arriving, self.trace.layers = seen.arriving, tuple(seen.order)
        # Mixed precision may have left the step out: then it has no gradient to tell of.
        if self._before:
            self._recorder.after()
            rate = float(self._optimizers[0].param_groups[0]["lr"])
            self.trace.watched.append(self._recorder.step(number, value, rate, self._gradient, self._leftover))
            self.trace.in_evaluation = program.switched_off(self.model)

    def _ask(self, inputs: Any) -> None:
        """Asks the network how far the answer to a row depends on the others."""
        from luban.training import asking

        with self._aside():
            self.trace.dependence = asking.dependence(self.model, inputs)

    def validation(self, loss: Tensor | float, **metrics: float) -> None:
        """Tells what held-out rows said: their loss, and metrics by name, of which more is better."""
        value = float(loss.detach()) if hasattr(loss, "detach") else float(loss)
        recent = self.trace.losses[self._since :]
        train = sum(recent) / len(recent) if recent else math.nan
        named = {name: float(metric) for name, metric in metrics.items()}
        self.trace.checks.append(Check(self.trace.steps, value, train, named, self._trained_mode))
        self._since, self._trained_mode = self.trace.steps, None
        # Later checks come often beside what they can tell, and the conditions read all that was seen.
        if len(self.trace.checks) <= EACH or self.trace.steps >= self._due:
            self._examine()
            # A schedule may be stepped between here and the next step.
            self._checked = len(self.trace.checks) <= EACH
        self._started = now()

    def _forward(self, model: nn.Module, arguments: Any, named: Mapping[str, Any]) -> None:
        import torch

        if self._asking:
            return
        if not torch.is_grad_enabled():
            from luban.training import program

            self._trained_mode = bool(self._trained_mode) or (model.training and program.in_training(model))
            return
        self._call = (arguments, named)
        if not self._armed or self._begun is not None:
            return
        if self._leftover is None and model.training:
            self._leftover = gradients.norm(self._optimizers)
        self._begun = self._recorder.observer.start()
        # Only now, and only for this pass: what is called after every pass costs a small step a hundredth.
        self._last = model.register_forward_hook(self._answered, always_call=True)

    def _answered(self, model: nn.Module, arguments: Any, output: Any) -> None:
        if self._begun is not None:
            self._recorder.observer.stop(self._begun, output)
            self._begun = None
            self._last.remove()
            self._last = None
            # Of batches that are added up, the first one is looked at.
            self._armed = False

    def before_backward(self) -> None:
        """Tells that a backward pass is next, for loops that set gradients to zero only after the forward pass.

        What is left of earlier gradients is then looked at here; of batches that are added up, for the first.
        """
        if self._leftover is not None and not self._late:
            self._late = True
            self._leftover = gradients.norm(self._optimizers)

    def _stepping(self, optimizer: Optimizer, arguments: Any, named: Any) -> Any:
        """As `optimizer.step` is called. With a closure, the gradients come in it: it is looked at behind it."""
        closure = named.get("closure", arguments[1] if len(arguments) > 1 else None)
        if closure is None:
            self._before_step(optimizer)
            return None

        def seen() -> Any:
            answer = closure()
            self._before_step(optimizer)
            return answer

        return arguments[:1], {**named, "closure": seen}

    def _before_step(self, optimizer: Optimizer) -> None:
        """Before the optimiser changes the weights."""
        self._stepped = True
        if gradients.skipped(optimizer):
            return
        if self._recorder.watching(self.trace.steps) and not self._before:
            self._before = True
            self._recorder.before()
            self._gradient = gradients.norm(self._optimizers) / gradients.scale(optimizer)
        if self._bad is None and not gradients.finite(optimizer):
            from luban.training import asking

            with self._aside():
                self._bad = asking.first_not_finite(self.model, self._call)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """While it is held forward passes are none of the training."""
        self._asking = True
        try:
            yield
        finally:
            self._asking = False

    # What is made of it.

    def _examine(self) -> None:
        """Lets each condition look, and tells what is new."""
        self._findings.examine(self.trace)
        if self._findings.found:
            self._save()
        self._findings.stop()

    def _not_finite(self, number: int, value: float) -> None:
        """Tells where a number stopped being finite; the weights may be lost already, so it is told at once."""
        from luban.training import asking

        self._findings.add(not_finite(number, value, self._bad, asking.infinite_inputs(self._call) > 0))
        self._bad = None
        self._examine()

    def _save(self) -> None:
        if self._out is not None:
            write_json(self._out, {**self.to_json(), "order": self._order.hashes})

    # What it answers.

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._findings.attributed()

    @property
    def not_run(self) -> tuple[tuple[str, str], ...]:
        return tuple(sorted(self._findings.not_run.items()))

    def to_json(self) -> dict[str, Any]:
        """`findings` and `not_run` as other verbs print them, and how many steps were seen."""
        return {"steps": self.trace.steps, **self._findings.to_json()}

    def report(self) -> str:
        """What was found, in words; and which conditions could not look."""
        return self._findings.report(self.trace.steps)
