"""The training loop of luban against loops that people write by hand, and against other trainers.

CPU seconds on one thread, in turns, the same model from the same weights, the same batches and the same optimiser,
clipping and schedule in all. Signals are on in luban's loop. Peers live in environments of their own: `--peer
transformers=PYTHON --peer lightning=PYTHON --peer skorch=PYTHON`.

Figures: loop-ratio-<network> (luban / by hand; networks whose step takes 1 ms or more, and small-<network> below that);
step-milliseconds-<network>; outside-step-share (CPU of luban's loop that is not forward, backward or optimiser);
padding-waste-by-length and padding-waste-shuffled (texts); trainer-cpu-ratio (CPU that Hugging Face's Trainer with its
defaults needs to the same loss on texts of unequal length, over luban's); lightning-ratio, skorch-ratio (luban /
other).
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import harness

ROUNDS, QUICK_ROUNDS = 5, 3
SECONDS, QUICK_SECONDS = 3.0, 0.4
"""CPU seconds of one measurement, at least about."""
STEPS = 320
"""Steps of one measurement, at least. The first ten of a training are looked at closely; a training has hundreds."""
SMALL = 0.001
"""CPU seconds of a step below which a network is small."""
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A network with rows to train on."""

    name: str
    model: str
    settings: dict[str, Any]
    inputs: Any
    target: np.ndarray[Any, Any]
    work: Any
    batch_size: int
    tokens: int | None = None


def cases(seed: int) -> list[Case]:
    """Networks of the field at the sizes of small data; the rows are random, which costs what real ones cost."""
    from luban.batch import Ragged, Tensors
    from luban.protocols import Shape, Work

    random = np.random.default_rng(seed)

    def work(shapes: dict[str, Shape], rows: int, width: int = 0) -> Work:
        return Work("multiclass", 10, rows, width, shapes=shapes)

    def classes(rows: int) -> np.ndarray[Any, Any]:
        return random.integers(0, 10, rows)

    table = random.normal(size=(4096, 64)).astype(np.float32)
    images = random.integers(0, 255, (1024, 1, 28, 28)).astype(np.uint8)
    lengths = np.clip(np.exp(random.normal(math.log(40), 0.72, 1024)), 4, 512).astype(int)
    tokens = Ragged.of([random.integers(5, 4000, length).astype(np.int32) for length in lengths])
    steps = Ragged.of([random.normal(size=(50, 6)).astype(np.float32) for _ in range(1024)])
    vector, image = {"table": Shape("vector", (64,))}, {"image": Shape("image", (1, 28, 28), 1, (72.0,), (90.0,))}
    series = {"series": Shape("sequence", (6,), 50, (0.0,) * 6, (1.0,) * 6)}
    text = {"text": Shape("tokens", (4000,), 512)}
    budget = 32 * 40
    return [
        Case("mlp-64-64", "mlp", {"units": (64, 64)}, table, classes(4096), work(vector, 4096, 64), 32),
        Case("mlp-512-512", "mlp", {"units": (512, 512)}, table, classes(4096), work(vector, 4096, 64), 128),
        Case("cnn", "cnn", {}, Tensors({"image": images}), classes(1024), work(image, 1024), 32),
        Case("lstm", "lstm", {}, Tensors({"series": steps}), classes(1024), work(series, 1024), 32, 32 * 50),
        Case("transformer", "transformer", {}, Tensors({"text": tokens}), classes(1024), work(text, 1024), 32, budget),
    ]


def train_of(case: Case, epochs: int) -> Any:
    """The recipe's part: everything decided, so that nothing is measured within the measurement."""
    from luban.recipe.recipe import Train

    return Train(
        epochs=epochs,
        batch_size=case.batch_size,
        tokens=case.tokens or "auto",
        learning_rate=1e-3,
        stopping=0.0,
        augment={},
        precision="float32",
        device="cpu",
        patience=5,
    )


def by_luban(case: Case, epochs: int, seed: int) -> float:
    """CPU seconds of luban's training, signals on."""
    from luban.batch import Batch
    from luban.recipe.recipe import Candidate
    from luban.training import gradient
    from luban.training.request import Asked

    lines: list[Any] = []
    batch, candidate = Batch(case.inputs, case.target), Candidate(model=case.model, settings=case.settings)
    started = time.process_time()
    gradient.fit(batch, case.work, candidate, Asked(train_of(case, epochs), seed, tell=lines.append))
    return time.process_time() - started


