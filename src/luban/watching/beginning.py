"""What the first batches of a training say: what a constant answer would cost, what is answered, how rows are mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from luban.evidence.trace import Trace

if TYPE_CHECKING:
    from torch import Tensor, nn

    from luban.training.observing import Observer

BATCHES = 10
"""Batches whose targets and answers are kept for judging the loss."""
JUDGED = (1, 5, BATCHES)
"""After how many of them they are judged."""


@final
class Beginning:
    """The first batches of a training, kept until the last of them was judged. Final.

    batches: the answers to the first rows of each, and their targets; None for what was not seen.
    """

    def __init__(self, model: nn.Module) -> None:
        self.batches: list[tuple[Tensor | None, Tensor | None]] = []
        self._model = model

    def step(self, trace: Trace, number: int, targets: Any, seen: Observer) -> None:
        """Tells of a step, of which those behind the first batches change nothing. seen: the forward pass."""
        if number >= BATCHES:
            return
        import torch

        from luban.training.observing import first_rows

        target = first_rows(targets) if isinstance(targets, torch.Tensor) and targets.ndim else None
        self.batches.append((seen.answer, target))
        if number + 1 in JUDGED:
            self._judge(trace, seen)
        if number + 1 == BATCHES:
            self.batches = []

    def _judge(self, trace: Trace, seen: Observer) -> None:
        from luban.training import program

        targets = [target for _, target in self.batches if target is not None]
        trace.constant_loss = program.constant_loss(trace.loss_function, targets)
        final = next((one for one in seen.activations.values() if one.final), None)
        pairs = [(answer, target) for answer, target in self.batches if answer is not None]
        trace.answering = program.answering([one for one, _ in pairs], [target for _, target in pairs], final)
        plain = [program.targets_of(target) for target in targets]
        trace.mixing = program.mixing([one for one in plain if one is not None])
        weights = dict(self._model.named_parameters(remove_duplicate=False))
        trace.untied = tuple(
            pair for pair in trace.tied if not bool((weights[pair[0]].detach() == weights[pair[1]].detach()).all())
        )
