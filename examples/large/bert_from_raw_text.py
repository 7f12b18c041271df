"""A BERT of one's own: learned from raw text, then taught by few labels, then asked.

Usually done wrong: texts are cut at 512 tokens and padded to 512; what is hidden is drawn once, before the first epoch;
hidden tokens have a loss beside tokens that are shown; the perplexity is that of the text that was learned, and stands
beside nothing; the rate has not fallen when the time is over; the classifier is tested on rows that also said when to
stop; and texts are answered one by one, each padded to the longest, with dropout still on. Here blocks have no padding,
other tokens are hidden at every step, documents are held out, counts of the very same tokens stand beside the network,
the steps are planned by the time that there is, and the classifier stands beside a linear model on words.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import luban
from luban.data.catalogue import sample_path
from luban.verbs.compare import compare

LINES = int(os.environ.get("ROWS", "100000"))
LABELLED = 200
ASKED = min(10 * LINES, 1_500) // 3
QUICK = "EPOCHS" in os.environ


def corpus() -> pl.DataFrame:
    """A document in each row; nothing else is known of it."""
    files = sorted(sample_path("nlp-corpus").iterdir())
    texts = [file.read_text(encoding="utf-8").splitlines()[:LINES] for file in files]
    return pl.DataFrame({"text": ["\n".join(lines) for lines in texts]})


def headlines() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Few headlines with their topic, and others."""
    table = pl.read_csv(sample_path("bbc-headlines")).rename({"headline": "text"})
    drawn = np.random.default_rng(0).permutation(len(table))
    return table[drawn[:LABELLED]], table[drawn[LABELLED : LABELLED + ASKED]]


with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    sizes = {"model.bert.width": 32, "model.bert.layers": 1, "train.epochs": 1} if QUICK else {}
    reader = luban.fit(
        corpus(), task="masked-lm", set={"features.vocabulary": 2_000, **sizes}, column={"text": "text"},
        time=None if QUICK else "10m", repair="off", out=place / "reader.luban",
    )  # fmt: skip
    for figure in reader.measurements:
        print(f"{figure.name}: {figure.value:.3f}, counts of the two neighbours: {figure.baseline.value:.3f}")

    known, others = headlines()
    asked = {
        "words": {"model": "linear"},
        "own BERT": {"model": "pretrained-text", "from_": str(place / "reader.luban")},
    }
    settings = {"split.folds": 2, **({"train.epochs": 1} if QUICK else {})}
    told = {"test": others, "column": {"text": "text"}, "repair": "off", "set": settings}
    bundles = {
        name: luban.fit(known, "topic", out=place / f"{name.replace(' ', '-')}.luban", **told, **how)
        for name, how in asked.items()
    }
    for name, bundle in bundles.items():
        accuracy = bundle.measurements[0]
        print(
            f"{name}: {accuracy.value:.3f} of {accuracy.rows:,} headlines ({accuracy.low:.3f} to {accuracy.high:.3f})"
        )
    print(compare(bundles["words"], bundles["own BERT"], data=others).text)
    new = ["Late goal sends holders out of the cup", "Shares fall after profit warning"]
    print(bundles["own BERT"].predict({"text": new}))
