"""How fast a pretrained model is fine-tuned, beside Hugging Face's Trainer; `large.py` calls this.

The model is MiniLM (`minilm`), with a linear head on the first of its states; the texts are those of `throughput.py`:
articles of BBC News (`bbc-news`) cut to a median of 40 tokens, 95% below about 130. All learn the same texts once, from
the same weights, with AdamW at the same rate; texts are tokens already. CPU seconds in one thread, in turns, each round
with other texts: of the whole training, the beginning of the network included. The value is the median of the rounds.

default: the Trainer as it comes: shuffled batches of 8, padded to the longest, float32. best: texts of like length
together, bfloat16 where the processor has it, nothing saved, in batches of 8 or 32, whichever takes less. Luban cuts
batches by a budget of tokens, as many as 8, or 32, texts of the mean length have, in bfloat16 where the processor has
it; its signals are on.

What luban does that the Trainer does not: its products are in bfloat16 (so are those of `best`), those rows of the word
embedding learn whose words occur, the head learns 20 times as fast and lower blocks more slowly. Both leave out the
same shares of states and of attention. So that no speed is bought by learning less, tuning-loss-luban,
tuning-loss-default and tuning-loss-best are the cross-entropy of held-out texts after that epoch, at batches of 8.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

import harness
import throughput
import trainers

TEXTS, QUICK_TEXTS = 192, 24
HELD_OUT, QUICK_HELD_OUT = 200, 24
TOGETHER = 8
"""Held-out texts that the Trainer's network answers at once."""
ROUNDS, QUICK_ROUNDS = 3, 1
SMALL, LARGE = 8, 32
"""Texts of a batch: as the Trainer comes, and more."""
RATE = 5e-5
GOALS = {
    "tuning-default": (("luban-8",), ("trainer-8",), 3.0),
    "tuning-best": (("luban-8", "luban-32"), ("trainer-8-best", "trainer-32-best"), 1.1),
}
"""Whose CPU is below, whose above, of each round the least where there are two; and the goal."""
LOSSES = {
    "tuning-loss-luban": "luban-8",
    "tuning-loss-default": "trainer-8",
    "tuning-loss-best": "trainer-8-best",
}
"""Whose network is asked for held-out texts."""


@dataclass(frozen=True)
class Texts:
    """rows: the tokens of each text with its marks, as MiniLM numbers them. target: the class of each."""

    rows: list[list[int]]
    target: np.ndarray[Any, Any]
    classes: int

    @property
    def lengths(self) -> np.ndarray[Any, Any]:
        return np.array([len(row) for row in self.rows])


@dataclass(frozen=True)
class Tuned:
    """seconds: of CPU. logarithms: of texts, (rows, classes) those of what it thinks of each class."""

    seconds: float
    logarithms: Callable[[Texts], np.ndarray[Any, Any]]

    def loss(self, others: Texts) -> float:
        """The mean cross-entropy."""
        return -float(self.logarithms(others)[np.arange(len(others.rows)), others.target].mean())


