"""The language model as it was before it was adapted: what every adapted one stands beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Literal, final

from pydantic import Field

from luban.batch import Batch
from luban.core import registry
from luban.forms.network import undrawn
from luban.models import _begun, _causal, _networks, _pretrained
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section

RAW = (_causal.RAW, _pretrained.RAW)
"""The tasks of raw text."""


class Settings(_begun.Beginning):
    """What can be set about it: which language model it is."""

    unnamed: ClassVar[str] = _causal.Beginning.unnamed
    origin: _causal.Origin | _pretrained.Origin | None = Field(None, validate_default=True)
    """The language model, or the encoder that fills tokens; `--from NAME` says which."""
    context: int = Field(256, ge=8, le=8_192)
    """With raw text: tokens that are read at once."""


@final
class Untouched:
    """A pretrained language model that learns nothing."""

    name: ClassVar[str] = "untouched"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"chat", "preference", *RAW})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return _networks.declines(frozenset({"tokens"}), work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        import torch

        torch.set_num_threads(threads)
        fills = work.task == _pretrained.RAW
        model = registry.find("models", _pretrained.FILLING if fills else _causal.ADAPTED)
        whole = {"tune": "full"} if fills else {"adapter": "full"}
        own = model.Settings(origin=settings.origin, context=settings.context, **whole)
        raw = work.task in RAW
        if raw:
            ((name, shape),) = _networks.shapes(work).items()
            work = replace(work, outputs=1, shapes={name: replace(shape, longest=settings.context)})
        with undrawn():
            module = model.build(work, own)
        model.begin(module, own)
        weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
        network: Any = registry.find("forms", "network")(
            model.name, own.model_dump(mode="json"), work, weights, "identity"
        )
        forms = ("language", (network, settings.context)) if raw else ("answered", (network,))
        form: Form = registry.find("forms", forms[0])(*forms[1])
        return form


model = Untouched()
