"""Texts that a network writes, token by token, and the tokens that it writes them with.

What lies in a bundle are the network and the merged pairs of its tokens, as numbers; no tokenizer of another library.
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
from luban.protocols import Builder, NoGraph, State

MOST_BEAMS = 64
MOST_TOKENS = 100_000
TOGETHER = 256
"""Texts that are written at once, beams counted: all go on until the last has ended."""
TASK = "sequence-to-sequence"


@final
@dataclass(frozen=True, eq=False)
class Written:
    """network: the form of an encoder with its decoder, whose outputs are the tokens. merges: (pairs, 2) int32, see
    `features/text/tokens.py`. longest: tokens that are written at most, as many as the longest text of the training
    has. beams: texts that are followed at once; 1 takes the likeliest token each time. reads: what is read comes letter
    by letter, and is cut into so many of the same tokens at most; 0 where it comes in tokens of its own.
    """

    kind: ClassVar[str] = "written"
    network: Any
    merges: Array
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
        size = max(TOGETHER // self.beams, 1)
        found = []
        tokens, state = _tokens(), self._learned
        for first in range(0, rows, size):
            with torch.inference_mode():
                tensors = collate.to_torch(inputs, order[first : first + size])
                texts = self.network.module.write(tensors, beams=self.beams, longest=self.longest)
            found.append(Ragged.of_texts([tokens.written(text.tokens, state) for text in texts]))
        return joined(found)[np.argsort(order, kind="stable")]

    def _read(self, inputs: Inputs) -> Inputs:
        """What the network reads."""
        if not self.reads:
            return inputs
        ((name, letters),) = collate.parts(inputs).items()
        return Tensors(
            {name + collate.OWN: _tokens().again(letters, State({"longest": self.reads}, self._learned.arrays))}
        )

    @property
    def _learned(self) -> State:
        # How long a text of the training was cut to is not needed to write.
        return State({"longest": 2}, {"merges": self.merges})

    def state(self) -> State:
        values = {"beams": self.beams, "longest": self.longest, "reads": self.reads}
        return State(values, {"merges": self.merges}, _members.pack([self.network]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        beams, longest = checked.whole("beams", 1, MOST_BEAMS), checked.whole("longest", 1, MOST_TOKENS)
        # Those of before this could be told read tokens of their own.
        reads = checked.whole("reads", 0, MOST_TOKENS) if "reads" in state.values else 0
        if "merges" not in state.arrays:
            raise checked.fail("it lacks the merged pairs of its tokens")
        checked.known("merges")
        checked.end(parts=True)
        merges, tokens = np.ascontiguousarray(state.arrays["merges"]), _tokens()
        learned = State({"longest": 2}, {"merges": merges})
        try:
            tokens.check(learned)
        except BundleError as error:
            raise checked.fail(error.message.rstrip(".").replace("a text column", "what is written")) from None
        (network, *more) = _members.unpack(state)
        if more or not isinstance(network, registry.find("forms", "network")):
            raise checked.fail("it is written by one network")
        if network.work.task != TASK or TASK not in registry.find("models", network.model).tasks:
            raise checked.fail(f"'{network.model[:40]}' does not write texts")
        (words,) = tokens.shape(learned).size
        if words != network.work.outputs:
            raise checked.fail(f"the network writes {network.work.outputs} tokens, and {words} are known")
        ((name, shape),) = network.work.shapes.items()
        if name.endswith(collate.OWN) != bool(reads) or (reads and (shape.kind, shape.size) != ("tokens", (words,))):
            raise checked.fail("the network reads other tokens than it writes")
        return cls(network, merges, longest, beams, reads)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a text is written token by token, as long as it takes: torch writes it, no graph does")


def _tokens() -> Any:
    """What encodes texts as tokens, and writes tokens as texts."""
    return registry.find("features", "text").tensor


form = Written
