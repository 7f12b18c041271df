"""`luban.watch` for trainings that another program's trainer runs: callbacks for Hugging Face and Lightning.

    from luban import callbacks

    trainer = transformers.Trainer(..., callbacks=[callbacks.hugging_face()])
    trainer = lightning.Trainer(..., callbacks=[callbacks.lightning()])

They tell the watch of each step when the optimiser has moved the weights and the gradients are still there. Neither
program is imported here: a callback is whatever has the methods that its trainer calls. After the training `findings`,
`not_run` and `report()` say what was seen, as those of a watch do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, final

from luban.core.errors import UsageError
from luban.logs._columns import Meaning, meaning
from luban.watching import Watch, watch

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from luban.evidence.finding import Finding


def hugging_face(
    *,
    loss: Any = None,
    stop_on: Literal["severe", "warning"] | None = None,
    out: str | Path | None = None,
) -> HuggingFace:
    """A callback for `transformers.Trainer`.

    loss, stop_on, out: as for `luban.watch`. The loss of a step is the one that the model answers with.

    >>> hugging_face().findings
    ()
    """
    return HuggingFace(loss=loss, stop_on=stop_on, out=out)


def lightning(
    *,
    network: str | None = None,
    loss: Any = None,
    stop_on: Literal["severe", "warning"] | None = None,
    out: str | Path | None = None,
) -> Lightning:
    """A callback for Lightning's `Trainer`, with automatic optimisation.

    network: the name of the attribute of the module that answers rows, such as `model`; without it, the only part that
        has parameters, or else the module itself, whose `forward` the training step must then call.
    loss, stop_on, out: as for `luban.watch`. Of batches that are pairs, the watch sees inputs and targets.

    >>> lightning(network="model").report()
    'nothing was trained yet'
    """
    return Lightning(network, loss=loss, stop_on=stop_on, out=out)


class _Callback:
    """What both share: a watch that begins and ends with the training, and the losses of the batches of a step."""

    def __init__(self, **settings: Any) -> None:
        self.watch: Watch | None = None
        self._settings = settings
        self._losses: list[float] = []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, the primary one first."""
        return self.watch.findings if self.watch is not None else ()

    @property
    def not_run(self) -> tuple[tuple[str, str], ...]:
        """The conditions that could not look, and why."""
        return self.watch.not_run if self.watch is not None else ()

    def report(self) -> str:
        """What was found, in words."""
        return self.watch.report() if self.watch is not None else "nothing was trained yet"

    def _begin(self, model: nn.Module, optimizers: list[Any], **told: Any) -> Watch:
        self.watch = watch(model, optimizers, **self._settings, **told)
        return self.watch.__enter__()

    def _step(self, loss: float, inputs: Any = None, targets: Any = None) -> None:
        """Tells of a step; where it is to stop the training, the hooks go before the fault is raised."""
        if self.watch is None:
            return
        self._losses = []
        try:
            self.watch.step(loss, inputs, targets)
        except BaseException as fault:
            self._end(type(fault))
            raise

    def _validation(self, numbers: Mapping[str, Any]) -> None:
        """Tells what held-out rows said, of numbers by their usual names; nothing where none of them is a loss."""
        loss = next((float(value) for name, value in numbers.items() if meaning(name) == Meaning("loss", True)), None)
        metrics = {name: float(value) for name, value in numbers.items() if meaning(name) == Meaning("metric", True)}
        if self.watch is not None and loss is not None:
            self.watch.validation(loss, **metrics)

    def _end(self, kind: type[BaseException] | None = None) -> None:
        if self.watch is not None:
            self.watch.__exit__(kind)


def _nothing(*_: Any, **__: Any) -> None:
    """What a callback does at the times that do not concern it."""


@final
class HuggingFace(_Callback):
    """A callback for `transformers.Trainer`. Final; `hugging_face` makes it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._hook: Any = None
        self._added = False
        self._targets: Any = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(name)

    def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        model, optimizer = named["model"], named["optimizer"]
        scheduler = named.get("lr_scheduler")
        self._hook = model.register_forward_hook(self._answered, with_kwargs=True)
        # The optimiser and the schedule of torch lie within those of the package `accelerate`.
        begun = self._begin(
            model,
            [getattr(optimizer, "optimizer", optimizer)],
            scheduler=getattr(scheduler, "scheduler", scheduler),
            clip=args.max_grad_norm or None,
            accumulation=args.gradient_accumulation_steps,
        )
        # The optimiser's own default is not what was asked for.
        begun.trace.decay = args.weight_decay

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """The optimiser has moved the weights, and the gradients are set to zero only after this."""
        if self._losses:
            # Of losses that were already divided by all items of the step, the sum is that of the step.
            many = 1 if self._added else len(self._losses)
            self._step(sum(self._losses) / many, targets=self._targets)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **named: Any) -> None:
        self._validation({name: value for name, value in (metrics or {}).items() if isinstance(value, int | float)})

    def on_train_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self._end()

    def _end(self, kind: type[BaseException] | None = None) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        super()._end(kind)

    def _answered(self, model: nn.Module, arguments: Any, named: Mapping[str, Any], answer: Any) -> None:
        loss = answer.get("loss") if isinstance(answer, Mapping) else None
        if model.training and loss is not None:
            self._losses.append(float(loss.detach().mean()))
            self._added = named.get("num_items_in_batch") is not None
            self._targets = named.get("labels")


@final
class Lightning(_Callback):
    """A callback for Lightning's `Trainer`. Final; `lightning` makes it."""

    state_key = "luban.watch"

    def __init__(self, network: str | None, **settings: Any) -> None:
        super().__init__(**settings)
        self._network = network
        self._steps = 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("on_") or name in ("setup", "teardown", "state_dict", "load_state_dict"):
            return _nothing
        raise AttributeError(name)

    def on_train_start(self, trainer: Any, module: Any) -> None:
        schedules = [one.scheduler for one in trainer.lr_scheduler_configs]
        self._steps = trainer.global_step
        self._begin(
            _part(module, self._network),
            list(trainer.optimizers),
            scheduler=schedules[0] if schedules else None,
            clip=trainer.gradient_clip_val if trainer.gradient_clip_algorithm in (None, "norm") else None,
            accumulation=trainer.accumulate_grad_batches,
        )

    def on_before_backward(self, trainer: Any, module: Any, loss: Any) -> None:
        """Lightning sets gradients to zero between the forward and the backward pass."""
        if self.watch is not None:
            self.watch.before_backward()

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int) -> None:
        """Of each batch; where it ended a step, the weights have moved and the gradients are still there."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is not None:
            self._losses.append(float(loss.detach()))
        if trainer.global_step > self._steps and self._losses:
            self._steps = trainer.global_step
            pair = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (None, None)
            self._step(sum(self._losses) / len(self._losses), *pair)

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        if not trainer.sanity_checking:
            self._validation(trainer.callback_metrics)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self._end()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        self._end(type(exception))


def _part(module: nn.Module, name: str | None) -> nn.Module:
    """The part of a module that answers rows."""
    parts = dict(module.named_children())
    if name is not None:
        if name not in parts:
            raise UsageError(
                f"the module has no part '{name}'. It has {', '.join(parts) or 'none'}.",
                where="luban.callbacks.lightning(network=...)",
            )
        return parts[name]
    own = [part for part in parts.values() if next(part.parameters(), None) is not None]
    alone = len(own) == 1 and not list(module.parameters(recurse=False))
    return own[0] if alone else module
