"""The outline of a network: its layers that learn, how many numbers each has, and the shape of what each gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

from luban.collate import LENGTHS, WRITTEN
from luban.protocols import Work

if TYPE_CHECKING:
    from torch import Tensor, nn

WRITES = "sequence-to-sequence"
"""The task whose networks also take what was written before."""
ROWS = 2
"""Of the batch that passes the network to see the shapes."""


@final
@dataclass(frozen=True)
class Layer:
    """name: its place in the network. kind: its class. parameters: numbers that are learned, those of the layer alone.

    gives: the shape of its output without the rows; empty where another layer reads its weights and it is never called.
    """

    name: str
    kind: str
    gives: tuple[int, ...]
    parameters: int


@final
@dataclass(frozen=True)
class Outline:
    """layers: in the order in which a row passes them. takes, gives: the shapes of the network without the rows.

    As text it is a table, a line for each layer.
    """

    layers: tuple[Layer, ...]
    takes: Mapping[str, tuple[int, ...]]
    gives: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """All numbers that are learned."""
        return sum(layer.parameters for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        layers = [{**asdict(layer), "gives": list(layer.gives)} for layer in self.layers]
        takes = {name: list(shape) for name, shape in self.takes.items()}
        return {"layers": layers, "parameters": self.parameters, "takes": takes, "gives": list(self.gives)}

    def __str__(self) -> str:
        cells = [(layer.name, layer.kind, _shown(layer.gives), f"{layer.parameters:,}") for layer in self.layers]
        ends = [("takes", "", ", ".join(f"{name} {_shown(shape)}" for name, shape in self.takes.items()), "")]
        ends += [("gives", "", _shown(self.gives), f"{self.parameters:,}")]
        name, kind, _, count = (max(len(line[place]) for line in cells + ends) for place in range(4))
        shape = max(len(line[2]) for line in cells + ends[1:])
        lines = [f"{n:<{name}}  {k:<{kind}}  {s:<{shape}}  {c:>{count}}".rstrip() for n, k, s, c in cells + ends]
        return "\n".join([lines[-2], *lines[:-2], lines[-1]])


def outline(module: nn.Module, inputs: Mapping[str, Tensor]) -> Outline:
    """The outline of a network, seen as these rows pass it. It is left as it was.

    >>> import torch
    >>> class Sum(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.head = torch.nn.Linear(4, 3)
    ...
    ...     def forward(self, inputs):
    ...         return self.head(inputs["table"])
    >>> print(outline(Sum(), {"table": torch.zeros(2, 4)}))
    takes          table 4
    head   Linear  3  15
    gives          3  15
    """
    import torch

    owners = {
        part: (name, sum(parameter.numel() for parameter in part.parameters(recurse=False)))
        for name, part in module.named_modules()
        if any(True for _ in part.parameters(recurse=False))
    }
    given: dict[nn.Module, tuple[int, ...]] = {}

    def seen(part: nn.Module, _: Any, answer: Any) -> None:
        first = answer[0] if isinstance(answer, tuple) else answer
        given.setdefault(part, tuple(first.shape[1:]))

    hooks = [part.register_forward_hook(seen) for part in owners]
    was_training = module.training
    try:
        with torch.inference_mode():
            answers = module.eval()(inputs)
    finally:
        module.train(was_training)
        for hook in hooks:
            hook.remove()
    order = [*given, *(part for part in owners if part not in given)]
    layers = tuple(Layer(owners[part][0], type(part).__name__, given.get(part, ()), owners[part][1]) for part in order)
    takes = {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items() if not name.endswith(LENGTHS)}
    return Outline(layers, takes, tuple(answers.shape[1:]))


def rows_for(work: Work) -> dict[str, Tensor]:
    """Some rows of the shapes that a network is asked to read, as long as the longest."""
    import torch

    found: dict[str, Tensor] = {}
    for name, shape in work.shapes.items():
        if shape.kind in ("tokens", "words"):
            found[name] = torch.ones(ROWS, shape.longest, *shape.inner, dtype=torch.int64)
        elif shape.kind == "sequence":
            found[name] = torch.zeros(ROWS, shape.longest, *shape.size)
        else:
            found[name] = torch.zeros(ROWS, *shape.size)
        if shape.ragged:
            found[name + LENGTHS] = torch.full((ROWS,), shape.longest)
        if work.task == WRITES:
            found[name + WRITTEN] = torch.ones(ROWS, shape.longest, dtype=torch.int64)
    return found


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
