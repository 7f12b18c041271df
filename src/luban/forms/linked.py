"""A network's sums for several targets: each stretch of them has a link of its own and its own unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, dense
from luban.forms import _links, _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State

LINKS = ("identity", "softmax")
"""What may follow the sums of a target: those that give as many answers as there are sums."""


@final
@dataclass(frozen=True, eq=False)
class Linked:
    """links, widths: of each stretch. scale, offset: (outputs,) float64, by which answers are multiplied and moved."""

    kind: ClassVar[str] = "linked"
    member: Form
    links: tuple[str, ...]
    widths: tuple[int, ...]
    scale: Array
    offset: Array

    @property
    def width(self) -> int:
        return self.member.width

    @property
    def output_width(self) -> int:
        return self.member.output_width

    def outputs(self, inputs: Inputs) -> Array:
        raw = dense(self.member.outputs(inputs))
        parts = np.split(raw, np.cumsum(self.widths)[:-1], axis=1)
        answers = [_links.apply(link, part) for link, part in zip(self.links, parts, strict=True)]
        return np.concatenate(answers, axis=1) * self.scale + self.offset

    def state(self) -> State:
        values = {"links": list(self.links), "widths": list(self.widths)}
        return State(values, {"scale": self.scale, "offset": self.offset}, _members.pack([self.member]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        links, widths = checked.optional("links"), checked.optional("widths")
        members = _members.unpack(state)
        outputs = members[0].output_width
        scale, offset = (checked.array(name, "float64", outputs) for name in ("scale", "offset"))
        checked.end(parts=True)
        if len(members) != 1:
            raise checked.fail("it follows one form")
        if not isinstance(links, list) or not all(link in LINKS for link in links):
            raise checked.fail(f"its links are not of {', '.join(LINKS)}")
        whole = isinstance(widths, list) and all(isinstance(n, int) and not isinstance(n, bool) for n in widths)
        if not whole or len(widths) != len(links) or min(widths, default=0) < 1 or sum(widths) != outputs:
            raise checked.fail(f"its stretches do not make up the {outputs} sums")
        return cls(members[0], tuple(links), tuple(widths), scale, offset)

    def graph(self, builder: Builder, inputs: str) -> str:
        raw, answers, first = self.member.graph(builder, inputs), [], 0
        for link, width in zip(self.links, self.widths, strict=True):
            places = builder.constant(np.arange(first, first + width, dtype=np.int64))
            answers.append(_links.draw(link, builder, builder.node("Gather", raw, places, axis=1)))
            first += width
        side = builder.node("Concat", *answers, axis=1)
        scaled = builder.node("Mul", side, builder.constant(self.scale))
        return builder.node("Add", scaled, builder.constant(self.offset))


form = Linked
