"""Trainers of other libraries, each beside luban's loop: CPU seconds in turns, in the interpreter that has the peer.

    python benchmarks/trainers.py transformers|lightning|skorch SEED quick|full

`training.py` calls it with the Python of `--peer`. The last line of its stdout is {value, low, high, how, judged}.

lightning, skorch: luban's CPU over theirs for the same networks from the same weights, the same batches in the same
order, the same optimiser, clipping and schedule. Their loggers, bars and checkpoints are off.

transformers: the CPU that Hugging Face's Trainer needs to a given loss on rows that nobody learns from, over luban's.
The same network, texts and learning rate. All else is the Trainer's default, as somebody writes it who gives it a
tokenizer: shuffled batches of 8, each padded to its longest. Luban batches by length, and calculates in bfloat16 where
the processor can; where it cannot, the figure is told and not judged.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import training

ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS, QUICK_SECONDS = 1.0, 0.2
"""CPU seconds of one measurement of a loop, about."""
TEXTS, QUICK_TEXTS = 2048, 1024
EPOCHS = 4
CLASSES = 4
TOLD = 0.2
"""Share of a text's tokens that tell its class."""
TELLING = 20
"""Tokens that tell a class."""
LOSS = 0.5
"""The loss to reach; guessing has log(4) = 1.39."""
LEARNING_RATE = 1e-3
BATCH, TOKENS = 8, 8 * 40
"""Texts of a batch as the Trainer makes them, and tokens of as many here: equally many steps an epoch."""

Run = Callable[[training.Case, int, int], float]
"""`run(case, epochs, seed)`: CPU seconds."""


class Steps:
    """The batches of luban's order, as whoever iterates over them wants them: a new epoch each time."""

    def __init__(self, case: training.Case, seed: int) -> None:
        from luban import collate
        from luban.training import batches

        lengths = collate.lengths(case.inputs)
        tokens = case.tokens if lengths is not None else None
        self.case, self.epoch = case, 0
        self.order = batches.Order(len(case.target), case.batch_size, seed, tokens, lengths)

    def __len__(self) -> int:
        return self.order.steps

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        import torch

        from luban import collate

        for rows in self.order.epoch(self.epoch):
            yield collate.to_torch(self.case.inputs, rows), torch.from_numpy(self.case.target[rows])
        self.epoch += 1


def module_of(case: training.Case, seed: int) -> Any:
    """The network of a case with fresh weights."""
    import torch

    from luban.forms.network import build

    torch.manual_seed(seed)
    return build(case.model, case.settings, case.work)


def groups(module: Any) -> list[dict[str, Any]]:
    """The parameters as luban gives them to AdamW: weight decay for those with more than one axis."""
    decayed = [parameter for parameter in module.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in module.parameters() if parameter.ndim <= 1]
    return [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]


def schedule(steps: int) -> Callable[[int], float]:
    from luban.training import optimizing

    return lambda step: optimizing.factor("cosine", 0.05, step, steps)


def by_lightning(case: training.Case, epochs: int, seed: int) -> float:
    """CPU seconds of Lightning's Trainer."""
    import lightning
    import torch
    from torch.nn.functional import cross_entropy

    class Lit(lightning.LightningModule):
        def __init__(self, steps: int) -> None:
            super().__init__()
            self.network, self.steps = module_of(case, seed), steps

        def training_step(self, batch: Any, number: int) -> Any:
            return cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(groups(self.network), lr=LEARNING_RATE, fused=True)
            rate = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(self.steps))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": rate, "interval": "step"}}

    started = time.process_time()
    steps = Steps(case, seed)
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", gradient_clip_val=1.0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Lit(len(steps) * epochs), steps)
    return time.process_time() - started


def by_skorch(case: training.Case, epochs: int, seed: int) -> float:
    """CPU seconds of skorch's NeuralNet."""
    import torch
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping, LRScheduler
    from torch import nn

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module_of(case, seed)

        def forward(self, **tensors: Any) -> Any:
            return self.network(tensors)

    class Net(NeuralNet):
        def get_iterator(self, dataset: Any, training: bool = False) -> Any:
            return steps

        def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Any:
            self.optimizer_ = torch.optim.AdamW(groups(self.module_), lr=LEARNING_RATE, fused=True)
            return self

    started = time.process_time()
    steps = Steps(case, seed)
    rate = LRScheduler(
        policy=torch.optim.lr_scheduler.LambdaLR, lr_lambda=schedule(len(steps) * epochs), step_every="batch"
    )
    net = Net(
        Named, criterion=nn.CrossEntropyLoss, max_epochs=epochs, train_split=None, verbose=0, device="cpu",
        callbacks=[("clip", GradientNormClipping(1.0)), ("rate", rate)],
    )  # fmt: skip
    net.fit(np.zeros((len(case.target), 1), np.float32), case.target)
    return time.process_time() - started