def texts(seed: int, count: int, held_out: bool = False) -> Texts:
    """So many texts; held_out: from the other end."""
    import tokenizers

    from luban.data.catalogue import sample_path

    table = throughput.texts(seed)
    every = sorted(set(table["topic"]))
    table = table[-count:] if held_out else table[:count]
    tokenizer = tokenizers.Tokenizer.from_file(str(sample_path("minilm") / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(throughput.LONGEST)
    return Texts(
        [each.ids for each in tokenizer.encode_batch(table["text"].to_list())],
        np.array([every.index(topic) for topic in table["topic"]]),
        len(every),
    )


def by_luban(known: Texts, size: int, bfloat16: bool, seed: int) -> Tuned:
    from luban.batch import Batch, Ragged, Tensors
    from luban.origins import naming
    from luban.protocols import Shape, Work
    from luban.recipe.recipe import Candidate, Train
    from luban.training import deciding, gradient
    from luban.training.request import Asked

    origin = naming.find("minilm")
    places = {number: place for place, number in reversed(list(enumerate(origin.marks)))}

    def read(some: Texts) -> Tensors:
        # Luban's own marks come first, then the numbers of the tokenizer.
        own = [[places.get(number, number + len(origin.marks)) for number in row] for row in some.rows]
        return Tensors({"text": Ragged.of([np.array(row, np.int32) for row in own])})

    inputs = read(known)
    shape = Shape("tokens", (int(origin.config["vocab_size"]) + len(origin.marks),), throughput.LONGEST)
    work = Work("multiclass", known.classes, len(known.rows), 0, shapes={"text": shape})
    candidate = Candidate(model="pretrained-text", settings={"origin": origin.settings()})
    asked = Train(
        epochs=1, batch_size=size, learning_rate=RATE, stopping=0.0, augment={}, patience=1, device="cpu",
        precision="bfloat16" if bfloat16 else "float32",
    )  # fmt: skip
    decided = deciding.sizes_of(Batch(inputs, known.target), work, candidate, asked)
    began = time.process_time()
    form = gradient.fit(Batch(inputs, known.target), work, candidate, Asked(decided, seed)).form
    return Tuned(time.process_time() - began, lambda others: np.log(np.asarray(form.outputs(read(others)))))


def by_trainer(known: Texts, size: int, bfloat16: bool, seed: int, *, best: bool) -> Tuned:
    """best: with the flags that make it quickest; else all but the size of batches is as it comes."""
    import torch
    import transformers

    from luban.data.catalogue import sample_path

    flags: dict[str, Any] = {"per_device_train_batch_size": size}
    if best:
        flags |= {"train_sampling_strategy": "group_by_length", "bf16": bfloat16, "save_strategy": "no"}
    rows = [
        {"input_ids": row, "labels": int(label), "length": len(row)}
        for row, label in zip(known.rows, known.target, strict=True)
    ]
    tokenizer = transformers.AutoTokenizer.from_pretrained(sample_path("minilm"))
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        arguments = transformers.TrainingArguments(
            output_dir=folder, num_train_epochs=1, learning_rate=RATE, report_to="none", disable_tqdm=True,
            use_cpu=True, seed=seed, **flags,
        )  # fmt: skip
        network = throughput.classifier(known.classes)
        trainer = transformers.Trainer(
            model=network, args=arguments, train_dataset=rows, processing_class=tokenizer,
        )  # fmt: skip
        trainer.train()
        seconds = time.process_time() - began

    def logarithms(others: Texts) -> np.ndarray[Any, Any]:
        network.eval()
        found = []
        for first in range(0, len(others.rows), TOGETHER):
            padded = tokenizer.pad({"input_ids": others.rows[first : first + TOGETHER]}, return_tensors="pt")
            with torch.inference_mode():
                logits = network(padded["input_ids"], padded["attention_mask"]).logits
            found.append(torch.log_softmax(logits.float(), dim=1).numpy())
        return np.concatenate(found)

    return Tuned(seconds, logarithms)


def figures(options: harness.Options) -> list[harness.Figure]:
    import torch

    torch.set_num_threads(1)
    flags = [
        flag for flag in trainers._flags() if flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
    ]
    bfloat16 = bool({"avx512_bf16", "amx_bf16"} & set(flags))
    rounds, count = (QUICK_ROUNDS, QUICK_TEXTS) if options.quick else (ROUNDS, TEXTS)
    runs: dict[str, Callable[[Texts, int], Tuned]] = {}
    for size in (SMALL, LARGE):
        runs[f"luban-{size}"] = partial(_luban, size, bfloat16)
        runs[f"trainer-{size}-best"] = partial(_trainer, size, bfloat16, True)
    runs["trainer-8"] = partial(_trainer, SMALL, bfloat16, False)
    few = texts(options.seed, SMALL)
    for run in runs.values():
        run(few, options.seed)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    losses: dict[str, list[float]] = {name: [] for name in LOSSES}
    for number in range(rounds):
        known = texts(options.seed + number, count)
        for name in runs if number % 2 else reversed(runs):
            tuned = runs[name](known, options.seed + number)
            seconds[name].append(tuned.seconds)
            asked = [each for each, whose in LOSSES.items() if whose == name]
            others = texts(options.seed + number, QUICK_HELD_OUT if options.quick else HELD_OUT, held_out=True)
            for each in asked:
                losses[each].append(tuned.loss(others))
        harness.say(f"round {number + 1}: " + ", ".join(f"{n} {each[-1]:.1f}s" for n, each in seconds.items()))
    how = (
        f"one thread, {rounds} rounds of {count} texts of median {int(np.median(known.lengths))}, 95% below "
        f"{int(np.quantile(known.lengths, 0.95))} tokens, one epoch; MiniLM of 6 layers; luban in "
        f"{'bfloat16' if bfloat16 else 'float32'}; CPU flags {' '.join(flags)}; {trainers.version('transformers')}"
    )
    found = []
    for name, (ours, theirs, goal) in GOALS.items():
        least = [np.min([seconds[each] for each in names], axis=0) for names in (theirs, ours)]
        ratios = sorted(least[0] / least[1])
        what = f"CPU of {' or '.join(theirs)} / {' or '.join(ours)}, {how}"
        judged = (">=", goal) if bfloat16 else None
        found.append(harness.Figure(name, float(np.median(ratios)), ratios[0], ratios[-1], judged, what))
    for name, values in losses.items():
        what = f"cross-entropy of {LOSSES[name]} on held-out texts, mean of the rounds, {how}"
        found.append(harness.Figure(name, float(np.mean(values)), min(values), max(values), how=what))
    return found


def _luban(size: int, bfloat16: bool, known: Texts, seed: int) -> Tuned:
    return by_luban(known, size, bfloat16, seed)


def _trainer(size: int, bfloat16: bool, best: bool, known: Texts, seed: int) -> Tuned:
    return by_trainer(known, size, bfloat16, seed, best=best)


CASES: dict[str, harness.Case] = {"tuning": ((*GOALS, *LOSSES), throughput.SAMPLES, figures)}
