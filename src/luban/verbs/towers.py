"""Two towers in one space (CLIP): the vectors of images and of texts lie where they can be compared, so that a question
in words finds images, and an image finds texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.data.dataset import Dataset
from luban.origins import contrastive, naming
from luban.schema.schema import Schema
from luban.verbs.choosing_labels import AT_ONCE, IN_MEMORY, Pictures
from luban.verbs.one_column import column_of

if TYPE_CHECKING:
    from luban.origins.contrastive import Contrastive


@final
@dataclass(frozen=True, eq=False)
class Towers:
    """Both towers, and the one column that is read, of images or of texts."""

    schema: Schema
    own: Contrastive

    @property
    def column(self) -> str:
        return self.schema.inputs[0].name

    @property
    def width(self) -> int:
        return int(self.own.network.config.projection_dim)

    def of_rows(self, rows: pl.DataFrame) -> Array:
        """(rows, width) float64 of length 1. Raises DataError for an image that cannot be read."""
        values = rows[self.column]
        if self.schema.inputs[0].kind == "image":
            return self._images(values)
        return self.own.texts(values.cast(pl.String).fill_null("").to_list()) if len(values) else self._none()

    def asked(self, question: str) -> Array:
        """(width,) of a question: of an image where it is the path of a file, else of a text.

        Raises UsageError for a file that is no image.
        """
        if not _is_file(question):
            return self.own.texts([question])[0]
        try:
            return self._images(pl.Series(self.column, [question]))[0]
        except DataError as error:
            raise UsageError(error.message, where="--find", fix="--find picture.jpg, or a text") from None

    def _images(self, values: pl.Series) -> Array:
        for reason in registry.find("features", "image").problems(values):
            if reason is not None:
                raise DataError(f"{reason}.", where=f"column '{self.column}'", fix="replace the image, or leave it out")
        pictures, found = Pictures(self.column, self.own.looking), [self._none()]
        for first in range(0, len(values), IN_MEMORY):
            some = values[first : first + IN_MEMORY].alias(self.column).to_frame()
            pixels = pictures.transform(some).parts[self.column]
            assert isinstance(pixels, np.ndarray), "images are of one size"
            found += [self.own.images(pixels[at : at + AT_ONCE]) for at in range(0, len(pixels), AT_ONCE)]
        return np.concatenate(found)

    def _none(self) -> Array:
        return np.zeros((0, self.width))


def of(name: str, dataset: Dataset, text: str | None) -> Towers | None:
    """The towers of this name, for the one column of images, or where there is none, of texts; None for other models.

    text: the column that is read. Raises UsageError where it is not clear which.
    """
    place = naming.place_of(name)
    if place is None or not contrastive.is_one(place):
        return None
    kinds = {column.name: column.kind for column in dataset.schema.columns}
    images = kinds.get(text) == "image" if text is not None else "image" in kinds.values()
    return Towers(column_of(dataset, text, "image" if images else "text"), contrastive.opened(place))


def _is_file(text: str) -> bool:
    """Whether a text is the path of a file; one that is too long for a path is none."""
    try:
        return Path(text).is_file()
    except OSError:
        return False
