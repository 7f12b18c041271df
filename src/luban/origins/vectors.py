"""Vectors of what pretrained models read: of length 1, so that their products are cosines."""

from __future__ import annotations

import numpy as np

from luban.batch import Array

SMALLEST = 1e-12
"""A vector that is shorter has no direction."""


def of_length_one(vectors: Array) -> Array:
    """(rows, width) vectors in the same directions.

    >>> of_length_one(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SMALLEST))
