"""Whether batches come again in the same order after a training was resumed: their hashes, over runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, final

from luban.core.errors import DataError
from luban.evidence.trace import Trace

BATCHES = 64
"""Batches that are remembered by their hash."""


@final
class Order:
    """The first batches of this run, and of the one before it. Final.

    out: the file in which a watch leaves what it saw; None remembers nothing. resumed: whether the training goes on
    from an earlier one. hashes: of the batches of this run.
    """

    def __init__(self, out: Path | None, resumed: bool) -> None:
        self.hashes: list[str] = []
        self._remembers = out is not None
        self._earlier = _read(out) if out is not None and resumed and out.exists() else []

    def step(self, trace: Trace, number: int, inputs: Any) -> None:
        """Tells of a step: its number, and what went into it."""
        if self._remembers and number < BATCHES and hasattr(inputs, "detach"):
            self.hashes.append(_hash(inputs))
            same = zip(self.hashes, self._earlier, strict=False)
            trace.repeated = sum(one == other for one, other in same) if self._earlier else None


def _read(out: Path) -> list[str]:
    """The hashes that an earlier watch wrote. Raises DataError for a file that is none of its own."""
    try:
        document = json.loads(out.read_text(encoding="utf-8"))
        return [str(one) for one in document["order"]]
    except (ValueError, KeyError, TypeError):
        raise DataError(
            "it is not what an earlier watch has written.", where=str(out), fix="name another file: out=..."
        ) from None


def _hash(values: Any) -> str:
    import torch

    plain = values.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return hashlib.blake2b(plain.numpy().tobytes(), digest_size=8).hexdigest()
