"""The pretrained model as it was before it learned more: what every one that goes on stands beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Literal, final

from pydantic import Field

from luban.batch import Batch, Ragged
from luban.core import registry
from luban.forms.network import undrawn
from luban.models import _begun, _causal, _networks, _pretrained, _rewriting
from luban.protocols import Entry, Form, State, Work
from luban.recipe.recipe import Section

RAW = (_causal.RAW, _pretrained.RAW)
"""The tasks of raw text."""


class Settings(_rewriting.Writing, _begun.Beginning):
    """What can be set about it: which model it is, and, where a text is written for another one, how."""

    unnamed: ClassVar[str] = _causal.Beginning.unnamed
    origin: _causal.Origin | _pretrained.Origin | _rewriting.Origin | None = Field(None, validate_default=True)
    """The language model, the encoder that fills tokens, or the encoder-decoder; `--from NAME` says which."""
    context: int = Field(256, ge=8, le=8_192)
    """With raw text: tokens that are read at once."""


@final
class Untouched:
    """A pretrained model that learns nothing."""

    name: ClassVar[str] = "untouched"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"chat", "preference", _rewriting.TASK, *RAW})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(frozenset({"tokens"}), work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        import torch

        torch.set_num_threads(threads)
        if work.task == _rewriting.TASK:
            return _writing(batch, work, settings)
        fills = work.task == _pretrained.RAW
        model = registry.find("models", _pretrained.FILLING if fills else _causal.ADAPTED)
        whole = {"tune": "full"} if fills else {"adapter": "full"}
        own = model.Settings(origin=settings.origin, context=settings.context, **whole)
        raw = work.task in RAW
        if raw:
            ((name, shape),) = _networks.shapes(work).items()
            work = replace(work, outputs=1, shapes={name: replace(shape, longest=settings.context)})
        network = _network(model, own, work, "identity")
        forms = ("language", (network, settings.context)) if raw else ("answered", (network,))
        form: Form = registry.find("forms", forms[0])(*forms[1])
        return form


def _writing(batch: Batch, work: Work, settings: Settings) -> Form:
    """The encoder-decoder. A text is written as long as the longest of the training."""
    import polars as pl

    model = registry.find("models", _rewriting.NAME)
    told = {name: getattr(settings, name) for name in _rewriting.Writing.model_fields}
    own = model.Settings(origin=settings.origin, tune="full", **told)
    state, words, most = model.tokens(own)
    tokens = registry.find("features", "text").tensor
    assert isinstance(batch.target, Ragged), "texts are written like those of the training rows"
    wanted = tokens.encode(
        pl.Series(batch.target.texts(), dtype=pl.String),
        State({**state.values, "longest": most + 1}, state.arrays),
    )
    network = _network(model, own, replace(work, outputs=words), "softmax")
    form: Form = registry.find("forms", "written")(network, state, int(wanted.lengths.max()) - 1, own.beams)
    return form


def _network(model: Any, own: Section, work: Work, link: str) -> Any:
    """The form of the network as it was pretrained."""
    with undrawn():
        module = model.build(work, own)
    model.begin(module, own)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    return registry.find("forms", "network")(model.name, own.model_dump(mode="json"), work, weights, link)


model = Untouched()
