"""A data type: how the values of one column become numbers, and what a network sees of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from luban.batch import Array, Inputs, Ragged
from luban.evidence.explanation import Unit
from luban.protocols.state import State
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    import polars as pl


class Feature(Protocol):
    """A data type (`features/`): how the values of one column become numbers.

    tensor: how a network sees the column; None where it sees the same numbers as any other model.
    """

    tensor: ClassVar[TensorFeature | None]

    def fit(self, values: pl.Series, settings: Features) -> State:
        """What is learned from the training rows of a column: medians, scales, categories, vocabularies."""

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, width) float32, finite, whatever the values are: missing and unseen ones included."""

    def names(self, column: str, state: State) -> tuple[str, ...]:
        """The name of each of the `width` outputs, starting with the column's."""

    def baseline(self, state: State) -> Any:
        """The value of a row about which nothing is known: the median, the commonest category, an empty text."""

    def unreadable(self, values: pl.Series) -> pl.Series:
        """(rows,) boolean: values that are there but are not of this data type."""

    def check(self, state: State) -> None:
        """Raises BundleError when a state read from a bundle could not come from `fit`."""


class Encoder(Protocol):
    """What turns the columns of rows into what a model sees; learned from training rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""

    @property
    def width(self) -> int:
        """How many numbers a row of a matrix has; 0 for tensors alone."""

    def transform(self, frame: pl.DataFrame) -> Inputs:
        """The rows, each by itself."""

    def baselines(self) -> dict[str, Any]:
        """The value of each column in a row about which nothing is known."""

    def state(self) -> State:
        """All of it as data."""


@dataclass(frozen=True)
class Shape:
    """What a network sees of one part of a row.

    kind, size:  vector    (width,)                    float32, already scaled
                 tokens    (vocabulary,)               int32 numbers of words or pieces; 0 pads
                 words     (vocabulary, numbers)       int32: a word's own number, then those of its pieces; 0 pads
                           (..., tokens, most, each)   behind these, of a tokenizer that was given, those of its
                                                       tokens, at most so many; each: in a row, on average
                 image     (channels, height, width)   uint8
                 sequence  (channels,)                 float32 steps of a series, or frames of a sound
    longest: steps of the longest row; longer rows of tokens or of a sequence are cut to it, those of words are not.
    center, spread: what the values of each channel are standardised by, in the network's first layer; empty for none.
    """

    kind: Literal["vector", "tokens", "words", "image", "sequence"]
    size: tuple[int, ...]
    longest: int = 1
    center: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        tuples = {key: tuple(document[key]) for key in ("size", "center", "spread")}
        return cls(document["kind"], longest=document["longest"], **tuples)

    @property
    def ragged(self) -> bool:
        """Whether rows differ in length."""
        return self.kind in ("tokens", "words", "sequence")

    @property
    def inner(self) -> tuple[int, ...]:
        """The sizes of a row, or of one step of it where rows differ in length; what is looked up has none of its own.

        >>> Shape("tokens", (8_000,)).inner, Shape("words", (9_000, 9)).inner, Shape("sequence", (2,)).inner
        ((), (9,), (2,))
        >>> Shape("words", (9_000, 9, 30_000, 4, 2)).inner
        (13,)
        """
        if self.kind == "words":
            return (sum(self.size[1:4:2]),)
        return () if self.kind == "tokens" else self.size


class TensorFeature(Protocol):
    """How a network sees the values of a column."""

    def fit(self, values: pl.Series, settings: Features) -> State:
        """What is learned from the training rows of a column: a vocabulary, a size, the means of channels."""

    def encode(self, values: pl.Series, state: State) -> Array | Ragged:
        """(rows, *size) for an image, else Ragged; finite, whatever the values are. Each row has at least one step."""

    def shape(self, state: State) -> Shape:
        """What `encode` gives."""

    def check(self, state: State) -> None:
        """Raises BundleError when a state read from a bundle could not come from `fit`."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What a value looks like, for the picture that its pieces are laid over.

    kind, content:  text    the text whose characters the places count
                    words   the list of its words
                    image   (channels, height, width) uint8, as the model sees it
                    sound   (frames, bands) float32: how loud it is, as a logarithm
                    series  (steps, channels) float64
    step: seconds from one frame of a sound to the next.
    """

    kind: Literal["text", "words", "image", "sound", "series"]
    content: Any
    step: float = 1.0


@dataclass(frozen=True, eq=False)
class Cut:
    """One value in the pieces that a person sees.

    units: the pieces, in their order. masked: for (coalitions, pieces) boolean, True for what stays, the value of each
    with the other pieces left out, as a series that the feature reads. regions: (height, width) int64 of an image: the
    number of the piece that each pixel belongs to, in the picture as the model sees it; else None.
    shown: what the value looks like; None where it says nothing.
    """

    units: tuple[Unit, ...]
    masked: Callable[[Array], pl.Series]
    regions: Array | None = None
    shown: Shown | None = None


@runtime_checkable
class Pieced(Protocol):
    """A data type whose values consist of pieces that can be left out one by one: words, regions, stretches."""

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The pieces of the one value in `values`, at most so many: where there are more, neighbours go together.

        A missing value is one piece.
        """
