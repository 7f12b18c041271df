"""A trained network: the name and settings of its architecture, and its weights. It answers by torch, or by its graph.

The architecture is looked up by its name among the models of this package, as whoever rebuilds a form looks up its
kind: a bundle decides which weights are read, never which code is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged, Tensors, joined
from luban.core import registry
from luban.core.errors import BundleError
from luban.core.lazy import require
from luban.forms import _kept, _links, _works
from luban.forms._checked import LARGEST, Checked
from luban.protocols import Builder, NetworkModel, Shape, State, Work

if TYPE_CHECKING:
    from torch import Tensor, nn

TAGGING = "tagging"
CELLS = 1 << 19
"""Numbers of the inputs that are answered at once, padding included."""
INSIDE = 16
"""So many times as many numbers may be made of them inside, where that is told: a few megabytes."""
MOST_ROWS = 1_024
LARGE = 64 << 20
"""Bytes of weights above which the module has the form's own, and no copy of them."""
_DRAWN = {f"{how}{what}_" for how in ("", "kaiming_", "xavier_", "trunc_") for what in ("normal", "uniform")}
"""What torch calls the functions that fill a tensor at random."""


@final
@dataclass(frozen=True, eq=False)
class Network:
    """A network of luban's own.

    model, settings: the architecture. work: what it was asked to do, with the shapes of its tensors.
    weights: parameters and buffers by name, float32 or int64. link: what follows its outputs.
    scale, offset: what a value is multiplied by and moved by; 1 and 0 for probabilities.
    """

    kind: ClassVar[str] = "network"
    model: str
    settings: Mapping[str, Any]
    work: Work
    weights: Mapping[str, Array]
    link: str
    scale: float = 1.0
    offset: float = 0.0

    @property
    def width(self) -> int:
        return self.work.width

    @property
    def output_width(self) -> int:
        return _links.output_width(self.link, self.work.outputs)

    @property
    def per_step(self) -> bool:
        """Whether it answers each step of what it reads."""
        return self.work.task == TAGGING

    @cached_property
    def module(self) -> nn.Module:
        """The network with its weights, ready to answer."""
        torch = require("torch", extra="nets", purpose="answering by a network")
        with undrawn():
            module = build(self.model, self.settings, self.work)
        # There is hardly room for two large ones, and a small copy is nobody else's.
        shared = sum(array.nbytes for array in self.weights.values()) > LARGE
        weights = {
            # Arrays of a file may not be written to, and torch expects to be allowed.
            name: torch.from_numpy(array if shared and array.flags.writeable else np.array(array))
            for name, array in self.weights.items()
        }
        module.load_state_dict(weights, assign=True)
        return module.eval()

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, outputs); of a network that answers each step of what it read, Ragged (steps of all rows, outputs)."""
        import torch

        rows = int(inputs.shape[0])
        if rows and self.frozen:
            head: Any = self.module.head
            with torch.inference_mode():
                raw = head(self._joined(inputs)).to(torch.float64).numpy()
            return np.asarray(_links.apply(self.link, raw) * self.scale + self.offset)
        answers = np.empty((rows, self.output_width))
        steps: list[Ragged] = []
        lengths = collate.lengths(inputs)
        # Rows of like length together: padding is work for nothing.
        order = np.arange(rows) if lengths is None else np.argsort(lengths, kind="stable")
        for numbers in _pieces(order, lengths, self._cells()):
            with torch.inference_mode():
                raw = self.module(collate.to_torch(inputs, numbers)).to(torch.float64).numpy()
            if raw.ndim == 2:
                answers[numbers] = _links.apply(self.link, raw) * self.scale + self.offset
                continue
            own = collate.unpadded(raw, collate.answered(inputs)[numbers])
            steps.append(Ragged(_links.apply(self.link, own.values) * self.scale + self.offset, own.offsets))
        if not steps:
            return answers
        return joined(steps)[np.argsort(order, kind="stable")]

    def vectors(self, inputs: Inputs) -> Array:
        """(rows, width) float64: what the head makes its answers of; of a network that has a head around encoders."""
        import torch

        with torch.inference_mode():
            found: Array = self._joined(inputs).to(torch.float64).numpy()
        return found

    @cached_property
    def frozen(self) -> bool:
        """Whether nothing but the head around its encoder learns: what that reads is kept for whoever asks again."""
        return self.settings.get("tune") == "head" and getattr(self.module, "alone", False)

    @cached_property
    def _body(self) -> str:
        """A digest of what reads: of its weights, and of how it reads."""
        told = json.dumps([self.model, dict(self.settings), self.work.to_json()["shapes"]], sort_keys=True)
        made = hashlib.sha256(told.encode())
        for name, array in sorted(self.weights.items()):
            if not name.startswith("head."):
                made.update(name.encode())
                made.update(np.ascontiguousarray(array).data)
        return made.hexdigest()[:32]

    def _joined(self, inputs: Inputs) -> Tensor:
        """What the head sees; each part is read by itself, and of equal rows one."""
        import torch

        module: Any = self.module
        found = {}
        for name, part in collate.parts(inputs).items():
            read = partial(self._read, name)
            lines = _kept.vectors(lambda: self._body, name, part, read) if self.frozen else read(part)
            found[name] = torch.from_numpy(lines)
        joined: Tensor = module.joined(found)
        return joined

    def _read(self, name: str, part: PerRow) -> Array:
        """(rows, width) float32: what the encoder of a part makes of it."""
        import torch

        module: Any = self.module
        alone = Tensors({name: part})
        lengths = collate.lengths(alone)
        order = np.arange(len(part)) if lengths is None else np.argsort(lengths, kind="stable")
        pieces = _pieces(order, lengths, self._cells())
        with torch.inference_mode():
            found = [module.read(collate.to_torch(alone, numbers), name).numpy() for numbers in pieces]
        return np.asarray(np.concatenate(found)[np.argsort(np.concatenate(pieces), kind="stable")])

    def _cells(self) -> int:
        """Numbers of one step of a row: of what goes in, or of what a part that tells it, as `cells`, makes of it."""
        made = sum(int(getattr(part, "cells", 0)) for part in self.module.modules())
        return max(sum(int(np.prod(shape.inner)) for shape in self.work.shapes.values()), made // INSIDE, 1)

    def state(self) -> State:
        values = {"model": self.model, "settings": dict(self.settings), "work": self.work.to_json()}
        return State({**values, "link": self.link, "scale": self.scale, "offset": self.offset}, dict(self.weights))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        link = checked.choice("link", _links.LINKS)
        scale, offset = checked.number("scale", -LARGEST, LARGEST), checked.number("offset", -LARGEST, LARGEST)
        model, settings, work = (checked.optional(name) for name in ("model", "settings", "work"))
        weights = {}
        for name, array in state.arrays.items():
            dtype = np.asarray(array).dtype.name
            if dtype not in ("float32", "int64"):
                raise checked.fail(f"'{name[:60]}' holds {dtype}, and weights are float32 or int64")
            weights[name] = np.asarray(array) if not np.ndim(array) else checked.array(name, dtype, *np.shape(array))
            checked.known(name)
        checked.end()
        if not isinstance(model, str) or not isinstance(settings, dict):
            raise checked.fail("it does not name its architecture")
        asked = _works.read(checked, work)
        if not _links.fits(link, asked.outputs):
            raise checked.fail(f"the link '{link}' does not follow {asked.outputs} outputs")
        _check_weights(checked, model, settings, asked, weights)
        return cls(model, settings, asked, weights, link, scale, offset)

    def graph(self, builder: Builder, inputs: str) -> str:
        """The nodes that torch's exporter writes for the module, then the link and the scale in float64."""
        answers = _links.draw(self.link, builder, builder.double(self._drawn(builder)))
        if (self.scale, self.offset) == (1.0, 0.0):
            return answers
        scaled = builder.node("Mul", answers, builder.constant(np.array(self.scale)))
        return builder.node("Add", scaled, builder.constant(np.array(self.offset)))

    def _drawn(self, builder: Builder) -> str:
        """The nodes of the module; what reads both texts of a pair is traced once, which takes seconds."""
        module: Any = self.module
        if not hasattr(module, "apart"):
            return builder.network(module, self.work.shapes)
        reads, joins = module.apart()
        vectors = {
            name: builder.network(
                reads,
                {reads.name: shape},
                {reads.name: name, reads.name + collate.LENGTHS: name + collate.LENGTHS},
            )
            for name, shape in self.work.shapes.items()
        }
        return builder.network(joins, dict.fromkeys(vectors, Shape("vector", (joins.width,))), vectors)


