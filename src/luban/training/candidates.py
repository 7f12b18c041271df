"""Which candidates compete: those that a recipe names, and for `auto` what each model sends in. None is fitted here."""

from __future__ import annotations

from typing import Any

from luban.core import registry
from luban.core.errors import UsageError
from luban.protocols import Entry, Model, NetworkModel, Work
from luban.recipe.recipe import Candidate, Models
from luban.training import several
from luban.training.settings import settings
from luban.training.unit import sees_tensors

AUTO = "auto"
"""The name of all models that do a work by themselves."""
ENSEMBLE = "ensemble"
"""The name of the weighed mean of others."""


def asked(models: Models, work: Work, baseline: str = "", *, tensor_work: Work | None = None) -> list[Candidate]:
    """The candidates that a recipe asks for, in the order in which they are tried; the baseline first, if there is one.

    tensor_work: the work as networks see it, where that differs.
    Raises UsageError when a model that was named does not do this work, with its reason.
    """
    first = [Candidate(model=baseline)] if baseline else []
    if models.candidates is not None:
        return [*first, *(candidate for candidate in models.candidates if candidate not in first)]
    # In the order in which a bundle keeps them, for seeds are derived from how a candidate is told.
    given = {name: dict(sorted(own.items())) for name, own in models.settings().items()}
    entries: list[Entry] = []
    quickest: Entry | None = None
    for place, name in enumerate(models.names):
        if name == AUTO:
            portfolio = _portfolio(work, tensor_work or work)
            # Before models that were named, which may be slow: whatever becomes of these, something answers in time.
            quickest = min(portfolio, key=lambda entry: entry.order, default=None)
            entries += portfolio
        elif name != ENSEMBLE:
            entries.append(Entry(place - len(models.names), named(name, given.get(name, {}), work, tensor_work)))
    ordered = [entry.candidate for entry in sorted(entries, key=lambda entry: (entry is not quickest, entry.order))]
    if not ordered and AUTO in models.names:
        raise _nobody(work, tensor_work or work)
    if not ordered:
        raise UsageError(
            "'ensemble' weighs other models; name them too, or use auto.", where="--model", fix="--model auto"
        )
    # A model's settings in the recipe reach its candidates in the portfolio too.
    told = [c.model_copy(update={"settings": {**c.settings, **given.get(c.model, {})}}) for c in ordered]
    unique = {candidate.model_dump_json(): candidate for candidate in told}
    return [*first, *(candidate for candidate in unique.values() if candidate not in first)]


def named(name: str, given: dict[str, Any], work: Work, tensor_work: Work | None = None) -> Candidate:
    """The candidate of a model that was asked for by name; its settings are checked here, before any work."""
    model: Model | NetworkModel = registry.find("models", name)
    work = (tensor_work or work) if sees_tensors(model) else work
    known = name.lower().replace("_", "-")
    if not several.able(model, work):
        able = sorted(n for n in registry.names("models") if several.able(registry.find("models", n), work))
        raise UsageError(
            f"the model '{known}' does not do {work.task}.", where="--model", fix=f"choose from {', '.join(able)}"
        )
    reason = several.declines(model, work)
    if reason is not None:
        where, fix = "--model", "--model auto"
        if "origin" in given:
            where, fix = "--from", "leave --from out, or begin from a model of such columns; luban sample lists some"
        raise UsageError(f"the model '{known}' is not used here: {reason}", where=where, fix=fix)
    candidate = Candidate(model=known, settings=given)
    settings(candidate)
    return candidate


def _portfolio(work: Work, tensor_work: Work) -> list[Entry]:
    able = [registry.find("models", name) for name in registry.names("models")]
    seen = [(model, tensor_work if sees_tensors(model) else work) for model in able]
    return [
        entry
        for model, its in seen
        if several.able(model, its) and several.declines(model, its) is None
        # What a model sends in depends little on the kind of target; of several the first decides.
        for entry in model.portfolio(several.works(its)[0])
    ]


def _nobody(work: Work, tensor_work: Work) -> UsageError:
    """Why no model of the portfolio does this work: what the first that does its task says."""
    for name in registry.names("models"):
        model: Model | NetworkModel = registry.find("models", name)
        its = tensor_work if sees_tensors(model) else work
        reason = several.declines(model, its) if several.able(model, its) else None
        if reason is not None:
            return UsageError(f"no model does {work.task} here. {name}: {reason}", where="--model auto")
    return UsageError(f"no model does {work.task} by itself.", where="--model auto", fix="name one: --model")
