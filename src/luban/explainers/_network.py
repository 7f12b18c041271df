"""A network as a function of the numbers that it sees, with gradients; what it looks up enters as what it found.

What is explained are sums before a link (`_sums`). Tokens and words are looked up in a table: there the function is one
of the lines that were found, by a hook on that table. Networks are asked as they answer, with nothing left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from luban.batch import Array
from luban.collate import LENGTHS
from luban.explainers import _positions, _sums
from luban.explainers._positions import Places
from luban.protocols import Attributed, Subject

if TYPE_CHECKING:
    from torch import Tensor, nn

Values: TypeAlias = "Mapping[str, Tensor]"
"""(rows, size...) float32 for each part, by name."""

OTHERS = "shap, lime and occlusion ask any model"
CELLS = 1 << 20
"""Numbers that are sent through a network at once."""


@dataclass(frozen=True, eq=False)
class Function:
    """What one network adds to the sum that is explained of one row, as a function of numbers.

    weights: (sums,) of its raw outputs. step: which of its steps is explained, or -1. places: which unit each number is
    of. ids: (1, size...) of the parts that are looked up. tables: where each of them is. here: (size...) by part.
    usual: (references, size...), or (1, size...) where that is the same for all.
    """

    module: Any
    weights: Array
    step: int
    places: Mapping[str, Places]
    ids: Mapping[str, Tensor]
    tables: Mapping[str, nn.Module]
    here: Mapping[str, Tensor]
    usual: Mapping[str, Tensor]

    @property
    def together(self) -> int:
        """How many rows are asked at once."""
        return max(1, CELLS // max(sum(each.numel() for each in self.here.values()), 1))

    @property
    def beginnings(self) -> int:
        """How many usual rows there are."""
        return max(len(each) for each in self.usual.values())

    def beginning(self, number: int) -> dict[str, Tensor]:
        """A usual row, (size...) for each part."""
        return {name: each[min(number, len(each) - 1)] for name, each in self.usual.items()}

    def __call__(self, values: Values) -> Tensor:
        """(rows,) float64 what is explained, with its gradient."""
        import torch

        with _given({self.tables[name]: values[name] for name in self.tables}):
            raw = self.module(_inputs(self.places, values, self.ids))
        raw = raw[:, self.step] if self.step >= 0 else raw
        found: Tensor = raw.to(torch.float64) @ torch.from_numpy(self.weights)
        return found

    def answers(self, values: Values) -> Array:
        """(rows,) float64, without a gradient."""
        import torch

        with torch.no_grad():
            return np.asarray(self(values).numpy())

    def ends(self) -> tuple[float, float]:
        """The mean answer of usual rows, and that of the row."""
        usual = [self.answers(_alone(self.beginning(number)))[0] for number in range(self.beginnings)]
        return float(np.mean(usual)), float(self.answers(_alone(self.here))[0])

    def slopes(self, values: Values) -> dict[str, Tensor]:
        """The gradient of the answer of each row, (rows, size...) for each part."""
        import torch

        leaves = {name: each.detach().requires_grad_() for name, each in values.items()}
        found = torch.autograd.grad(self(leaves).sum(), list(leaves.values()), allow_unused=True)
        pairs = zip(leaves.items(), found, strict=True)
        return {name: torch.zeros_like(leaf) if each is None else each for (name, leaf), each in pairs}

    def of_units(self, values: Values, units: int) -> Array:
        """(units,) float64: the sum of what is said of the numbers of each, (size...) for each part."""
        arrays = {name: each.detach().double().numpy() for name, each in values.items()}
        return _positions.gathered(arrays, self.places, units)


@dataclass(frozen=True, eq=False)
class Explained:
    """What is explained of a game: constant + the sum of the functions. one: how they come together."""

    functions: Sequence[Function]
    one: _sums.Sum

    @property
    def constant(self) -> float:
        return self.one.constant

    def ends(self) -> tuple[float, float]:
        """The answers of usual rows, their mean, and that of the row."""
        found = np.array([function.ends() for function in self.functions]).sum(axis=0) + self.constant
        return float(found[0]), float(found[1])

    def told(self, subject: Subject, values: Array, calls: int, **more: Any) -> Attributed:
        """What was found, by a method whose values do not divide the answer up."""
        base, whole = self.ends()
        errors = more.pop("errors", None)
        scale = _sums.scale_of(self.one, subject)
        return Attributed(values, errors, base, whole, calls, scale, complete=False, more=more)


def declines(subject: Subject) -> str | None:
    """Why there is no gradient that says what units add, in words; None where there is one."""
    problem = _positions.problem(subject)
    sums = problem or _sums.found(subject, ("network",))
    if isinstance(sums, str):
        return f"it needs a network and its gradients: {sums}; {OTHERS}."
    for form, name in reading(subject):
        shape = form.work.shapes.get(name)
        if shape is not None and shape.kind in ("tokens", "words") and encoder(form.module, name) is None:
            return f"it does not know where this network looks up what is read in '{name}'; {OTHERS}."
    return None


def reading(subject: Subject) -> list[tuple[Any, str]]:
    """Each network, with the name of each part of a row that it reads and that has units."""
    sums = _sums.found(subject, ("network",))
    assert not isinstance(sums, str), "whoever declines is not asked"
    forms = {id(form): form for one in sums for _, form in one.parts}
    parts = _positions.columns(subject.inside.encoder)
    own = {part.column for part in parts.values() if part is not None}
    here = {unit.column for units in subject.units for unit in units}
    names = [name for name, part in parts.items() if (here - own if part is None else part.column in here)]
    return [(form, name) for form in forms.values() for name in names]


def encoder(module: Any, name: str) -> nn.Module | None:
    """The part of a network that reads the part of a row with this name, step by step; None where there is none."""
    found: nn.Module | None = None
    if hasattr(module, "encoders") and name in getattr(module, "names", ()):
        found = module.encoders[module.names.index(name)]
    elif getattr(module, "name", None) == name:
        found = getattr(module, "encoder", None)
    # What packs the tokens of words looks up other lines than there are words.
    return None if hasattr(found, "packed") else found


def explained(subject: Subject, game: int) -> Explained:
    """What is explained of a game that is not declined."""
    sums = _sums.found(subject, ("network",))
    assert not isinstance(sums, str), "whoever declines is not asked"
    places, step = _positions.read(subject, game), int(subject.inside.step[game])
    return Explained([_function(form, weights, places, step) for weights, form in sums[game].parts], sums[game])


def _function(form: Any, weights: Array, places: Mapping[str, Places], step: int) -> Function:
    import torch

    plain = {name: each for name, each in places.items() if not each.looked_up}
    here = {name: torch.from_numpy(each.here.astype(np.float32)) for name, each in plain.items()}
    usual = {name: torch.from_numpy(each.usual.astype(np.float32)) for name, each in plain.items()}
    read = {name: each for name, each in places.items() if each.looked_up}
    ids = {name: torch.from_numpy(np.array(each.here[None])).long() for name, each in read.items()}
    nothing = {name: torch.from_numpy(each.usual).long() for name, each in read.items()}
    tables: dict[str, nn.Module] = {}
    if read:
        tables, lines = _looked_up(form.module, _inputs(places, _alone(here), ids), list(read))
        here |= {name: each[0] for name, each in lines.items()}
        usual |= _looked_up(form.module, _inputs(places, _alone(here), nothing), list(read))[1]
    return Function(form.module, weights, step, places, ids, tables, here, usual)


def _inputs(places: Mapping[str, Places], values: Values, ids: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the network takes: (rows, size...) of each part, and the lengths of those that have some."""
    import torch

    rows = max((len(each) for each in values.values()), default=1)
    inputs: dict[str, Tensor] = {}
    for name, place in places.items():
        inputs[name] = ids[name].expand(rows, *ids[name].shape[1:]) if name in ids else values[name]
        if place.ragged:
            inputs[name + LENGTHS] = torch.full((rows,), len(place.here), dtype=torch.int64)
    return inputs


def _alone(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """One row, as rows."""
    return {name: each[None] for name, each in values.items()}


def _looked_up(
    module: Any, inputs: Mapping[str, Tensor], names: Sequence[str]
) -> tuple[dict[str, nn.Module], dict[str, Tensor]]:
    """The table in which each of these parts is looked up, the first that is asked by what reads the part, and the
    lines that are found there.
    """
    import torch
    from torch import nn

    tables: dict[str, nn.Module] = {}
    lines: dict[str, Tensor] = {}
    hooks = []

    def keep(name: str) -> Any:
        def hook(table: nn.Module, _: Any, found: Tensor) -> None:
            if name not in tables:
                tables[name], lines[name] = table, found.detach().clone()

        return hook

    for name in names:
        reads = encoder(module, name)
        assert reads is not None, "whoever declines is not asked"
        hooks += [each.register_forward_hook(keep(name)) for each in reads.modules() if isinstance(each, nn.Embedding)]
    try:
        with torch.no_grad():
            module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return tables, lines


@contextmanager
def _given(found: Mapping[nn.Module, Tensor]) -> Iterator[None]:
    """Tables give what is given here, instead of what they find."""
    hooks = [table.register_forward_hook(lambda _, __, ___, one=one: one) for table, one in found.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