def loops(name: str, other: Run, seed: int, quick: bool) -> dict[str, Any]:
    """The geometric mean over all networks of luban's CPU over another's, each round one pair of each network."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    each: dict[str, list[float]] = {}
    for case in training.cases(seed):
        one = training.by_luban(case, 1, seed)
        other(case, 1, seed)
        epochs = max(1, round((QUICK_SECONDS if quick else SECONDS) / max(one, 1e-3)))
        for number in range(rounds):
            pair: list[float] = []
            for run in (training.by_luban, other) if number % 2 else (other, training.by_luban):
                pair.append(run(case, epochs, seed))
            ours, theirs = pair if number % 2 else pair[::-1]
            each.setdefault(case.name, []).append(ours / theirs)
    means = sorted(np.exp(np.mean(np.log(list(each.values())), axis=0)).tolist())
    told = ", ".join(f"{case} {np.median(ratios):.3f}" for case, ratios in each.items())
    how = f"geometric mean of the networks ({told}), {rounds} rounds, the smallest to the largest; {version(name)}"
    return {"value": float(np.median(means)), "low": means[0], "high": means[-1], "how": how}


def texts(seed: int, count: int) -> training.Case:
    """Texts whose class some of their tokens tell; lengths of median 40, 95% below about 130."""
    from luban.batch import Ragged, Tensors
    from luban.protocols import Shape, Work

    random = np.random.default_rng(seed)
    lengths = np.clip(np.exp(random.normal(math.log(40), 0.72, count)), 4, 512).astype(int)
    target = random.integers(0, CLASSES, count)
    rows = []
    for length, label in zip(lengths, target, strict=True):
        tokens = random.integers(500, 4000, length)
        telling = random.random(length) < TOLD
        tokens[telling] = 5 + label * TELLING + random.integers(0, TELLING, telling.sum())
        rows.append(tokens.astype(np.int32))
    work = Work("multiclass", CLASSES, count, 0, shapes={"text": Shape("tokens", (4000,), 512)})
    return training.Case("texts", "transformer", {}, Tensors({"text": Ragged.of(rows)}), target, work, BATCH, TOKENS)


Curve = list[tuple[float, float]]
"""CPU seconds since the start and the loss on rows that are not learned from, at the end of each epoch."""


def train_of_texts(bfloat16: bool) -> Any:
    from luban.recipe.recipe import Train

    return Train(
        epochs=EPOCHS, batch_size=BATCH, tokens=TOKENS, learning_rate=LEARNING_RATE, stopping=0.2, augment={},
        precision="bfloat16" if bfloat16 else "float32", device="cpu", patience=EPOCHS,
    )  # fmt: skip


def luban_curve(case: training.Case, seed: int, bfloat16: bool) -> Curve:
    """Of luban's loop until the loss is reached, signals on; the time to look at held-out rows counts."""
    from luban.batch import Batch
    from luban.core.errors import Interrupted
    from luban.recipe.recipe import Candidate
    from luban.training import gradient
    from luban.training.request import Asked

    curve: Curve = []
    started = time.process_time()

    def tell(line: Any) -> None:
        if "stopping_loss" in line:
            curve.append((time.process_time() - started, line["stopping_loss"]))

    candidate, batch = Candidate(model=case.model, settings=case.settings), Batch(case.inputs, case.target)
    with contextlib.suppress(Interrupted):
        asked = Asked(train_of_texts(bfloat16), seed, tell=tell, interrupted=lambda: math.isfinite(reached(curve)))
        gradient.fit(batch, case.work, candidate, asked)
    return curve


def trainer_curve(case: training.Case, seed: int) -> Curve:
    """Of Hugging Face's Trainer on the same rows; the time to look at held-out rows does not count."""
    import torch
    import transformers
    from torch import nn
    from torch.nn.functional import cross_entropy

    from luban import collate
    from luban.batch import Batch
    from luban.core import registry
    from luban.training import gathering

    batch, task = Batch(case.inputs, case.target), registry.find("tasks", case.work.task)
    rows = gathering.rows_of(batch, case.work, task, train_of_texts(False), seed)
    tokens = case.inputs.parts["text"]
    target = torch.from_numpy(case.target)

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module_of(case, seed)

        def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None) -> dict[str, Any]:
            logits = self.network({"text": input_ids, "text.lengths": attention_mask.sum(1)})
            return {"loss": cross_entropy(logits, labels), "logits": logits}

    curve: Curve = []
    looked = 0.0

    class Look(transformers.TrainerCallback):
        def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
            nonlocal looked
            at = time.process_time()
            model.eval()
            with torch.inference_mode():
                logits = model.network(collate.to_torch(case.inputs, rows.stopping))
                loss = cross_entropy(logits, target[torch.from_numpy(rows.stopping)]).item()
            model.train()
            curve.append((at - started - looked, loss))
            looked += time.process_time() - at
            control.should_training_stop = math.isfinite(reached(curve))

    examples = [{"input_ids": tokens[np.array([row])].values.tolist(), "labels": int(case.target[row])}
                for row in rows.train]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        arguments = transformers.TrainingArguments(
            output_dir=folder, learning_rate=LEARNING_RATE, num_train_epochs=EPOCHS, report_to="none", seed=seed,
            disable_tqdm=True, use_cpu=True,
        )  # fmt: skip
        trainer = transformers.Trainer(
            model=Classifier(), args=arguments, train_dataset=examples, processing_class=_tokenizer(),
            callbacks=[Look()],
        )  # fmt: skip
        trainer.train()
    return curve


