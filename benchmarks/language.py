"""What a language model writes: the tokens of luban's own loop beside those of `transformers`, and their speed.

The model is SmolLM2 (`smollm2`), fetched by `luban sample smollm2 --fetch`, in float32 and in one thread. Prompts are
the beginnings of 50 articles of BBC News (`bbc-news`), 8 to 40 words long, each gone on with for 12 tokens.

Figures: generate-agrees (share of the prompts whose tokens are all those of `transformers.generate`, greedily),
generate-agrees-reloaded (the same against what is written after the model was saved by `transformers` and opened
again), generate-speed (CPU seconds of `transformers.generate` over those of luban's loop, for the same tokens,
one after the other on each prompt). With `--quick` there are 4 prompts.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import harness
from luban.evidence.intervals import wilson

PROMPTS, QUICK_PROMPTS = 50, 4
TOKENS = 12
FEWEST_WORDS, MOST_WORDS = 8, 40
SAMPLES = ("smollm2", "bbc-news")
NAMES = ("generate-agrees", "generate-agrees-reloaded", "generate-speed")


def figures(options: harness.Options) -> list[harness.Figure]:
    from luban.core.errors import UsageError
    from luban.data.catalogue import sample_path

    try:
        for name in SAMPLES:
            sample_path(name)
    except UsageError as error:
        return [harness.Figure(each, None, reason=f"{name} is not here: {error.fix}") for each in NAMES]
    return generated(options)


def prompts(count: int, seed: int) -> list[str]:
    """The beginnings of articles, of lengths that differ."""
    import polars as pl

    from luban.data.catalogue import sample_path

    articles = pl.read_csv(sample_path("bbc-news")).sample(count, seed=seed)["text"].to_list()
    lengths = np.random.default_rng(seed).integers(FEWEST_WORDS, MOST_WORDS + 1, count)
    return [" ".join(article.split()[:length]) for article, length in zip(articles, lengths, strict=True)]


def generated(options: harness.Options) -> list[harness.Figure]:
    import torch

    from luban.origins import causal
    from luban.runtime import continuing

    torch.set_num_threads(1)
    origin = causal.find("smollm2")
    network: Any = origin.network()
    tokenizer = origin.tokenizer()
    texts = prompts(QUICK_PROMPTS if options.quick else PROMPTS, options.seed)
    asked = [tokenizer.encode(text).ids for text in texts]
    written, same, ours, theirs = [], 0, 0.0, 0.0
    for place, numbers in enumerate(asked):
        began = time.process_time()
        written.append(list(islice(continuing.tokens(network, numbers), TOKENS)))
        between = time.process_time()
        whole = network.generate(
            torch.tensor([numbers]), attention_mask=torch.ones(1, len(numbers), dtype=torch.int64),
            max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        theirs += time.process_time() - between
        ours += between - began
        same += whole[0, len(numbers) :].tolist() == written[-1]
        harness.say(f"{place + 1} of {len(asked)}: {same} agree")
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        del network
        reloaded = _reloaded(origin, folder)
        again = sum(
            list(islice(continuing.tokens(reloaded, numbers), TOKENS)) == before
            for numbers, before in zip(asked, written, strict=True)
        )
    how = f"{len(asked)} prompts, {TOKENS} tokens each, float32, one thread"
    return [
        _share("generate-agrees", same, len(asked), how),
        _share("generate-agrees-reloaded", again, len(asked), how),
        harness.Figure("generate-speed", theirs / ours, goal=(">=", 1.0), how=how),
    ]


def _reloaded(origin: Any, folder: str) -> Any:
    """The network of what `transformers` saved, as luban opens it."""
    from luban.origins import causal

    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(origin.path / name, Path(folder) / name)
    return causal.find(folder).network()


def _share(name: str, count: int, of: int, how: str) -> harness.Figure:
    low, high = wilson(count, of)
    return harness.Figure(name, count / of, low, high, (">=", 1.0), how)


if __name__ == "__main__":
    harness.main(__doc__, figures)
