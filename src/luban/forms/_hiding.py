"""Which tokens of a document are hidden when a masked language model is measured: for every model the same ones."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np

from luban.batch import Array, Ragged
from luban.forms._orders import MARKS

SHARE = 0.15


def hidden(tokens: Array) -> Array:
    """(tokens,) bool: about 15% of the tokens of a document, decided by the document alone; never a mark.

    >>> tokens = np.arange(5, 2005)
    >>> np.array_equal(hidden(tokens), hidden(tokens.copy())), 0.12 < float(hidden(tokens).mean()) < 0.18
    (True, True)
    """
    whole = np.ascontiguousarray(tokens, np.int64)
    drawn = np.random.default_rng(zlib.crc32(whole.tobytes())).random(len(whole))
    return np.asarray((drawn < SHARE) & (whole >= MARKS))


def of_rows(rows: Ragged) -> Array:
    """(all tokens,) bool of all documents one behind the other."""
    offsets = rows.offsets.tolist()
    parts = [hidden(np.asarray(rows.values[low:high])) for low, high in pairwise(offsets)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)
