"""Texts that a network writes, token by token, and the tokens that it writes them with.

What lies in a bundle are the network and what cuts its texts: the merged pairs of its tokens, as numbers, or the
tokenizer of a pretrained network, whose tokens are also those that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged, Tensors, joined
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State, Wording

MOST_BEAMS = 64
MOST_TOKENS = 100_000
TOGETHER = 256
"""Texts that are written at once, beams counted: all go on until the last has ended."""
NUMBERS = 1 << 26
"""Numbers that are kept of what those read that are written at once, where a network tells how many: 256 MB."""
TASK = "sequence-to-sequence"


@final
@dataclass(frozen=True, eq=False)
class Written:
    """network: the form of an encoder with its decoder, whose outputs are the tokens. tokens: the state of its tokens,
    see `features/text/tokens.py`, without how long a text was. longest: tokens that are written at most, as many as the
    longest text of the training has. beams: texts that are followed at once; 1 takes the likeliest token each time.
    reads: what is read comes letter by letter, and is cut into so many of the same tokens at most; 0 where it comes in
    tokens of its own, or in those of a pretrained network.
    """

    kind: ClassVar[str] = "written"
    network: Any
    tokens: State
    longest: int
    beams: int = 1
    reads: int = 0

    @property
    def width(self) -> int:
        return self.network.width

    @property
    def output_width(self) -> int:
        return 1

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged uint8: the bytes of the text of each row."""
        import torch

        rows = int(inputs.shape[0])
        if rows == 0:
            return Ragged.of_texts([])
        inputs = self._read(inputs)
        lengths = collate.lengths(inputs)
        # Rows of like length together: padding is work for nothing, and answers of like length end together.
        order = np.arange(rows) if lengths is None else np.argsort(lengths, kind="stable")
        found = []
        tokens, first = _tokens(), 0
        while first < rows:
            some = order[first : first + self._together(None if lengths is None else lengths[order[first:]])]
            with torch.inference_mode():
                tensors = collate.to_torch(inputs, some)
                texts = self.network.module.write(tensors, beams=self.beams, longest=self.longest)
            found.append(Ragged.of_texts([tokens.written(text.tokens, self.tokens) for text in texts]))
            first += len(some)
        return joined(found)[np.argsort(order, kind="stable")]

    def _together(self, lengths: Array | None) -> int:
        """How many of the rows are written at once. lengths: of what is read, the shortest first."""
        most = max(TOGETHER // self.beams, 1)
        kept = int(getattr(self.network.module, "kept_of_step", 0)) * self.beams
        if lengths is None or not kept:
            return most
        fits = np.arange(1, min(most, len(lengths)) + 1) * lengths[:most] * kept <= NUMBERS
        return max(int(fits.sum()), 1)

    def _read(self, inputs: Inputs) -> Inputs:
        """What the network reads."""
        prefix = self.network.settings.get("prefix")
        if prefix:
            return _tokens().prefixed(inputs, prefix, self.tokens)
        if not self.reads:
            return inputs
        ((name, letters),) = collate.parts(inputs).items()
        return Tensors(
            {name + collate.OWN: _tokens().again(letters, State({"longest": self.reads}, self.tokens.arrays))}
        )

    def state(self) -> State:
        values = {"beams": self.beams, "longest": self.longest, "reads": self.reads}
        return State({**values, **self.tokens.values}, self.tokens.arrays, _members.pack([self.network]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        beams, longest = checked.whole("beams", 1, MOST_BEAMS), checked.whole("longest", 1, MOST_TOKENS)
        # Those of before this could be told read tokens of their own.
        reads = checked.whole("reads", 0, MOST_TOKENS) if "reads" in state.values else 0
        if len(state.arrays) != 1:
            raise checked.fail("it lacks the merged pairs of its tokens, or a tokenizer")
        ((name, array),) = state.arrays.items()
        checked.known(name)
        own = {} if "sha256" not in state.values else {"sha256": checked.optional("sha256")}
        checked.end(parts=True)
        array, tokens = np.ascontiguousarray(array), _tokens()
        learned = State(own, {name: array})
        try:
            tokens.check(_long(learned))
        except BundleError as error:
            raise checked.fail(error.message.rstrip(".").replace("a text column", "what is written")) from None
        (network, *more) = _members.unpack(state)
        if more or not isinstance(network, registry.find("forms", "network")):
            raise checked.fail("it is written by one network")
        model = registry.find("models", network.model)
        if network.work.task != TASK or TASK not in model.tasks:
            raise checked.fail(f"'{network.model[:40]}' does not write texts")
        (words,) = tokens.shape(_long(learned)).size
        given = isinstance(model, Wording)
        if given != bool(own):
            raise checked.fail("it is written in tokens that were learned, and the network has its own, or the reverse")
        # A pretrained network may have vectors for more tokens than there are.
        if words != network.work.outputs and not (given and words < network.work.outputs):
            raise checked.fail(f"the network writes {network.work.outputs} tokens, and {words} are known")
        ((name, shape),) = network.work.shapes.items()
        if name.endswith(collate.OWN) != bool(reads) or (reads and (shape.kind, shape.size) != ("tokens", (words,))):
            raise checked.fail("the network reads other tokens than it writes")
        if given and (shape.kind, shape.size) != ("tokens", (words,)):
            raise checked.fail("the network reads other tokens than it writes")
        return cls(network, learned, longest, beams, reads)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a text is written token by token, as long as it takes: torch writes it, no graph does")


def _long(tokens: State) -> State:
    """The state of tokens as of a column: how long a text was cut is not needed to write."""
    return State({"longest": 2, **tokens.values}, tokens.arrays)


def _tokens() -> Any:
    """What encodes texts as tokens, and writes tokens as texts."""
    return registry.find("features", "text").tensor


form = Written
