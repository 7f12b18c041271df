"""A fitted estimator as plain arrays, and what it draws its graph on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from luban.batch import Array, Inputs, PerRow
from luban.protocols.features import Shape
from luban.protocols.state import State

if TYPE_CHECKING:
    from torch import nn


class NoGraph(Exception):  # noqa: N818 - not an error: the form then answers itself
    """A form has no ONNX graph, or none worth having. Its text is the reason, in words."""


DOUBLE = 11
"""What ONNX calls float64, as the number that `Cast` takes (TensorProto.DOUBLE)."""


class Builder(Protocol):
    """What a form draws its graph on; `luban.runtime.graph` has the one that writes ONNX."""

    def node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Adds a node; the name of its first output. Equal nodes are added once."""

    def constant(self, values: Array) -> str:
        """The name of a tensor with these values."""

    def double(self, name: str) -> str:
        """The name of the tensor as float64: graphs calculate in it, as forms do."""

    def network(self, module: nn.Module, shapes: Mapping[str, Shape], given: Mapping[str, str] | None = None) -> str:
        """Adds the nodes of a torch module on the tensors of these shapes; the name of its (rows, outputs) float32.

        given: by the names of its tensors, others that it takes in their place; it is traced once for all of these.
        Raises NoGraph with the reason where torch cannot export it.
        """


class Form(Protocol):
    """A fitted estimator as data (`forms/`). Final classes, frozen; equal states answer alike on every machine."""

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """How many numbers a row of its inputs has."""

    @property
    def output_width(self) -> int:
        """How many numbers answer a row."""

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, outputs) float64: probabilities (classes, clusters), values (regression) or scores (anomaly).

        Of a sequence for each row Ragged: (steps of all rows, outputs) float64, or the bytes of texts, uint8.
        """

    def state(self) -> State:
        """All of it, as data."""

    @classmethod
    def rebuild(cls, state: State) -> Self:
        """The form of a state. Raises BundleError for a shape, an index or a number that `state` never writes."""

    def graph(self, builder: Builder, inputs: str) -> str:
        """Adds ONNX nodes from the tensor named `inputs`, (rows, width) float32; returns the name of the outputs.

        They are (rows, outputs) float64. Raises NoGraph with the reason where there is none.
        """