def build(model: str, settings: Mapping[str, Any], work: Work) -> nn.Module:
    """The network of an architecture, with fresh weights."""
    architecture: NetworkModel = registry.find("models", model)
    return architecture.build(work, architecture.Settings.model_validate(dict(settings)))


@contextmanager
def undrawn() -> Iterator[None]:
    """While it is held no weights are drawn at random, for networks that are given theirs: the system has no memory to
    give for what nobody writes.
    """
    from torch.nn import init
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, inputs: Any = (), named: Any = None) -> Any:
            if function.__name__ in _DRAWN:
                return (*inputs, *(named or {}).values())[0]
            return function(*inputs, **(named or {}))

    # This one draws until all numbers lie within bounds: what is not drawn never does.
    bounded = init._no_grad_trunc_normal_
    init._no_grad_trunc_normal_ = lambda tensor, *_, **__: tensor
    try:
        with Undrawn():
            yield
    finally:
        init._no_grad_trunc_normal_ = bounded


def _pieces(order: Array, lengths: Array | None, cells: int) -> list[Array]:
    """The rows in pieces of at most CELLS numbers when padded, and at least one row."""
    if lengths is None:
        size = int(np.clip(CELLS // cells, 1, MOST_ROWS))
        return [order[first : first + size] for first in range(0, len(order), size)]
    found = collate.pieces(order, lengths, CELLS // cells)
    return [piece[first : first + MOST_ROWS] for piece in found for first in range(0, len(piece), MOST_ROWS)]


def _check_weights(checked: Checked, model: str, settings: Any, work: Work, weights: Mapping[str, Array]) -> None:
    """Raises BundleError unless the weights are those of this architecture, which is built without memory to see it."""
    from pydantic import ValidationError

    if model not in registry.names("models") or registry.find("models", model).trainer != "gradient":
        raise checked.fail(f"'{model[:40]}' is not an architecture of this luban")
    torch = require("torch", extra="nets", purpose="answering by a network")
    try:
        with torch.device("meta"):
            wanted = build(model, settings, work).state_dict()
    except (ValidationError, ValueError, TypeError, RuntimeError) as error:
        raise BundleError(f"the network cannot be built: {str(error)[:120]}") from None
    odd = sorted(wanted.keys() ^ weights.keys())
    if odd:
        raise checked.fail(f"its weights lack '{odd[0][:60]}', or have it without need")
    for name, tensor in wanted.items():
        if tuple(tensor.shape) != weights[name].shape or str(tensor.dtype) != f"torch.{weights[name].dtype.name}":
            raise checked.fail(f"'{name[:60]}' has the shape {weights[name].shape} instead of {tuple(tensor.shape)}")


form = Network
