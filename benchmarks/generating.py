"""How fast a language model writes, beside `transformers.generate`, and what int8 costs; `large.py` calls this.

The model is SmolLM2 (`smollm2`), 135 million weights, a Llama. Prompts are the beginnings of articles of BBC News
(`bbc-news`). CPU seconds in one thread, in turns, each round with a prompt of its own that all go on with, greedily, by
as many tokens; the prompt is read within what is measured. The value is the median of the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

import harness
import language
import trainers

TOKENS, QUICK_TOKENS = 48, 8
ROUNDS, QUICK_ROUNDS = 5, 1
ARTICLES, QUICK_ARTICLES = 12, 2
GIVEN, LEARNED, QUICK_LEARNED = 16, 80, 8
"""Tokens of an article that are read, and how many behind them are foretold one by one."""
SAMPLES = ("smollm2", "bbc-news")
SPEEDS = {
    "generation-float32": ("luban-float32", "transformers-float32", 1.0),
    "generation-int8": ("luban-int8", "transformers-float32", 1.5),
    "generation-int8-over-bfloat16": ("luban-int8", "transformers-bfloat16", None),
    "generation-bfloat16": ("luban-bfloat16", "transformers-float32", None),
}
"""Whose CPU is below, whose above, and the goal."""
LOSSES = ("generation-loss", "generation-bfloat16-loss", "generation-int8-loss")
NAMES = (*SPEEDS, "generation-agrees", *LOSSES)

Run = Callable[[list[int], int], list[int]]
"""`run(prompt, count)`: the tokens that follow the prompt."""


def figures(options: harness.Options) -> list[harness.Figure]:
    import torch

    from luban.origins import causal
    from luban.runtime import continuing, products

    torch.set_num_threads(1)
    origin = causal.find("smollm2")
    network: Any = origin.network()
    models: dict[str, Any] = {each: continuing.prepared(origin.network(), each) for each in products.PRECISIONS}
    runs = {f"luban-{name}": _ours(model) for name, model in models.items()}
    runs["transformers-float32"] = _theirs(network)
    runs["transformers-bfloat16"] = _theirs(origin.network().to(torch.bfloat16))
    measured = _speeds(runs, origin.tokenizer(), options)
    return [*measured, *_losses(network, models, origin.tokenizer(), options)]


def _ours(model: Any) -> Run:
    from luban.runtime import continuing

    return lambda prompt, count: list(islice(continuing.tokens(model, prompt), count))


def _theirs(network: Any) -> Run:
    import torch

    def run(prompt: list[int], count: int) -> list[int]:
        whole = network.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        found: list[int] = whole[0, len(prompt) :].tolist()
        return found

    return run


def _speeds(runs: dict[str, Run], tokenizer: Any, options: harness.Options) -> list[harness.Figure]:
    rounds, count = (QUICK_ROUNDS, QUICK_TOKENS) if options.quick else (ROUNDS, TOKENS)
    prompts = [tokenizer.encode(text).ids for text in language.prompts(rounds, options.seed)]
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    same = 0
    for run in runs.values():
        run(prompts[0], 2)
    for number, prompt in enumerate(prompts):
        said = {}
        for name in runs if number % 2 else reversed(runs):
            began = time.process_time()
            said[name] = runs[name](prompt, count)
            seconds[name].append(time.process_time() - began)
        same += said["luban-float32"] == said["transformers-float32"]
        told = ", ".join(f"{name} {count / each[-1]:.1f}" for name, each in seconds.items())
        harness.say(f"round {number + 1}, tokens per CPU second: {told}")
    flags = [flag for flag in trainers._flags() if flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")]
    how = (
        f"one thread, {rounds} prompts of {min(map(len, prompts))} to {max(map(len, prompts))} tokens, {count} tokens "
        f"behind each; CPU flags {' '.join(flags)}; {trainers.version('transformers')}"
    )
    found = []
    for name, (ours, theirs, goal) in SPEEDS.items():
        ratios = sorted(np.array(seconds[theirs]) / np.array(seconds[ours]))
        judged = goal is not None and ("int8" not in name or "avx512_vnni" in flags)
        told = f"CPU of {theirs} / {ours}, {how}" if name == "generation-float32" else f"CPU of {theirs} / {ours}"
        value = float(np.median(ratios))
        found.append(harness.Figure(name, value, ratios[0], ratios[-1], (">=", goal) if judged else None, told))
    return [*found, harness.Figure("generation-agrees", same / rounds, goal=(">=", 1.0), how="prompts, float32")]


def _losses(network: Any, models: dict[str, Any], tokenizer: Any, options: harness.Options) -> list[harness.Figure]:
    """Nats a token of articles, as they are read while a text is written: some together, the others one by one."""
    import polars as pl
    import torch
    from scipy.stats import t

    from luban.data.catalogue import sample_path

    count, learned = (QUICK_ARTICLES, QUICK_LEARNED) if options.quick else (ARTICLES, LEARNED)
    articles = pl.read_csv(sample_path("bbc-news")).sample(count, seed=options.seed + 1)["text"].to_list()
    texts = [tokenizer.encode(article).ids[: GIVEN + learned] for article in articles]
    lost: dict[str, list[float]] = {name: [] for name in models if name != "float32"}
    plain = []
    for text in texts:
        with torch.inference_mode():
            logits = network(input_ids=torch.tensor([text])).logits[0, GIVEN - 1 : -1]
        plain.append(float(torch.nn.functional.cross_entropy(logits, torch.tensor(text[GIVEN:]))))
        for name in lost:
            kept = models[name].begun()
            rows = [kept(text[:GIVEN]), *(kept([number]) for number in text[GIVEN:-1])]
            loss = torch.nn.functional.cross_entropy(torch.stack(rows), torch.tensor(text[GIVEN:]))
            lost[name].append(float(loss) - plain[-1])
    how = f"nats a token of {count} articles, {learned} tokens of each behind {GIVEN}"
    found = [harness.Figure("generation-loss", float(np.mean(plain)), how=f"{how}, float32 of transformers")]
    for name, more in lost.items():
        mean, away = float(np.mean(more)), float(t.ppf(0.975, count - 1) * np.std(more, ddof=1) / np.sqrt(count))
        what = f"{how}: {name} more than float32, paired"
        found.append(harness.Figure(f"generation-{name}-loss", mean, mean - away, mean + away, how=what))
    return found


CASES: dict[str, harness.Case] = {"generation": (NAMES, SAMPLES, figures)}
