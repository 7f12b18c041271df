"""How well capitals and signs are put back into texts that lost them. Part of `transfer.py`.

The rows are made here, of BBC News: `WORDS` words of an article from its second sentence on, in small letters and
without signs. What is asked of each word is whether it was written with a capital, and whether a comma or the end of a
sentence came behind it, which the article says: six tags. No article gives two rows.
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

LEARNED, CHOSEN, ANSWERED = 300, 100, 1_000
"""Rows that are learned from, that say when to stop and by which the model is judged, and that are answered."""
WORDS = 24
MODELS: dict[str, dict[str, Any]] = {
    "scratch": {"model": "lstm"},
    "tuned": {"model": "pretrained-text", "from_": "minilm"},
}
NAMES = ("tags-commonest", "tags-scratch", "tags-tuned", "tags-gain", "tags-gain-at-least")


def figures(options: harness.Options) -> list[harness.Figure]:
    import luban
    from luban.evidence.intervals import of_mean

    table = rows(options.seed)
    known, judge = table.head(LEARNED), table.slice(LEARNED, CHOSEN)
    others = table.slice(LEARNED + CHOSEN, 40 if options.quick else ANSWERED)
    right: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, asked in MODELS.items():
            if options.quick and name == "tuned":
                continue
            bundle = luban.fit(
                known, "tags", task="tagging", validation=judge, test=others, seed=options.seed, threads=1,
                repair="off", out=Path(folder) / f"{name}.luban", **asked,
            )  # fmt: skip
            right[name] = _right(bundle.predict(others.select("words")), others)
            baseline = bundle.measurements[0].baseline
            assert baseline is not None, "tags have the commonest tag of each word beside them"
            harness.say(f"{name}: {right[name].mean():.3f}")
    what = f"share of the words of {len(others):,} rows of BBC News whose capital and sign are right"
    how = f"{what}, by the commonest tag of each word"
    found = [harness.Figure("tags-commonest", baseline.value, how=how)]
    for name in ("scratch", "tuned"):
        if name not in right:
            found.append(harness.Figure(f"tags-{name}", None, reason="fine-tuning takes longer than that"))
            continue
        own = of_mean(right[name], seed=options.seed)
        how = f"{what}, after {len(known):,} rows with tags"
        found.append(harness.Figure(f"tags-{name}", float(right[name].mean()), own.low, own.high, how=how))
    if "tuned" not in right:
        return [*found, *(harness.Figure(name, None, reason="nothing was fine-tuned") for name in NAMES[-2:])]
    gains = right["tuned"] - right["scratch"]
    apart = of_mean(gains, seed=options.seed)
    how = f"fine-tuned MiniLM over an LSTM with fresh weights, on the same {len(others):,} rows"
    return [
        *found,
        harness.Figure("tags-gain", float(gains.mean()), apart.low, apart.high, how=how),
        harness.Figure("tags-gain-at-least", apart.low, goal=(">=", 0.0), how="its lower 95% bound"),
    ]


def rows(seed: int) -> pl.DataFrame:
    """Words and their tags, in the order that the seed gives."""
    import polars as pl

    from luban.data.catalogue import sample_path

    table = pl.read_csv(sample_path("bbc-news")).unique("text", keep="first", maintain_order=True)
    found = []
    for text in table.sample(fraction=1.0, shuffle=True, seed=seed)["text"]:
        # The headline has no sign behind it, and so stands in the first sentence.
        _, *sentences = re.split(r'(?<=[.!?])\s+(?=[A-Z"])', text)
        pairs = [pair for word in " ".join(sentences).split() if (pair := _tagged(word)) is not None][:WORDS]
        if len(pairs) == WORDS:
            found.append(tuple(" ".join(part) for part in zip(*pairs, strict=True)))
    return pl.DataFrame(found, schema=["words", "tags"], orient="row")


def _tagged(written: str) -> tuple[str, str] | None:
    """The word without its signs, and its tag: `C` with a capital, `o` without, then the sign; None without a letter.

    >>> _tagged('Ulm,"'), _tagged("end?"), _tagged("-")
    (('ulm', 'C,'), ('end', 'o.'), None)
    """
    word = re.sub(r"[^\w'&£$%-]", "", written).strip("'-")
    if not word:
        return None
    last = written.rstrip("\"')")[-1:]
    sign = "," if last == "," else "." if last in (".", "!", "?") else ""
    return word.lower(), ("C" if word[0].isupper() else "o") + sign


def _right(said: pl.Series, others: pl.DataFrame) -> Any:
    """(rows,) the share of the words that are tagged right."""
    return np.array(
        [
            np.mean([one == other for one, other in zip(tags, wanted.split(), strict=True)])
            for tags, wanted in zip(said, others["tags"], strict=True)
        ]
    )
