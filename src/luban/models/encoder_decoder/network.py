"""The network that reads and writes, whichever its kind: teacher forcing here, writing in `_writing.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, nn

from luban.collate import LENGTHS, OWN, WRITTEN
from luban.models._writing import Written, beam
from luban.models.encoder_decoder.lstm import RecurrentPair
from luban.models.encoder_decoder.states import States
from luban.models.encoder_decoder.transformer import AttendingPair
from luban.protocols import Shape


@final
class SequenceToSequence(nn.Module):
    """forward(inputs): (rows, steps, vocabulary) the raw output for what follows each of the target's tokens.

    inputs: the part `<name>` that is read, its lengths, and `<name>.written`, (rows, steps) int64: START and the
        tokens, padded with 0.
    The output at a step depends on the target up to that step alone, so all steps are trained at once.
    """

    def __init__(self, name: str, shape: Shape, vocabulary: int, settings: Any) -> None:
        super().__init__()
        self.name, self.longest = name, settings.longest
        pair = AttendingPair if settings.kind == "transformer" else RecurrentPair
        self.pair = pair(shape, vocabulary, settings, shared=name.endswith(OWN))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.decode(self.encode(inputs), inputs[self.name + WRITTEN])

    def encode(self, inputs: Mapping[str, Tensor]) -> States:
        """What was read: a state for each step."""
        found: States = self.pair.encode(inputs[self.name], inputs[self.name + LENGTHS])
        return found

    def decode(self, states: States, target: Tensor) -> Tensor:
        """(rows, steps, vocabulary) raw outputs for the token behind each of the target's, (rows, steps) int64."""
        answers: Tensor = self.pair.decode(states, target)
        return answers

    def next(self, states: States, token: Tensor) -> tuple[Tensor, States]:
        """(rows, vocabulary) what `decode` says behind one more token of each row, and the states for the one after."""
        found: tuple[Tensor, States] = self.pair.next(states, token)
        return found

    def write(self, inputs: Mapping[str, Tensor], *, beams: int = 1, longest: int | None = None) -> list[Written]:
        """What is written for each row, greedily or by the best of so many beams; at most `longest` tokens."""
        return beam(self.next, self.encode(inputs), longest or self.longest, beams)
