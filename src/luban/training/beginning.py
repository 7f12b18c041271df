"""Where the training of a network begins: fresh weights, those that counts of its rows tell, or those of a pretrained
model, and what is usual then.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from luban.core import registry
from luban.forms.network import build
from luban.origins import configs
from luban.protocols import Adapting, Counting, Customary, Narrowing, Pretrained, Work
from luban.recipe.recipe import Candidate
from luban.training import allocating
from luban.training.gathering import Rows

if TYPE_CHECKING:
    from torch import Tensor, nn

LARGE = 256 << 20
"""Bytes of weights from which it is looked for others that nobody needs any more."""


def begun(
    candidate: Candidate, work: Work, rows: Rows | None = None, *, counts: bool = True, narrows: bool = True
) -> nn.Module:
    """The network of a candidate with the weights that its training begins with, drawn from torch's random state.

    rows: those of the training, from which an architecture that counts begins, unless not `counts`: where other weights
    follow, or none that were counted are needed. What no row reaches that is learned from does not learn, unless not
    `narrows`. None for neither.
    """
    model, kind = pretrained(candidate), registry.find("models", candidate.model)
    with nullcontext() if model is None else configs.given():
        module = build(candidate.model, candidate.settings, work)
    if model is not None:
        if sum(weight.numel() * weight.element_size() for weight in module.parameters()) > LARGE:
            # A network that was watched is part of a circle: the weights of a large one have room when those are
            # looked for, which takes a while.
            gc.collect()
        allocating.give_back()
        model.begin(module, kind.Settings.model_validate(candidate.settings))
        if rows is not None and narrows and isinstance(model, Narrowing):
            model.narrow(module, rows.inputs[rows.train])
        # What was read is not needed: the C library would keep its place.
        allocating.give_back()
    if rows is not None and counts and isinstance(kind, Counting):
        kind.begin_from(module, rows.inputs[rows.train], kind.Settings.model_validate(candidate.settings))
    return module


def plain(candidate: Candidate, weights: Mapping[str, Tensor]) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    """The settings and the weights of what answers: adapters are put into the matrices that they stand beside.

    These are written over: there is no memory for a second large network.
    """
    model = registry.find("models", candidate.model)
    if not isinstance(model, Adapting):
        return candidate.settings, dict(weights)
    whole, settings = model.merged(weights, model.Settings.model_validate(candidate.settings), over=True)
    return settings.model_dump(mode="json"), whole


def customary(candidate: Candidate) -> Customary | None:
    """The architecture, where it is known at which rate and how long it is trained; else None."""
    model = registry.find("models", candidate.model)
    return model if isinstance(model, Customary) else None


def pretrained(candidate: Candidate) -> Pretrained | None:
    """The architecture, where its weights were learned before; None for one that begins with fresh ones."""
    model = registry.find("models", candidate.model)
    return model if isinstance(model, Pretrained) else None