def _tokenizer() -> Any:
    """A tokenizer for the Trainer to pad with; the texts are tokens already."""
    import transformers
    from tokenizers import Tokenizer, models

    words = {f"t{number}": number for number in range(4000)}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t1")), pad_token="t0", unk_token="t1"
    )


def reached(curve: Curve) -> float:
    """CPU seconds until the loss was reached, between two epochs as the logarithm of the loss falls.

    >>> reached([(1.0, 2.0), (2.0, 0.5)])
    2.0
    """
    before = (0.0, math.log(CLASSES))
    for seconds, loss in curve:
        if loss <= LOSS:
            share = (math.log(before[1]) - math.log(LOSS)) / (math.log(before[1]) - math.log(loss))
            return before[0] + share * (seconds - before[0])
        before = (seconds, loss)
    return math.inf


def transformers_trainer(seed: int, quick: bool) -> dict[str, Any]:
    """How many times luban's CPU the Trainer needs to the same loss."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    flags = [flag for flag in _flags() if flag in ("avx512_bf16", "amx_bf16", "avx2", "avx512f", "avx512_vnni")]
    bfloat16 = bool({"avx512_bf16", "amx_bf16"} & set(flags))
    case = texts(seed, QUICK_TEXTS if quick else TEXTS)
    ratios, epochs = [], []
    for number in range(rounds + 1):
        curves: dict[bool, Curve] = {}
        for ours in (True, False) if number % 2 else (False, True):
            curves[ours] = luban_curve(case, seed + number, bfloat16) if ours else trainer_curve(case, seed + number)
        if number:  # the first of all warms both up
            ratios.append(reached(curves[False]) / reached(curves[True]))
            each = [curves[ours][-1][0] / len(curves[ours]) for ours in (True, False)]
            epochs.append(each[1] / each[0])
            print(f"round {number}: luban {_told(curves[True])}; Trainer {_told(curves[False])}", file=sys.stderr)
    if not all(map(math.isfinite, ratios)):
        raise SystemExit(f"the loss of {LOSS} was not reached in {EPOCHS} epochs in every round")
    lengths = case.inputs.parts["text"].lengths
    how = (
        f"held-out loss {LOSS}, {rounds} seeds, the smallest to the largest; texts of median "
        f"{int(np.median(lengths))}, 95% below {int(np.quantile(lengths, 0.95))} tokens; padding "
        f"{_waste(lengths, seed):.0%} there, {_own_waste(case, seed):.0%} here; "
        f"{np.median(epochs):.2f} times the CPU an epoch; luban in "
        f"{'bfloat16' if bfloat16 else 'float32, for the processor has no bfloat16'}, CPU flags "
        f"{' '.join(flags)}; {version('transformers')}"
    )
    ordered = sorted(ratios)
    value = float(np.median(ratios))
    return {"value": value, "low": ordered[0], "high": ordered[-1], "how": how, "judged": bfloat16}


def _told(curve: Curve) -> str:
    return " ".join(f"{seconds:.1f}s:{loss:.3f}" for seconds, loss in curve)


def _waste(lengths: Any, seed: int) -> float:
    """Share of padding in shuffled batches of 8."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    padded = sum(8 * int(lengths[order[first : first + 8]].max()) for first in range(0, len(order), 8))
    return 1 - float(lengths.sum()) / padded


def _own_waste(case: training.Case, seed: int) -> float:
    return Steps(case, seed).order.waste()


def _flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])


def version(package: str) -> str:
    from importlib import metadata

    return f"{package} {metadata.version(package)}, torch {metadata.version('torch')}"


def main(peer: str, seed: str, size: str) -> None:
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    quick = size == "quick"
    # Whatever a library prints must not mix with the answer.
    with contextlib.redirect_stdout(sys.stderr):
        if peer == "transformers":
            found = transformers_trainer(int(seed), quick)
        else:
            found = loops(peer, {"lightning": by_lightning, "skorch": by_skorch}[peer], int(seed), quick)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