def by_hand(case: Case, epochs: int, seed: int, parts: dict[str, float] | None = None) -> float:
    """CPU seconds of the loop as one writes it, over the same batches. parts: collects the seconds of its steps."""
    import torch
    from torch.nn.functional import cross_entropy

    from luban import collate
    from luban.forms.network import build
    from luban.training import batches, optimizing

    train = train_of(case, epochs)
    started = time.process_time()
    torch.manual_seed(seed)
    module = build(case.model, case.settings, case.work)
    module.train()
    decayed = [p for p in module.parameters() if p.ndim > 1]
    others = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    lengths = collate.lengths(case.inputs)
    order = batches.Order(len(case.target), case.batch_size, seed, train.tokens if case.tokens else None, lengths)
    steps = order.steps * epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: optimizing.factor("cosine", 0.05, s, steps))
    target = torch.from_numpy(case.target)
    losses = []
    for epoch in range(epochs):
        for rows in order.epoch(epoch):
            tensors, truth = collate.to_torch(case.inputs, rows), target[torch.from_numpy(rows)]
            began = time.process_time()
            loss = cross_entropy(module(tensors), truth)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            schedule.step()
            if parts is not None:
                parts["steps"] = parts.get("steps", 0.0) + time.process_time() - began
    return time.process_time() - started


def figures(options: harness.Options) -> list[harness.Figure]:
    import torch

    torch.set_num_threads(1)
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    found, outside = [], []
    for case in cases(options.seed):
        # What torch does once is behind it when it is timed.
        by_hand(case, 1, options.seed)
        parts: dict[str, float] = {}
        whole = by_hand(case, 1, options.seed, parts)
        steps = len(_order(case, options.seed))
        epochs = math.ceil((QUICK_SECONDS if options.quick else SECONDS) / whole)
        if not options.quick:
            epochs = max(epochs, math.ceil(STEPS / steps))
        step = parts["steps"] / steps
        small = step < SMALL
        ratio, low, high = harness.paired(
            lambda case=case, epochs=epochs: by_luban(case, epochs, options.seed),  # type: ignore[misc]
            lambda case=case, epochs=epochs: by_hand(case, epochs, options.seed),  # type: ignore[misc]
            rounds,
        )
        name = f"loop-ratio-{'small-' if small else ''}{case.name}"
        how = f"luban / by hand, CPU seconds, one thread, in turns, {rounds} rounds of {epochs * steps} steps"
        found.append(harness.Figure(name, ratio, low, high, ("<=", 1.08 if small else 1.03), how))
        found.append(harness.Figure(f"step-milliseconds-{case.name}", step * 1e3, how="CPU of a step by hand"))
        outside.append(max(ratio * whole - parts["steps"], 0.0) / (ratio * whole))
        harness.say(f"{case.name}: {ratio:.3f} of a loop by hand, {step * 1e3:.2f} ms a step")
    how = "1 - steps / all CPU of the loop, the largest of the networks"
    found.append(harness.Figure("outside-step-share", max(outside), how=how))
    return [*found, *_padding(options), *_peers(options)]


def _order(case: Case, seed: int) -> list[Any]:
    from luban import collate
    from luban.training import batches

    lengths = collate.lengths(case.inputs)
    return batches.Order(len(case.target), case.batch_size, seed, case.tokens, lengths).epoch(0)


def _padding(options: harness.Options) -> list[harness.Figure]:
    from luban import collate
    from luban.training import batches

    text = next(case for case in cases(options.seed) if case.name == "transformer")
    lengths = collate.lengths(text.inputs)
    assert lengths is not None, "texts have lengths"
    by_length = batches.Order(len(lengths), text.batch_size, options.seed, text.tokens, lengths).waste()
    shuffled = batches.Order(len(lengths), text.batch_size, options.seed).epoch(0)
    padded = sum(len(rows) * int(lengths[rows].max()) for rows in shuffled)
    how = f"share of padding, lengths of median {int(np.median(lengths))}, 95% below {int(np.quantile(lengths, 0.95))}"
    return [
        harness.Figure("padding-waste-by-length", by_length, how=how),
        harness.Figure("padding-waste-shuffled", 1 - float(lengths.sum()) / padded, how=how),
    ]


def _peers(options: harness.Options) -> list[harness.Figure]:
    """The trainers of other libraries, each in its own environment, on the cases that they are compared on."""
    wanted = {
        "transformers": ("trainer-cpu-ratio", (">=", 3.0), "CPU of Trainer's defaults to the same loss / luban's"),
        "lightning": ("lightning-ratio", None, "luban / lightning, CPU of the same steps"),
        "skorch": ("skorch-ratio", None, "luban / skorch, CPU of the same steps"),
    }
    found = []
    for peer, (name, goal, how) in wanted.items():
        python = options.peers.get(peer)
        if python is None:
            reason = f"give --peer {peer}=PYTHON, an interpreter that has luban[nets] and {peer}"
            found.append(harness.Figure(name, None, goal=goal, how=how, reason=reason))
            continue
        command = [python, str(HERE / "trainers.py"), peer, str(options.seed), "quick" if options.quick else "full"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            found.append(harness.Figure(name, None, goal=goal, how=how, reason=done.stderr.strip()[-300:]))
            continue
        told = json.loads(done.stdout.strip().splitlines()[-1])
        goal = goal if told.get("judged", True) else None
        found.append(harness.Figure(name, told["value"], told["low"], told["high"], goal, f"{how}; {told['how']}"))
    return found


if __name__ == "__main__":
    harness.main(__doc__, figures)
