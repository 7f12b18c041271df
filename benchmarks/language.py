"""What a language model writes: the tokens of luban's own loop beside those of `transformers`, and their speed; and
what it learns from few answers.

The model is SmolLM2 (`smollm2`), fetched by `luban sample smollm2 --fetch`, in float32 and in one thread. Prompts are
the beginnings of 50 articles of BBC News (`bbc-news`), 8 to 40 words long, each gone on with for 12 tokens.

Figures: generate-agrees (share of the prompts whose tokens are all those of `transformers.generate`, greedily),
generate-agrees-reloaded (the same against what is written after the model was saved by `transformers` and opened
again), generate-speed (CPU seconds of `transformers.generate` over those of luban's loop, for the same tokens,
one after the other on each prompt). With `--quick` there are 4 prompts.

adapt-loss (nats a token of the answers that were held out, after LoRA on 200 titles with their French translation,
`en-fr-titles`; 160 are learned from), adapt-gain (by how many nats that is less than of the model as it was, on the
same answers) and adapt-gain-at-least, its lower bound; adapt-memory-gb (the most memory that all processes of the fit
had resident at a time), adapt-minutes (CPU minutes of the fit, in one thread), adapt-agrees (share of the prompts of
which the bundle writes the very tokens of the network that was measured, through its folder `model`).

going-on-bits (bits per byte of documents that were held out, after LoRA on raw text: the first 1,000 letters of 30
documents of `nlp-corpus`, of which 24 are learned once), going-on-gain (by how many bits that is less than of the model
as it was) and going-on-gain-at-least, its lower bound; going-on-memory-gb, going-on-minutes as above.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import harness
from luban.evidence.intervals import wilson

PROMPTS, QUICK_PROMPTS = 50, 4
TOKENS = 12
FEWEST_WORDS, MOST_WORDS = 8, 40
ADAPTED, SHORTEST, LONGEST = 200, 20, 80
"""Titles that are learned from and held out, and how many letters they have."""
OFTEN = 0.1
"""Seconds between two looks at the memory."""
DOCUMENTS, LETTERS = 30, 1_000
"""Of raw text that is gone on with."""
ADAPTING = ("adapt-loss", "adapt-gain", "adapt-gain-at-least", "adapt-memory-gb", "adapt-minutes", "adapt-agrees")

GOING_ON = ("going-on-bits", "going-on-gain", "going-on-gain-at-least", "going-on-memory-gb", "going-on-minutes")


def figures(options: harness.Options) -> list[harness.Figure]:
    return harness.measured(CASES, options)


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
    quick = continuing.prepared(origin.network(), "float32")
    tokenizer = origin.tokenizer()
    texts = prompts(QUICK_PROMPTS if options.quick else PROMPTS, options.seed)
    asked = [tokenizer.encode(text).ids for text in texts]
    written, same, ours, theirs = [], 0, 0.0, 0.0
    for place, numbers in enumerate(asked):
        began = time.process_time()
        written.append(list(islice(continuing.tokens(quick, numbers), TOKENS)))
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
        reloaded = continuing.prepared(_reloaded(origin, folder), "float32")
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


def adapted(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.catalogue import sample_path

    if options.quick:
        return [harness.Figure(name, None, reason="it takes longer than that") for name in ADAPTING]
    titles = pl.read_csv(sample_path("en-fr-titles")).filter(
        pl.col("english").str.len_chars().is_between(SHORTEST, LONGEST)
    )
    with tempfile.TemporaryDirectory() as folder:
        data, place = Path(folder) / "titles.csv", Path(folder) / "titles.luban"
        titles.sample(ADAPTED, seed=options.seed).write_csv(data)
        command = [sys.executable, "-m", "luban", "fit", str(data), "--target", "french", "--task", "chat"]
        command += ["--from", "smollm2", "--threads", "1", "--seed", str(options.seed), "--out", str(place), "--quiet"]
        code, peak, minutes = _run(command)
        if code:
            return [harness.Figure(name, None, reason=f"it ended with {code}") for name in ADAPTING]
        bundle = luban.load(place)
        (loss,) = (each for each in bundle.measurements if each.name == "answer-loss")
        same, asked = _written_alike(bundle, titles.sample(QUICK_PROMPTS, seed=options.seed + 1)["english"].to_list())
    how = f"{loss.rows} answers, after {ADAPTED - loss.rows} were learned from, precision auto, one thread"
    low, value, high = -loss.difference.high, -loss.difference.value, -loss.difference.low
    return [
        harness.Figure("adapt-loss", loss.value, loss.low, loss.high, how=f"{how}; {loss.baseline.value:.3f} before"),
        harness.Figure("adapt-gain", value, low, high, how=how),
        harness.Figure("adapt-gain-at-least", low, goal=(">=", 0.0), how="its lower 95% bound"),
        harness.Figure("adapt-memory-gb", peak / 1e9, goal=("<=", 3.0), how="of all processes together"),
        harness.Figure("adapt-minutes", minutes, how="CPU minutes, with what was measured at the end"),
        harness.Figure("adapt-agrees", same / asked, goal=(">=", 1.0), how=f"{asked} prompts, {TOKENS} tokens each"),
    ]


def gone_on(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.catalogue import sample_path

    if options.quick:
        return [harness.Figure(name, None, reason="it takes longer than that") for name in GOING_ON]
    files = sorted(path for path in sample_path("nlp-corpus").iterdir() if path.is_file())
    texts = [path.read_text(encoding="utf-8", errors="replace")[:LETTERS] for path in files]
    with tempfile.TemporaryDirectory() as folder:
        data, place = Path(folder) / "texts.csv", Path(folder) / "texts.luban"
        pl.DataFrame({"text": texts[:: len(texts) // DOCUMENTS][:DOCUMENTS]}).write_csv(data)
        command = [sys.executable, "-m", "luban", "fit", str(data), "--task", "causal-lm", "--from", "smollm2", "--set"]
        command += ["train.epochs=1", "--threads", "1", "--seed", str(options.seed), "--out", str(place), "--quiet"]
        code, peak, minutes = _run(command)
        if code:
            return [harness.Figure(name, None, reason=f"it ended with {code}") for name in GOING_ON]
        bits = next(each for each in luban.load(place).measurements if each.name == "bits-per-byte")
    how = f"{bits.rows} documents of {LETTERS} letters, after {DOCUMENTS - bits.rows} were learned once, one thread"
    low, value, high = -bits.difference.high, -bits.difference.value, -bits.difference.low
    return [
        harness.Figure(GOING_ON[0], bits.value, bits.low, bits.high, how=f"{how}; {bits.baseline.value:.3f} before"),
        harness.Figure(GOING_ON[1], value, low, high, how=how),
        harness.Figure(GOING_ON[2], low, goal=(">=", 0.0), how="its lower 95% bound"),
        harness.Figure(GOING_ON[3], peak / 1e9, how="of all processes together; what they share counts for each"),
        harness.Figure(GOING_ON[4], minutes, how="CPU minutes, with what was measured at the end"),
    ]


def _run(command: list[str]) -> tuple[int, int, float]:
    """How a command ended, the most bytes that its processes had resident at a time, and its CPU minutes."""
    peak, before = 0, resource.getrusage(resource.RUSAGE_CHILDREN)
    process = psutil.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _resident(process))
        time.sleep(OFTEN)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process.returncode, peak, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60


def _resident(process: psutil.Process) -> int:
    """The resident bytes of a process and all below it."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total


