"""What a BERT that was pretrained on other texts is worth where 200 texts have a label: beside the same network, with
the same tokens, whose weights are fresh. Part of `large.py`.

Both sides are one command but for where they begin: the same epochs, rows and draws. Pretrained weights are larger than
fresh ones, so each side has the rate that suits it best, of the same few. They were chosen on other texts, sentences
from within the articles (`rates`), not on those that are scored.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import harness

if TYPE_CHECKING:
    import polars as pl

LABELLED, DRAWS = 200, 5
TUNED: Mapping[str, Any] = {
    "train.epochs": 20,
    "model.pretrained-text.layer_decay": 1.0,
    "split.folds": 2,
    "train.repeats": 1,
}
"""How both learn. Lower layers of fresh weights have as much to learn as upper ones."""
RATES = ((2e-4, 1.0), (5e-4, 1.0), (1.5e-3, 1.0), (5e-4, 8.0))
CHOSEN = {"pretrained": (5e-4, 8.0), "scratch": (5e-4, 1.0)}
"""Of `RATES`, each a rate and how many times as fast embeddings learn, the one that suits each best."""
SENTENCE, WORDS, TUNING_DRAWS, SEEN = 2, 7, 3, 800
"""Which sentence of an article a rate is chosen on, by its first words, in how many draws, and on how many others."""
PARTS = ("pretrained", "scratch", "gain", "gain-at-least")
TASKS = {"headlines": ("bbc-headlines", "headline"), "articles": ("bbc-news", "text")}
"""The sample of each task, and its column of texts."""
CASES = (*TASKS, "rates")
NAMES = tuple(f"{task}-{part}" for task in TASKS for part in PARTS)


def figures(bundle: Path, options: harness.Options) -> list[harness.Figure]:
    """The figures that were asked for. bundle: of the BERT that was pretrained."""
    found: list[harness.Figure] = []
    asked = [task for task in CASES if task in options.only or (not options.only and task in TASKS)]
    if not asked:
        return found
    if not (bundle / "model" / "config.json").exists():
        reason = "there is no pretrained network to begin from"
        return [harness.Figure(name, None, reason=reason) for name in NAMES if name.split("-")[0] in asked]
    origins = {"pretrained": bundle, "scratch": fresh(bundle)}
    for task in asked:
        found += rates(origins, options) if task == "rates" else compared(task, origins, options)
    return found


def compared(task: str, origins: Mapping[str, Path], options: harness.Options) -> list[harness.Figure]:
    """Both sides after the same few labels, and how far they are apart."""
    import polars as pl
    from scipy.stats import t

    from luban.data.catalogue import sample_path

    sample, column = TASKS[task]
    names = [f"{task}-{part}" for part in PARTS]
    reason = harness.lacking((sample,))
    if reason is not None:
        return [harness.Figure(name, None, reason=reason) for name in names]
    table = pl.read_csv(sample_path(sample)).unique(column, keep="first", maintain_order=True).rename({column: "text"})
    if options.quick:
        table = table.sample(200, seed=options.seed)
    labelled, draws = (60, 1) if options.quick else (LABELLED, DRAWS)
    right: dict[str, list[float]] = {side: [] for side in origins}
    for draw in range(options.seed, options.seed + draws):
        drawn = table.sample(fraction=1.0, shuffle=True, seed=draw)
        for side, origin in origins.items():
            known, others = drawn.head(labelled), drawn.tail(len(drawn) - labelled)
            right[side].append(accuracy(known, others, origin, CHOSEN[side], draw, options))
            harness.say(f"{task}, {side}, draw {draw}: {right[side][-1]:.3f}")
    how = f"accuracy after {labelled} {task} with a label, mean of {draws} draws; "
    found = [harness.Figure(f"{task}-{s}", float(np.mean(v)), how=how + told(CHOSEN[s])) for s, v in right.items()]
    gains = np.array(right["pretrained"]) - np.array(right["scratch"])
    if len(gains) < 2:
        return [*found, *(harness.Figure(name, None, reason="one draw has no spread") for name in names[2:])]
    away = float(t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains)))
    mean = float(gains.mean())
    each = f"paired over {len(gains)} draws: {', '.join(f'{gain:+.3f}' for gain in gains)}"
    return [
        *found,
        harness.Figure(names[2], mean, mean - away, mean + away, how=each),
        harness.Figure(names[3], mean - away, goal=(">=", 0.0), how="its lower 95% bound"),
    ]


def accuracy(
    known: pl.DataFrame,
    others: pl.DataFrame,
    origin: Path,
    rate: tuple[float, float],
    seed: int,
    options: harness.Options,
) -> float:
    """The share of the other texts that is answered right by what began there and saw the known ones."""
    import luban

    out = origin.with_name(f"{origin.stem}-answers.luban")
    settings = {**TUNED, "train.learning_rate": rate[0], "model.pretrained-text.embeddings": rate[1]}
    settings |= {"train.epochs": 1} if options.quick else {}
    bundle = luban.fit(
        known, "topic", test=others, from_=str(origin), model="pretrained-text", set=settings,
        column={"text": "text"}, seed=seed, threads=1, force=True, out=out,
    )  # fmt: skip
    return float((bundle.predict(others.select("text")) == others["topic"]).to_numpy().mean())


def told(rate: tuple[float, float]) -> str:
    return f"rate {rate[0]:g}, of embeddings {rate[1]:g} times that"


def rates(origins: Mapping[str, Path], options: harness.Options) -> list[harness.Figure]:
    """How right each side is at each rate, on texts that no other figure is of."""
    table = sentences()
    found = []
    for side, origin in origins.items():
        for rate in RATES[:1] if options.quick else RATES:
            right = []
            for draw in range(1 if options.quick else TUNING_DRAWS):
                drawn = table.sample(fraction=1.0, shuffle=True, seed=100 + draw)
                known, others = drawn.head(LABELLED), drawn.slice(LABELLED, SEEN)
                right.append(accuracy(known, others, origin, rate, draw, options))
            harness.say(f"{side}, {told(rate)}: {np.mean(right):.3f}")
            how = f"accuracy on {SEEN} sentences after {LABELLED} with a label, mean of {len(right)} draws"
            found.append(harness.Figure(f"rate-{side}-{rate[0]:g}-{rate[1]:g}", float(np.mean(right)), how=how))
    return found


def sentences() -> pl.DataFrame:
    """The beginning of a sentence from within each article, and the article's topic."""
    import polars as pl

    from luban.data.catalogue import sample_path

    table = pl.read_csv(sample_path("bbc-news")).unique("text", keep="first", maintain_order=True)
    rows = []
    for text, topic in table.select("text", "topic").iter_rows():
        parts = re.split(r'(?<=[.!?])\s+(?=[A-Z"])', text)
        if len(parts) > SENTENCE + 1:
            rows.append({"text": " ".join(parts[SENTENCE].split()[:WORDS]), "topic": topic})
    return pl.DataFrame(rows)


def fresh(bundle: Path) -> Path:
    """The same network and tokens, with weights that learned nothing."""
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    learned, folder = bundle / "model", bundle.with_name("fresh")
    torch.manual_seed(0)
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(learned)).save_pretrained(folder)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(learned / name, folder / name)
    return folder
