"""Hugging Face's trainer: `trainer_state.json`, or the folder of a checkpoint that holds one.

By its option `logging_nan_inf_filter` the trainer leaves losses that are not finite out of the mean that it writes. Of
steps that all were like this it writes a loss of exactly 0 beside a gradient norm that is not finite: read as NaN.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from luban.core.errors import DataError
from luban.logs._columns import Row
from luban.logs._tracing import told

NAME = "trainer_state.json"


@final
class TrainerState:
    """Reads the `log_history` of a state; its last line, the summary of the whole training, is left out."""

    certain = True

    def fits(self, path: Path) -> bool:
        return path.name == NAME or (path / NAME).is_file()

    def read(self, path: Path) -> Mapping[str, Sequence[Row]]:
        path = path / NAME if path.is_dir() else path
        try:
            document: Any = json.loads(path.read_text(encoding="utf-8"))
            history = [dict(line) for line in document["log_history"]]
        except (ValueError, KeyError, TypeError):
            raise DataError(
                "it has no list 'log_history', as the trainer writes it.",
                where=str(path),
                fix="give another checkpoint",
            ) from None
        return {"": [_unfiltered(row) for row in told(line for line in history if "train_runtime" not in line)]}


def _unfiltered(row: Row) -> Row:
    filtered = row.get("loss") == 0 and not math.isfinite(row.get("grad_norm", 0.0))
    return {**row, "loss": math.nan} if filtered else row


log = TrainerState()