def _written_alike(bundle: Any, texts: list[str]) -> tuple[int, int]:
    """Of how many prompts the folder of a bundle writes the tokens that its form does; and how many there are."""
    from luban.bundle.bundle import rebuild_form
    from luban.origins import causal
    from luban.runtime import continuing

    origin = causal.find(str(bundle.path))
    network: Any = origin.network()
    tokenizer = origin.tokenizer()
    asked = [origin.chat([{"role": "user", "content": text}], ask=True) for text in texts]
    prompts = [tokenizer.encode(text, add_special_tokens=False).ids for text in asked]

    def greedy() -> list[list[int]]:
        return [list(islice(continuing.tokens(network, prompt), TOKENS)) for prompt in prompts]

    saved = greedy()
    form: Any = rebuild_form(bundle.stored)
    setattr(network, network.base_model_prefix, form.module.body)
    return sum(one == other for one, other in zip(saved, greedy(), strict=True)), len(prompts)


def _reloaded(origin: Any, folder: str) -> Any:
    """The network of what `transformers` saved, as luban opens it."""
    from luban.origins import causal

    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(origin.path / name, Path(folder) / name)
    return causal.find(folder).network()


def _share(name: str, count: int, of: int, how: str) -> harness.Figure:
    low, high = wilson(count, of)
    return harness.Figure(name, count / of, low, high, (">=", 1.0), how)


CASES: dict[str, harness.Case] = {
    "generate": (("generate-agrees", "generate-agrees-reloaded", "generate-speed"), ("smollm2", "bbc-news"), generated),
    "adapt": (ADAPTING, ("smollm2", "en-fr-titles"), adapted),
    "going-on": (GOING_ON, ("smollm2", "nlp-corpus"), gone_on),
}

if __name__ == "__main__":
    harness.main(__doc__, figures, cases=tuple(CASES))
