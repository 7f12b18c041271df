"""What networks share before torch is imported: kinds of data, which work they decline, and their place in `auto`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field

from luban.collate import TABLE
from luban.models import _answering
from luban.protocols import Entry, Shape, Work
from luban.recipe.recipe import Candidate

PREDICTED = _answering.PREDICTED
"""The tasks with a target of its own in every row."""
STEPWISE = _answering.STEPWISE
"""Those, and the one that asks for several steps of a series."""
FEWEST_WINDOWS = 500
"""Windows of series below which a network learns less than its time is worth; it can be asked for by name."""

Activation = Literal["sigmoid", "tanh", "relu", "gelu", "silu"]
"""What each unit makes of its sum."""
Normalisation = Literal["batch", "layer", "none"]
"""By the rows of a batch (Ioffe and Szegedy, 2015), or within each row (Ba et al., 2016)."""
Pooling = Literal["max", "average"]
Summary = Literal["mean", "max", "last"]
"""How the states of all steps become one line: their mean, their largest values, or the state of the last step."""
Kernel = Literal[1, 3, 5, 7, 9, 11]
"""Odd, so that a kernel has a middle."""
Units = Annotated[int, Field(ge=1, le=10_000)]
Layers = Annotated[int, Field(ge=1, le=48)]
Share = Annotated[float, Field(ge=0, lt=1)]

TAGGING = "tagging"
"""The task that asks for an answer to each step of what is read."""
SPANS = "question-answering"
"""The task that asks where in a text an answer begins and ends."""
PAIRS = "similarity"
"""The task that compares the two texts of a row."""
_WORDS = {"vector": "numbers", "tokens": "texts", "words": "words", "image": "images", "sequence": "series or sounds"}


def shapes(work: Work) -> dict[str, Shape]:
    """The parts of a row in the order of their names, whichever order they were written in; a matrix is one part."""
    parts: Mapping[str, Shape] = work.shapes or {TABLE: Shape("vector", (work.width,))}
    return {name: parts[name] for name in sorted(parts)}


def kinds(work: Work) -> frozenset[str]:
    """The kinds of shapes that a row has."""
    return frozenset(shape.kind for shape in shapes(work).values())


def declines(takes: frozenset[str], work: Work) -> str | None:
    """Why a network that takes these kinds does not do this work; None where it does."""
    if find_spec("torch") is None:
        return "it needs the package 'torch', which is not installed: pip install 'luban[nets]'."
    if work.sparse and not work.shapes:
        return "networks read texts as tokens, and this matrix is sparse; linear takes it."
    if not takes & kinds(work):
        able, here = (" or ".join(_WORDS[kind] for kind in sorted(some)) for some in (takes, kinds(work)))
        return f"it is for {able}, and the columns hold {here}."
    return None


def tags(work: Work) -> bool:
    """Whether each step is answered, rather than the row."""
    return work.task == TAGGING


def spans(work: Work) -> bool:
    """Whether a piece of what is read is the answer."""
    return work.task == SPANS


def pairs(work: Work) -> bool:
    """Whether the two texts of a row are compared."""
    return work.task == PAIRS


def too_few(work: Work) -> bool:
    """Whether a series has too few windows for `auto` to try networks."""
    return work.task == "forecasting" and work.rows < FEWEST_WINDOWS


def entry(order: int, model: str) -> tuple[Entry, ...]:
    """The one candidate of a model that `auto` tries at its defaults."""
    return (Entry(order, Candidate(model=model)),)
