"""From rows and a recipe to a trained network: the rows as they are learned, the loop, and what makes answers of it.

What `auto` becomes is in `deciding`, the training itself in `loop`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from luban.batch import Batch
from luban.core.seed import derive
from luban.forms.network import Network
from luban.protocols import Form, Task, Work
from luban.recipe.recipe import Candidate
from luban.training import allocating, loop, several, sharding
from luban.training.beginning import begun, plain
from luban.training.gathering import Rows, rows_of
from luban.training.inside import inside
from luban.training.request import Asked


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


def fit(batch: Batch, work: Work, candidate: Candidate, asked: Asked) -> Trained:
    """The trained network of a candidate.

    Raises TrainingError that names step, batch and layer for a loss that is not finite, Interrupted, ResourceError.
    """
    import torch

    seen = inside(batch, work, candidate)
    batch, work = seen.batch, seen.work
    task, train, seed = several.task_of(work), asked.train, asked.seed
    rows = rows_of(batch, work, task, train, seed)
    if isinstance(train.threads, int) and asked.team.size == 1:
        torch.set_num_threads(train.threads)
    torch.manual_seed(derive(seed, "weights"))
    saved = loop.newest(asked)
    # What is shared out among processes is the network as it is.
    module = begun(candidate, work, rows, counts=saved is None, narrows=asked.team.size == 1)
    torch.manual_seed(derive(seed, "training", asked.team.rank))
    with allocating.kept() as stepped:
        progress = loop.run(loop.begun(asked, module, rows, work, task, saved, stepped))
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
