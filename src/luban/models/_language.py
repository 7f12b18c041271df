"""What language models share before torch is imported: their settings, how large a network of a size is, and how it is
trained where nothing is said.

A size is a name, or a number of weights that it may have; width, layers and heads can be said one by one as well.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from luban import collate
from luban.batch import Array, Batch, Ragged
from luban.core import registry
from luban.models import _networks
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section

TAKES = frozenset({"tokens"})
SIZES = {"tiny": (128, 4), "small": (256, 6), "base": (768, 12)}
"""Width and layers of each name; `base` is that of BERT (Devlin et al., 2019) and of the smallest GPT-2."""
ASPECT = 40
"""Width over layers that a number of weights is shared out by: between the tiny and the base size."""
HEAD, LARGE_HEAD = 32, 64
"""Numbers of a head of attention; the larger from a width of `WIDE` on."""
WIDE = 512
STEP_TOKENS = 2_048
"""Tokens of a step where nothing is said; in minutes more steps are worth more than larger ones, by trial."""
USUAL = {
    "optimizer": ("muon", "a small network gets further by it in the same time, by trial"),
    "schedule": ("trapezoid", "its length can be said when half of the time is over"),
}
"""How language models are trained where nothing is said, and why."""
STEPS, MOST_EPOCHS = 3_000, 20
"""Steps of a training where no time was asked for; a corpus that is read more often is learned by heart."""

Auto = Literal["auto"]


class LanguageSettings(Section):
    """Abstract. What can be set about language models."""

    size: Literal["tiny", "small", "base"] = "tiny"
    """The size of the network by name: a width of 128, 256 or 768, and 4, 6 or 12 layers."""
    parameters: Annotated[int, Field(ge=10_000, le=1_500_000_000)] | None = None
    """At most so many weights, in the place of a size by name; those of the vocabulary count."""
    width: Annotated[int, Field(ge=8, le=16_384)] | Auto = Field("auto", union_mode="left_to_right")
    """How many numbers each token is; a multiple of twice the heads. `auto` is that of the size."""
    layers: Annotated[int, Field(ge=1, le=48)] | Auto = Field("auto", union_mode="left_to_right")
    """How many blocks of attention follow each other; `auto` is that of the size."""
    heads: Annotated[int, Field(ge=1, le=512)] | Auto = Field("auto", union_mode="left_to_right")
    """Heads of attention; `auto` takes one for 32 numbers of the width, for 64 from a width of 512 on."""
    context: int = Field(128, ge=8, le=8_192)
    """Tokens that are read at once."""
    dropout: _networks.Share = 0.0
    """Share of what each block adds that is set to 0, while it trains; few passes over much text need none."""


class LanguageNetwork(ABC):
    """Abstract. A network that learns to say tokens of texts, whichever of them it is asked for.

    learning_rate: where nothing is said; small networks bear more than large ones.
    """

    trainer: ClassVar[Literal["gradient"]] = "gradient"
    takes: ClassVar[frozenset[str]] = TAKES
    name: ClassVar[str]
    learning_rate: ClassVar[float]

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else _networks.entry(1, self.name)

    def declines(self, work: Work) -> str | None:
        """Why it is not trained for this work; None where it is."""
        reason = _networks.declines(TAKES, work)
        if reason is None and _networks.kinds(work) != TAKES:
            return "it reads texts alone."
        return reason

    def rate(self, settings: Section) -> tuple[float, str]:
        return self.learning_rate, "the usual one of small language models, for which a range test is too short"

    def epochs(self, steps: int) -> tuple[int, str]:
        count = min(max(math.ceil(STEPS / max(steps, 1)), 1), MOST_EPOCHS)
        return count, f"about {STEPS:,} steps, in 1 to {MOST_EPOCHS} epochs of {steps:,}"

    def batch(self, settings: Section) -> tuple[int, str]:
        assert isinstance(settings, LanguageSettings)
        return rows_of_step(settings.context)

    def usual(self) -> Mapping[str, tuple[str, str]]:
        return USUAL


class Counting(Section):
    """Nothing can be set."""


class CountedTokens(ABC):
    """Abstract. Counts of the very tokens that a network of the task sees; the form of its name holds them."""

    name: ClassVar[str]
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    Settings = Counting

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return None if _networks.kinds(work) == TAKES else "it counts the tokens of texts, and nothing else."

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        ((_, rows),) = collate.parts(batch.inputs).items()
        assert isinstance(rows, Ragged), "texts come as tokens"
        learned: Form = registry.find("forms", self.name).learned(rows, vocabulary(work))
        return learned


@dataclass(frozen=True)
class Dimensions:
    """The sizes of a network with nothing left open."""

    width: int
    layers: int
    heads: int


Count = Callable[[Dimensions], int]
"""How many weights a network of these sizes has."""


def dimensions(settings: LanguageSettings, count: Count) -> Dimensions:
    """The sizes that settings ask for. Raises ValueError where they do not fit each other.

    >>> dimensions(LanguageSettings(size="small"), lambda sizes: 0)
    Dimensions(width=256, layers=6, heads=8)
    """
    width, layers = SIZES[settings.size]
    if settings.parameters is not None:
        width, layers = _within(settings.parameters, count)
    width = width if settings.width == "auto" else settings.width
    layers = layers if settings.layers == "auto" else settings.layers
    heads = _heads(width) if settings.heads == "auto" else settings.heads
    if width % (2 * heads):
        raise ValueError(f"a width of {width} is no multiple of twice its {heads} heads")
    return Dimensions(width, layers, heads)


def _heads(width: int) -> int:
    """
    >>> _heads(128), _heads(768), _heads(40)
    (4, 12, 1)
    """
    head = LARGE_HEAD if width >= WIDE else HEAD
    return width // head if width % head == 0 else 1


def gated(width: int) -> int:
    """Units of a gated feed-forward layer: 8/3 of the width, so that its three matrices weigh what two of 4 do."""
    return -(-8 * width // 3 // 16) * 16


def _within(weights: int, count: Count) -> tuple[int, int]:
    """Width and layers of the network with at most so many weights whose shape is nearest to `ASPECT`."""
    found: list[tuple[float, int, int]] = []
    for layers in range(1, 49):
        step = HEAD
        width = 0
        while count(Dimensions(width + step, layers, 1)) <= weights and width < 16_384:
            width += step
        if width:
            found.append((abs(math.log(width / layers / ASPECT)), width, layers))
    if not found:
        least = count(Dimensions(HEAD, 1, 1))
        raise ValueError(
            f"{weights:,} weights are too few: the smallest network with this vocabulary has {least:,}; "
            "allow more `parameters`, or fewer tokens by features.vocabulary"
        )
    _, width, layers = min(found)
    return width, layers


def vocabulary(work: Work) -> int:
    """How many tokens there are."""
    ((_, shape),) = _networks.shapes(work).items()
    return shape.size[0]


def begins(work: Work) -> Array:
    """(vocabulary,) bool: which tokens begin a word. Raises ValueError where nothing tells it.

    >>> from luban.protocols import Shape
    >>> begins(Work("masked-lm", 1, 1, 0, shapes={"text": Shape("tokens", (10,))}, begins="8640")).astype(int).tolist()
    [1, 0, 0, 0, 0, 1, 1, 0, 0, 1]
    """
    import numpy as np

    size = vocabulary(work)
    if len(work.begins) != 2 * -(-size // 8):
        raise ValueError("nothing says which tokens begin a word")
    found = np.unpackbits(np.frombuffer(bytes.fromhex(work.begins), np.uint8), count=size)
    return np.asarray(found.astype(bool))


def rows_of_step(context: int) -> tuple[int, str]:
    """How many blocks of a context come together in a step, and why.

    >>> rows_of_step(128)
    (16, '16 blocks of 128 tokens make a step of 2,048')
    """
    rows = max(STEP_TOKENS // context, 1)
    return rows, f"{rows} blocks of {context} tokens make a step of {rows * context:,}"
