"""Trains networks in processes that are killed at random moments: `python killing.py NAME KILLS SEED FOLDER`.

Prints how many were killed, and the fingerprints of the weights of the uninterrupted training and of the killed one.
Each training runs in a fork of this process, which has imported all that is slow to import and trained nothing.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luban.batch import Batch, Ragged, Tensors
from luban.core import fingerprint
from luban.features.text.byte_pairs import LONGEST_PIECE
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import gradient
from luban.training.request import Asked
from luban.training.writing import LETTERS, TASK

TABLE, IMAGE = Shape("vector", (8,)), Shape("image", (1, 12, 12), 1, (100.0,), (60.0,))
SERIES, TEXT = Shape("sequence", (3,), 12, (0.0,) * 3, (1.0,) * 3), Shape("tokens", (60,), 14)
READ = Shape("tokens", (LETTERS,), 14 * LONGEST_PIECE)
LONGEST = 14
NETWORKS: dict[str, tuple[dict[str, Any], Shape]] = {
    "mlp": ({"units": [32, 32], "dropout": 0.2, "normalisation": "batch"}, TABLE),
    "cnn": ({"channels": [8, 16], "units": [16]}, IMAGE),
    "lstm": ({"units": 16}, SERIES),
    "encoder-decoder": ({"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, READ),
    "transformer": ({"width": 16, "layers": 1, "heads": 2}, TEXT),
}
TRAIN = Train(
    epochs=6, batch_size=16, tokens=16 * 14, learning_rate=0.01, augment={}, precision="float32", device="cpu",
    patience=9, stopping=0.2, ema=0.9, threads=1, checkpoint_seconds=0.01,
)  # fmt: skip


def rows(shape: Shape, count: int = 320) -> Tensors:
    chance = np.random.default_rng(0)
    if shape.kind == "vector":
        return Tensors({"x": chance.normal(size=(count, *shape.size)).astype(np.float32)})
    if shape.kind == "image":
        return Tensors({"x": chance.integers(0, 255, (count, *shape.size)).astype(np.uint8)})
    lengths = chance.integers(1, min(shape.longest, LONGEST) + 1, count)
    if shape.kind == "tokens":
        return Tensors({"x": Ragged.of([chance.integers(5, 60, n).astype(np.int32) for n in lengths])})
    return Tensors({"x": Ragged.of([chance.normal(size=(n, *shape.size)).astype(np.float32) for n in lengths])})


def train(name: str, folder: Path | None, result: Path) -> None:
    """Trains, and writes the fingerprint of the weights."""
    settings, shape = NETWORKS[name]
    inputs = rows(shape)
    batch = Batch(inputs, np.arange(320) % 3)
    work = Work("multiclass", 3, 320, 0, shapes={"x": shape})
    if name == "encoder-decoder":
        words = [f"{'ab'[i % 2] * (1 + i % 5)} {'c' * (i % 4)}" for i in range(320)]
        batch, work = Batch(inputs, Ragged.of_texts(words)), Work(TASK, 1, 320, 0, shapes={"x": shape})
    form = gradient.fit(batch, work, Candidate(model=name, settings=settings), Asked(TRAIN, 0, folder=folder)).form
    state = form.state()
    weights = b"".join(key.encode() + np.ascontiguousarray(state.arrays[key]).tobytes() for key in sorted(state.arrays))
    result.write_text(fingerprint.of_bytes(weights))


def forked(work: Callable[[], None], patience: float | None) -> bool:
    """Runs the work in a fork; kills it when its time is over. Whether it ended by itself."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    handle = os.pidfd_open(child)
    ended, _, _ = select.select([handle], [], [], patience)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(handle)
    if ended and status:
        raise SystemExit(f"the training ended with the status {status}")
    return bool(ended)


def main(name: str, kills: int, seed: int, folder: Path) -> None:
    chance = random.Random(seed)
    started = time.monotonic()
    forked(lambda: train(name, None, folder / "whole"), None)
    longest = time.monotonic() - started
    killed = runs = 0
    results = {(folder / "whole").read_text()}
    while killed < kills:
        place, result = folder / f"run{runs}", folder / f"result{runs}"
        if forked(lambda place=place, result=result: train(name, place, result), chance.uniform(0.0, longest)):  # type: ignore[misc]
            # It came to its end between two kills: that is one more result, and the next one starts anew.
            results.add(result.read_text())
            runs += 1
        else:
            killed += 1
    place, result = folder / f"run{runs}", folder / f"result{runs}"
    forked(lambda: train(name, place, result), None)
    results.add(result.read_text())
    print(json.dumps({"killed": killed, "ended": runs + 1, "results": sorted(results)}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
