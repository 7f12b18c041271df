"""The numbers by which a bundle's autoencoder says rows: what was learned of rows without a label, for a fit with few.

Rows are read as the bundle reads them. Codes are as they come, not of length 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from luban import collate
from luban.batch import Array
from luban.core.lazy import require
from luban.data.check import conform
from luban.schema.schema import Schema
from luban.verbs.bundle import is_bundle, load

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

MODEL = "autoencoder"
AT_ONCE = 256
"""Rows that pass the network together."""


@final
@dataclass(frozen=True, eq=False)
class Codes:
    """What says rows of one bundle. answerer: how its rows are read. network: the autoencoder, a torch module."""

    answerer: Answerer
    network: Any

    @property
    def schema(self) -> Schema:
        return self.answerer.schema

    @property
    def width(self) -> int:
        return int(self.network.from_code[0].in_features)

    def of_rows(self, rows: pl.DataFrame) -> Array:
        """(rows, width) float64. Raises DataError that names column and row where a value does not fit."""
        import torch

        inputs = self.answerer.preprocessor.transform(conform(rows, self.schema, where="the rows"))
        found = np.empty((len(rows), self.width))
        for first in range(0, len(rows), AT_ONCE):
            numbers = np.arange(first, min(first + AT_ONCE, len(rows)))
            with torch.inference_mode():
                found[numbers] = self.network.encode(collate.to_torch(inputs, numbers)).numpy()
        return found


def found(name: str) -> Codes | None:
    """What says rows of the bundle of this name; None where it is no bundle, or one of another model."""
    if not is_bundle(name):
        return None
    bundle = load(name)
    stored = bundle.stored
    if stored.form_kind != "network" or stored.form.values.get("model") != MODEL:
        return None
    require("torch", extra="nets", purpose="reading rows by a network")
    return Codes(bundle.answerer, bundle.network)
