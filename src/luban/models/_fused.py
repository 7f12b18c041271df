"""The network around encoders: one for each part of a row, what they found side by side, a trunk, and a linear head.

Where each step of a row is answered, or an answer is looked for among the steps, there is one encoder, and the head
follows its state of each step. Where two texts are compared there is one encoder for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from luban.collate import LENGTHS
from luban.models import _networks
from luban.models._dense import Dense
from luban.models._encoders import usual
from luban.models._layers import linear, own_steps
from luban.protocols import Shape, Work
from luban.spans import OUTSIDE

END = 3
"""The mark behind a text, as `features/text/tokens.py` numbers it."""
SHORTEST = 1e-24
"""The square of the length of a vector, at least."""
NARROWEST = 1e-3
"""Cosines that vary less are taken to vary as much."""


def fused(work: Work, takes: frozenset[str], encoder: Callable[[Shape], nn.Module], dropout: float = 0.0) -> nn.Module:
    """The network for this work: `encoder` for the parts of the kinds that it takes, the usual one for the others."""
    parts = _networks.shapes(work)
    if _networks.pairs(work):
        one, other = parts
        return Compared((one, other), encoder(parts[one]), work.outputs)
    encoders = [(encoder if shape.kind in takes else usual)(shape) for shape in parts.values()]
    if _networks.tags(work) or _networks.spans(work):
        (name,), (only,) = parts, encoders
        return (PerStep if _networks.tags(work) else Marking)(name, only, work.outputs, dropout)
    return Fused(tuple(parts), encoders, work.outputs, dropout)


def readers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The encoders of a network of `fused`, each with the name of the part that it reads."""
    if isinstance(module, Fused):
        yield from zip(module.names, module.encoders, strict=True)
    elif isinstance(module, Compared):
        yield from ((name, module.encoder) for name in module.names)
    elif isinstance(module, PerStep | Marking):
        yield module.name, module.encoder


@final
class Fused(nn.Module):
    """(rows, outputs) = W trunk([encoder_1(part_1), encoder_2(part_2), ...]) + b.

    names: of the parts. The trunk is a layer of ReLU units, as many as the widest encoder gives; of a single part there
    is nothing to fuse, and the encoder's answer goes straight into the head.
    """

    def __init__(self, names: tuple[str, ...], encoders: Sequence[Any], outputs: int, dropout: float) -> None:
        super().__init__()
        self.names = names
        self.encoders = nn.ModuleList(encoders)
        widths = [encoder.width for encoder in encoders]
        units = () if len(encoders) == 1 else (max(widths),)
        self.trunk = Dense(sum(widths), units, activation="relu", dropout=dropout)
        self.head = linear(self.trunk.width, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        answers: Tensor = self.head(self.features(inputs))
        return answers

    def features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, width): what the head sees."""
        return self.joined({name: self.read(inputs, name) for name in self.names})

    @property
    def alone(self) -> bool:
        """Whether one encoder reads all that there is."""
        return len(self.encoders) == 1

    def read(self, inputs: Mapping[str, Tensor], name: str) -> Tensor:
        """(rows, width of its encoder) of one part."""
        found: Tensor = self.encoders[self.names.index(name)](inputs[name], inputs.get(name + LENGTHS))
        return found

    def joined(self, found: Mapping[str, Tensor]) -> Tensor:
        """What the head sees, of what was read of each part."""
        parts = [found[name] for name in self.names]
        answers: Tensor = self.trunk(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])
        return answers

    def states(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(rows, length, width) of each ragged part whose encoder has a state for each step, by name; padding is 0."""
        return {
            name: encoder.states(inputs[name], inputs[name + LENGTHS])
            for name, encoder in zip(self.names, cast("Iterable[Any]", self.encoders), strict=True)
            if hasattr(encoder, "states")
        }


