"""Sizes of networks that their settings leave to the rows and to the time: decided before any work, with the reason.

A size follows from the rows and from the time that was asked for, and not from what is left of it, so the same command
continues with the same network. From here on it stands in the settings of the candidate, and so in the recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban import collate
from luban.batch import Batch, Ragged
from luban.core import registry
from luban.protocols import Sizing
from luban.recipe.recipe import Candidate
from luban.training.settings import settings
from luban.training.unit import Training


@dataclass(frozen=True)
class Sized:
    """A candidate with nothing of its size left open. choices: what was open, and became what; reason: why."""

    candidate: Candidate
    choices: Mapping[str, Any]
    reason: str


def sized(candidate: Candidate, training: Training, seconds: float | None) -> Sized:
    """The candidate in a size for these rows. seconds: the wall time of the run, or None without a limit."""
    model = registry.find("models", candidate.model)
    if not isinstance(model, Sizing):
        return Sized(candidate, {}, "")
    seen = training.seen_by(candidate)
    choices, reason = model.sized(settings(candidate), seen.work, _length(seen.batch), seconds)
    # In the order in which a recipe is read again, since the label of a candidate decides what is drawn.
    settled = dict(sorted({**candidate.settings, **choices}.items()))
    told = candidate.model_copy(update={"settings": settled})
    return Sized(told, choices, reason)


def _length(batch: Batch) -> float:
    """How many steps a row has on average, those that are read and those of a sequence that is wanted."""
    read = collate.lengths(batch.inputs)
    wanted = batch.target.lengths if isinstance(batch.target, Ragged) else np.zeros(1)
    return float(np.mean(wanted)) + (float(np.mean(read)) if read is not None and len(read) else 0.0)
