"""Trains a wide network where memory is short: `python short_of_memory.py FOLDER MORE RATE`.

MORE: bytes beyond what the process holds before it trains, 0 for any number. RATE: the learning rate, or `auto`, which
is found by training. Prints what was decided, and a fingerprint
of what the network answers, rounded.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import deciding, gradient  # noqa: F401 - loaded before the memory is limited
from luban.training.network_fit import NetworkFit
from luban.training.unit import WHOLE, Unit
from luban.training.work_folder import WorkFolder

ROWS = 4096
WIDE = Candidate(model="mlp", settings={"units": [4096], "dropout": 0.0, "normalisation": "none"})
"""Of all rows one layer's activations are 67 MB, of which a step holds several."""
HOW = Train(
    epochs=1, batch_size=ROWS, learning_rate=0.001, augment={}, precision="float32", device="cpu", patience=5,
    stopping=0.0, threads=1, checkpoint_seconds=1000.0, warmup=0.0,
)  # fmt: skip


def main(path: str, more: str, rate: str) -> None:
    torch.set_num_threads(1)
    folder = WorkFolder(Path(path))
    folder.claim({"recipe": "r"})
    inputs = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    folder.encoded("main").mkdir(parents=True)
    np.save(folder.encoded("main") / "inputs.npy", inputs)
    folder.write_training(
        "main",
        target=(inputs[:, 0] > 0).astype(np.int64),
        weight=None,
        folds=np.full((1, ROWS), -1),
        work=Work("binary", 2, ROWS, 4, shapes={"table": Shape("vector", (4,))}),
        train=Train.model_validate({**HOW.model_dump(), "learning_rate": rate if rate == "auto" else float(rate)}),
    )
    fit = NetworkFit(folder, folder.training("main", 0), Unit(WIDE, WHOLE))
    if int(more):
        status = Path("/proc/self/status").read_text().splitlines()
        held = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmSize"))
        resource.setrlimit(resource.RLIMIT_AS, (held + int(more), resource.RLIM_INFINITY))
    form = fit.run(lambda: False).form
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    choices = fit.choices()
    told = [line["memory"] for line in folder.history() if "memory" in line]
    how = {key: getattr(choices.train, key) for key in ("batch_size", "accumulate")}
    answers = form.outputs(inputs[:100])[:, 1].tolist()
    print(json.dumps({**how, "reasons": dict(choices.reasons), "told": told, "answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
