"""The vectors of single texts by a bundle that compares pairs of them: each text was read without the other, so what
was learned of pairs can be stored, and searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban import collate
from luban.batch import Array
from luban.core import registry
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.origins.vectors import of_length_one
from luban.protocols import Pairing
from luban.verbs.bundle import Bundle, is_bundle, load
from luban.verbs.one_column import column_of

if TYPE_CHECKING:
    from luban.data.dataset import Dataset
    from luban.data.tensor_preprocessor import TensorPreprocessor
    from luban.schema.schema import Schema

STEPS = 1 << 14
"""Tokens that pass the network together, padding among them."""


@final
@dataclass(frozen=True, eq=False)
class Half:
    """What reads one column of texts as either side of a pair. network: a torch module with one encoder for both.

    preprocessor: of that column alone.
    """

    schema: Schema
    preprocessor: TensorPreprocessor
    network: Any

    @property
    def column(self) -> str:
        return self.schema.inputs[0].name

    @property
    def width(self) -> int:
        return int(self.network.encoder.width)

    def of_rows(self, rows: pl.DataFrame) -> Array:
        """(rows, width) of length 1, of the column that it reads."""
        return self.vectors(rows[self.column].cast(pl.String))

    def vectors(self, values: Sequence[str | None] | pl.Series) -> Array:
        """(values, width) float64 of length 1."""
        import torch

        column = values if isinstance(values, pl.Series) else pl.Series(self.column, values, pl.String)
        inputs = self.preprocessor.transform(column.alias(self.column).to_frame())
        found, lengths = np.empty((len(column), self.width)), collate.lengths(inputs)
        assert lengths is not None, "texts are ragged"
        (name,) = inputs.parts
        for numbers in collate.pieces(np.argsort(lengths, kind="stable"), lengths, STEPS):
            read = collate.to_torch(inputs, numbers)
            with torch.inference_mode():
                found[numbers] = self.network.encoder(read[name], read[name + collate.LENGTHS]).numpy()
        return of_length_one(found)


def found(name: str) -> Bundle | None:
    """The bundle of this name, if it is one that compares pairs of texts."""
    bundle = load(name) if is_bundle(name) else None
    if bundle is None or not isinstance(registry.find("tasks", bundle.stored.facts["task"]), Pairing):
        return None
    return bundle


def of(bundle: Bundle, dataset: Dataset, text: str | None) -> Half:
    """What reads a column of the data set, by a bundle that compares pairs.

    text: the column; the only one with texts where nothing is said. Raises UsageError where that is open, and for a
    bundle whose model has no vectors.
    """
    require("torch", extra="nets", purpose="reading texts by a network")
    from luban.data import encoders
    from luban.data.tensor_preprocessor import TensorPreprocessor

    if bundle.stored.form_kind != "network":
        chosen = bundle.stored.evidence["evaluation"]["chosen"]["label"]
        raise UsageError(
            f"{chosen} answers in this bundle, and it has no vectors of texts.",
            where="--from",
            fix="luban fit PAIRS --task similarity --from minilm --model pretrained-text",
        )
    schema = column_of(dataset, text)
    part = encoders.parts(encoders.rebuild(bundle.stored.preprocessor))[0]
    read = TensorPreprocessor((replace(part, column=schema.inputs[0].name),), None)
    return Half(schema, read, bundle.network)
