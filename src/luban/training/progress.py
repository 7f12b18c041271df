"""Where a training is, and its whole state as a checkpoint holds it: taken, and given back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from luban.training import sharding
from luban.training.checkpoint import Saved, optimizer_tensors, restore_optimizer
from luban.training.keeping import Kept, changing
from luban.training.signals import Recorder
from luban.training.tracing import Tracing

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer


@dataclass
class Progress:
    """Where a training is: what a checkpoint holds beside tensors. place: batches of the epoch that are done.

    paused: the number of the mark at which it is looked at, or 0. planned: how many steps there are in all, where its
    time decided that, and planned_at, behind which of them; else 0.
    """

    epoch: int = 0
    place: int = 0
    step: int = 0
    loss: float = 0.0
    best_loss: float = math.inf
    best_epoch: int = -1
    ended: str = ""
    paused: int = 0
    planned: int = 0
    planned_at: int = 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "best_loss": self.best_loss if math.isfinite(self.best_loss) else None}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Progress:
        return cls(**{**document, "best_loss": math.inf if document["best_loss"] is None else document["best_loss"]})


@dataclass(frozen=True)
class Held:
    """What changes while a training goes on."""

    module: nn.Module
    optimiser: Optimizer
    kept: Kept
    seen: Tracing
    recorder: Recorder

    def state(self, progress: Progress) -> Saved:
        """All of it, as it is now."""
        import torch

        tensors = {f"module.{name}": tensor for name, tensor in changing(self.module).items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in optimizer_tensors(self.optimiser).items()}
        tensors |= {f"kept.{name}": tensor for name, tensor in self.kept.tensors().items()}
        recent = self.recorder.observer.recent
        tensors |= {
            f"recent.{site}.{n}": torch.from_numpy(units)
            for site, each in recent.items()
            for n, (units, _) in enumerate(each)
        }
        tensors["random"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        counts = {site: [count for _, count in each] for site, each in recent.items()}
        values = {"progress": progress.to_json(), "seen": self.seen.to_json(), "recent": counts}
        return Saved(progress.step, values, {name: sharding.whole(tensor) for name, tensor in tensors.items()})

    def restore(self, saved: Saved) -> Progress:
        """Puts all of it back as it was."""
        import torch

        def under(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): t for n, t in saved.tensors.items() if n.startswith(prefix)}

        weights = self.module.state_dict()
        found = {name: sharding.like(t, weights[name]) for name, t in under("module.").items()}
        self.module.load_state_dict(found, strict=False)
        restore_optimizer(self.optimiser, under("optimizer."))
        kept = under("kept.").items()
        self.kept.restore({name: sharding.like(t, weights.get(name.removeprefix("best."), t)) for name, t in kept})
        self.recorder.observer.recent = {
            site: [(saved.tensors[f"recent.{site}.{n}"].numpy(), count) for n, count in enumerate(counts)]
            for site, counts in saved.values["recent"].items()
        }
        torch.set_rng_state(saved.tensors["random"])
        if "random.cuda" in saved.tensors:
            torch.cuda.set_rng_state(saved.tensors["random.cuda"])
        self.seen.restore(saved.values["seen"])
        return Progress.from_json(saved.values["progress"])
