"""Rows of a run as frozen bodies read them: once for all fits, whichever process asks."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np

from luban import collate
from luban.forms import _kept
from luban.training.unit import HELD_BACK, Training
from luban.training.work_folder import VECTORS, WorkFolder


def once(folder: WorkFolder, training: Training) -> AbstractContextManager[None]:
    """While it is held what frozen bodies make of training rows is found again, in this process and in others."""
    if training.tensors is None:
        return nullcontext()
    rows = np.flatnonzero(training.folds[0] != HELD_BACK)
    return _kept.asked(collate.parts(training.tensors[0]), rows, folder.path / VECTORS)
