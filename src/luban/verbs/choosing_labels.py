"""Labels that are chosen by pretrained models made for it: by what follows from a text, by what describes an image.

What answers by the similarity of vectors is in `unlabelled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Inputs, Ragged, Tensors
from luban.core import registry
from luban.core.errors import UsageError
from luban.data.preprocessor import Part
from luban.features.image import reading
from luban.origins import contrastive, entailment, naming
from luban.protocols import State
from luban.recipe.recipe import Features
from luban.schema.schema import Schema
from luban.verbs.answering import Answerer

if TYPE_CHECKING:
    from luban.origins.contrastive import Looking

LONGEST = 256
"""Tokens that are read of a text."""
AT_ONCE, IN_MEMORY = 16, 256
"""Images that pass a tower together, and that are held as pixels."""


def of_texts(name: str, phrases: Mapping[str, str], schema: Schema, some: pl.DataFrame) -> Answerer:
    """What answers texts with these labels, by a classifier that knows what follows from what.

    phrases: the description of each label. schema: of the column that is read, of which `some` are rows: UsageError
    where the tokenizer knows next to nothing of them.
    """
    from luban.data.tensor_preprocessor import TensorPreprocessor

    judge = entailment.opened(naming.find(name))
    features = Features(tokenizer=str(judge.origin.tokenizer), longest=min(LONGEST, judge.longest))
    column = schema.inputs[0].name
    preprocessor = TensorPreprocessor.fit(some, schema, features)
    said = pl.DataFrame({column: [entailment.SENTENCE.format(phrase) for phrase in phrases.values()]})
    told = _texts(preprocessor.transform(said))
    sentences = [told.values[low:high] for low, high in zip(told.offsets, told.offsets[1:], strict=False)]

    def outputs(inputs: Inputs) -> Array:
        return softmax(judge.logits(_texts(inputs), sentences))

    return _answerer(schema, preprocessor, outputs, phrases, features)


def of_images(place: Path, phrases: Mapping[str, str], schema: Schema) -> Answerer:
    """What answers images with these labels, by two towers that learned which text belongs to which image."""
    towers = contrastive.opened(place)
    wanted = towers.texts(list(phrases.values()))

    def outputs(inputs: Inputs) -> Array:
        assert isinstance(inputs, Tensors), "images come as pixels"
        (pixels,) = inputs.parts.values()
        assert isinstance(pixels, np.ndarray), "images are of one size"
        parts = [towers.images(pixels[first : first + AT_ONCE]) for first in range(0, len(pixels), AT_ONCE)]
        near = np.concatenate(parts) @ wanted.T if parts else np.zeros((0, len(wanted)))
        return softmax(towers.scale * near)

    found = _answerer(schema, Pictures(schema.inputs[0].name, towers.looking), outputs, phrases, Features())
    return replace(found, at_once=IN_MEMORY)


def softmax(logits: Array) -> Array:
    """(rows, labels) shares that sum to 1.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _answerer(
    schema: Schema, preprocessor: Any, outputs: Any, phrases: Mapping[str, str], features: Features
) -> Answerer:
    return Answerer(
        schema=schema,
        preprocessor=preprocessor,
        outputs=outputs,
        task=registry.find("tasks", "multiclass"),
        classes=tuple(phrases),
        threshold=None,
        conformal=None,
        features=features,
    )


def _texts(inputs: Inputs) -> Ragged:
    assert isinstance(inputs, Tensors), "texts come as tokens"
    (rows,) = inputs.parts.values()
    assert isinstance(rows, Ragged), "texts differ in length"
    return rows


@final
@dataclass(frozen=True)
class Pictures:
    """Images as one network was taught to see them. column: what is read. looking: how they are resized and cut."""

    column: str
    looking: Looking

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def width(self) -> int:
        """No matrix is given."""
        return 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """The column, so that an image that cannot be read is named with its row."""
        return (Part(self.column, "image", State({})),)

    def transform(self, frame: pl.DataFrame) -> Tensors:
        """(rows, 3, side, side) float32; a missing image is the mean of all."""
        values, side = frame[self.column], self.looking.side
        found = np.zeros((len(values), 3, side, side), np.float32)
        pixels = values.to_numpy() if isinstance(values.dtype, pl.Array) else values.to_list()
        for row, (value, known) in enumerate(zip(pixels, values.is_not_null(), strict=True)):
            if known:
                read = reading.of_pixels(value) if isinstance(value, np.ndarray) else reading.decoded(value)
                found[row] = self.looking.pixels(read)
        return Tensors({self.column: found})

    def baselines(self) -> dict[str, Any]:
        return {self.column: None}

    def state(self) -> State:
        raise UsageError("what a pretrained model sees is in its folder; there is no bundle of it.", where="--from")