@final
class Compared(nn.Module):
    """(rows, outputs) = w cos(u, v) + b, of the vectors u and v that one encoder makes of the two texts of a row
    (Reimers and Gurevych, 2019).

    names: of the parts. Either text is read without the other, so its vector can be kept.
    """

    alone = True

    def __init__(self, names: tuple[str, str], encoder: Any, outputs: int) -> None:
        super().__init__()
        self.names = names
        self.encoder = encoder
        self.head = linear(1, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        answers: Tensor = self.head(self.features(inputs))
        return answers

    def features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(rows, 1): the cosine."""
        return self.joined({name: self.read(inputs, name) for name in self.names})

    def joined(self, found: Mapping[str, Tensor]) -> Tensor:
        """(rows, 1): the cosine of what was read of both parts."""
        return cosine(*(found[name] for name in self.names))

    def read(self, inputs: Mapping[str, Tensor], name: str) -> Tensor:
        """(rows, width) of the texts of one part."""
        found: Tensor = self.encoder(inputs[name], inputs[name + LENGTHS])
        return found

    def standardise(self, inputs: Mapping[str, Tensor]) -> None:
        """Lets the head begin with cosines less their mean, over their deviation, as these rows have them."""
        with torch.no_grad():
            cosines = self.features(inputs).double()
            spread = max(float(cosines.std(correction=0)), NARROWEST)
            self.head.weight.fill_(1 / spread)
            self.head.bias.fill_(-float(cosines.mean()) / spread)

    def apart(self) -> tuple[nn.Module, nn.Module]:
        """What reads a text, as if it were the first of a pair, and what answers by the vectors of both."""
        return _Reading(self), _Joining(self)


@final
class _Reading(nn.Module):
    """(rows, width) of the texts of the first part."""

    def __init__(self, whole: Compared) -> None:
        super().__init__()
        self.name, self.encoder = whole.names[0], whole.encoder

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        found: Tensor = self.encoder(inputs[self.name], inputs[self.name + LENGTHS])
        return found


@final
class _Joining(nn.Module):
    """(rows, outputs) of the vectors of both parts."""

    def __init__(self, whole: Compared) -> None:
        super().__init__()
        self.names, self.head, self.width = whole.names, whole.head, int(whole.encoder.width)

    def forward(self, found: Mapping[str, Tensor]) -> Tensor:
        answers: Tensor = self.head(cosine(*(found[name] for name in self.names)))
        return answers


def cosine(one: Tensor, other: Tensor) -> Tensor:
    """(rows, 1) of two vectors in each row. A vector of zeros has no direction; its cosine is 0."""
    lengths = [(each * each).sum(dim=1, keepdim=True).clamp(min=SHORTEST).sqrt() for each in (one, other)]
    return (one * other).sum(dim=1, keepdim=True) / (lengths[0] * lengths[1])


@final
class PerStep(nn.Module):
    """(rows, steps, outputs): W s_t + b of the encoder's state s_t of each step, of which it has some left out.

    name: of the part that is read.
    """

    def __init__(self, name: str, encoder: Any, outputs: int, dropout: float) -> None:
        super().__init__()
        self.name = name
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = linear(encoder.width, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        answers: Tensor = self.head(self.dropout(self.states(inputs)[self.name]))
        return answers

    def states(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(rows, steps, width) of the part, by its name; padding is 0."""
        return {self.name: self.encoder.states(inputs[self.name], inputs[self.name + LENGTHS])}


@final
class Marking(nn.Module):
    """(rows, steps, 2): W s_t + b of the encoder's state s_t of each step: whether the answer begins there, or ends.

    What is read are START question END context END. `OUTSIDE` stands where no answer is: in the question, at the marks
    and behind the end of a row. The first step stands for an answer that is not here.
    """

    def __init__(self, name: str, encoder: Any, outputs: int, dropout: float) -> None:
        super().__init__()
        self.name = name
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = linear(encoder.width, outputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        values, lengths = inputs[self.name], inputs[self.name + LENGTHS]
        marks = self.head(self.dropout(self.encoder.states(values, lengths)))
        able = in_context(values) & own_steps(lengths, values.shape[1])
        able[:, 0] = True
        answers: Tensor = marks.masked_fill(~able[:, :, None], OUTSIDE)
        return answers


def in_context(values: Tensor) -> Tensor:
    """(rows, steps) boolean: the steps between the first END and the next one.

    >>> in_context(torch.tensor([[2, 7, END, 8, 9, END, 0]])).long().tolist()
    [[0, 0, 0, 1, 1, 0, 0]]
    """
    ends = values == END
    return (ends.long().cumsum(dim=1) == 1) & ~ends
