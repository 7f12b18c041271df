"""What is answered by models that read before, or that learned without labels: questions, and whole articles.

Figures: questions-overlap, questions-tuned (exact match on 300 made-up questions, `made-questions`, after 600 others
and 100 to judge on: of the piece nearest to the words of the question, and of MiniLM, fine-tuned), questions-gain (by
how much the latter is more often exactly right, on the same questions) and questions-gain-at-least, its lower bound.

articles-words, articles-beside (accuracy on 500 whole articles of `bbc-news` after 400 with a topic and 100 to judge
on: of the better of two models of words, and of the best of these and of frozen vectors of MiniLM, by held-out rows)
and articles-over-words (by how much the latter is more accurate, on the same articles): what was pretrained is taken
where it is shown to be better by more than a standard error, and the classical model is kept where it is not.

unlabelled-table, unlabelled-pictures (after 50 with a label: the mean accuracy of a linear model on the codes of an
autoencoder that learned without labels before, from rows of `adult` with noise and from pictures of `fashion-mnist`
with gaps, less that of a network with fresh weights on the same 50: `mlp`, and `cnn`; five draws, 95% t interval) and
for each -scratch and -codes, the two accuracies; -tuned, that of the encoder of the same autoencoder, which goes on
learning with a head on its codes (`pretrained-codes`), and -by-tuning, the latter less that of fresh weights.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import harness

JUDGED = 100
"""Questions on which a training is judged."""
UNLABELLED = ("-scratch", "-codes", "-tuned", "", "-by-tuning")
"""The figures of what was learned without labels: the three accuracies, and what is gained by codes and by tuning."""


def figures(options: harness.Options) -> list[harness.Figure]:
    return harness.measured(CASES, options)


def questions(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.catalogue import sample_path

    rows = pl.read_csv(sample_path("made-questions"))
    known, test = (rows.filter(part=part).drop("part") for part in ("train", "test"))
    if options.quick:
        known, test = known.head(150), test.head(50)
    asked: dict[str, Any] = {"model": "word-overlap"} if options.quick else {"from_": "minilm"}
    with tempfile.TemporaryDirectory() as folder:
        bundle = luban.fit(
            known.head(len(known) - JUDGED), "answer", task="question-answering", test=test,
            validation=known.tail(JUDGED), repair="off", seed=options.seed, threads=1, out=Path(folder) / "it.luban",
            **asked,
        )  # fmt: skip
    (exact,) = [each for each in bundle.measurements if (each.metric, each.split) == ("exact-match", "test")]
    assert exact.baseline is not None and exact.difference is not None
    label = bundle.stored.evidence["evaluation"]["chosen"]["label"]
    harness.say(f"{label}: {exact.value:.3f} beside {exact.baseline.value:.3f}")
    how = f"exact match on {len(test):,} made-up questions"
    found = [harness.Figure("questions-overlap", exact.baseline.value, how=how)]
    if options.quick:
        names = ("questions-tuned", "questions-gain", "questions-gain-at-least")
        return found + [harness.Figure(name, None, reason="fine-tuning takes longer than that") for name in names]
    low, high = exact.difference.low, exact.difference.high
    return [
        *found,
        harness.Figure("questions-tuned", exact.value, exact.low, exact.high, how=f"{how}, by {label}"),
        harness.Figure("questions-gain", exact.difference.value, low, high, how="paired, on the same questions"),
        harness.Figure("questions-gain-at-least", low, goal=(">=", 0.0), how="its lower 95% bound"),
    ]


def articles(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.catalogue import sample_path
    from luban.evidence.intervals import proportion_difference, wilson

    table = pl.read_csv(sample_path("bbc-news")).unique("text", keep="first", maintain_order=True)
    table = table.sample(fraction=1.0, shuffle=True, seed=options.seed).select("text", "topic")
    count, judged, tested = (80, 20, 60) if options.quick else (400, 100, 500)
    known, judge, test = table[:count], table[count : count + judged], table[count + judged : count + judged + tested]
    ways: dict[str, dict[str, Any]] = {
        "words": {"model": "linear,svm"},
        "beside": {"model": "pretrained-features,linear,svm", "from_": "minilm"},
    }
    right, found = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name, asked in ways.items():
            bundle = luban.fit(
                known, "topic", test=test, validation=judge, seed=options.seed, threads=1, repair="off",
                out=Path(folder) / f"{name}.luban", **asked,
            )  # fmt: skip
            right[name] = (bundle.predict(test.select("text")) == test["topic"]).to_numpy().astype(float)
            low, high = wilson(int(right[name].sum()), len(test))
            chosen = bundle.stored.evidence["evaluation"]["chosen"]
            label = chosen["label"]
            harness.say(f"{name}: {right[name].mean():.3f} by {label}: {chosen['reason']}")
            how = f"accuracy on {len(test):,} articles after {len(known):,}, by {label}"
            found.append(harness.Figure(f"articles-{name}", float(right[name].mean()), low, high, how=how))
    gains = right["beside"] - right["words"]
    low, high = proportion_difference(int((gains > 0).sum()), int((gains < 0).sum()), len(gains))
    how = "paired, on the same articles"
    return [*found, harness.Figure("articles-over-words", float(gains.mean()), low, high, how=how)]


def unlabelled(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    from luban.data.catalogue import sample_path
    from luban.data.open import open_dataset

    adult = pl.read_csv(sample_path("adult"), infer_schema_length=None)
    target = catalogue_target("adult")
    pictures = open_dataset("sample:fashion-mnist").frame.filter(pl.col("split") == "train").drop("split").collect()
    noise = {"kind": "denoising", "code": 32}
    gaps = {"kind": "masked", "code": 64, "channels": [16, 32]}
    of_table = _learned("table", adult, target, "mlp", noise, options)
    if options.quick:
        names = [f"unlabelled-pictures{part}" for part in UNLABELLED]
        return [*of_table, *(harness.Figure(each, None, reason="pictures take longer than that") for each in names)]
    return [
        *of_table,
        *_learned("pictures", pictures, "label", "cnn", gaps, options),
    ]


def catalogue_target(name: str) -> str:
    """The target of a sample."""
    from luban.core import registry

    return str(registry.find("data.samples", name).target)


def _learned(
    name: str, table: Any, target: str, scratch: str, settings: dict[str, Any], options: harness.Options
) -> list[harness.Figure]:
    """What codes that were learned without labels are worth beside a network with fresh weights."""
    import numpy as np
    import polars as pl
    from scipy.stats import t

    import luban
    from luban.verbs.embed import embed

    draws, known, tested, free = (2, 50, 100, 200) if options.quick else (5, 50, 1_000, 3_000)
    table = table.sample(free + tested + draws * known, shuffle=True, seed=options.seed)
    right: dict[str, list[float]] = {"scratch": [], "codes": [], "tuned": []}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        how_long = {"model.autoencoder": settings, "train.epochs": 2 if options.quick else 20}
        luban.fit(
            table.head(free).drop(target), task="anomaly", model="autoencoder", set=how_long, seed=options.seed,
            threads=1, repair="off", out=folder / "free.luban",
        )  # fmt: skip
        others = table.slice(free)
        embed(others.drop(target), from_=str(folder / "free.luban"), out=folder / "codes.parquet", threads=1)
        vectors = np.stack(pl.read_parquet(folder / "codes.parquet")["vector"].to_list())
        codes = pl.DataFrame(vectors, [f"v{place}" for place in range(vectors.shape[1])])
        codes = codes.with_columns(others[target])
        for draw in range(draws):
            begun = {"model": "pretrained-codes", "from_": str(folder / "free.luban")}
            ways = {"scratch": (others, {"model": scratch}), "codes": (codes, {"model": "linear"})}
            for way, (rows, asked) in {**ways, "tuned": (others, begun)}.items():
                bundle = luban.fit(
                    rows.slice(tested + draw * known, known), target, test=rows.head(tested), **asked,
                    set={"split.folds": 2, "train.repeats": 1}, seed=options.seed + draw, threads=1, repair="off",
                    out=folder / f"{way}-{draw}.luban",
                )  # fmt: skip
                said = bundle.predict(rows.head(tested).drop(target))
                right[way].append(float((said.cast(pl.String) == rows[target].head(tested).cast(pl.String)).mean()))
    told = {way: float(np.mean(found)) for way, found in right.items()}
    how = f"{draws} draws of {known} labels, {free:,} rows without, {tested:,} tested"
    by = {"scratch": f"by {scratch}", "codes": "linear on codes", "tuned": "by the encoder and a head"}
    harness.say(", ".join([name, *(f"{value:.3f} {by[way]}" for way, value in told.items())]))
    figures = [harness.Figure(f"unlabelled-{name}-{way}", told[way], how=f"{how}, {by[way]}") for way in right]
    for way, own in (("codes", ""), ("tuned", "-by-tuning")):
        gains = np.array(right[way]) - np.array(right["scratch"])
        half = float(t.ppf(0.975, draws - 1) * gains.std(ddof=1) / np.sqrt(draws))
        gain = float(gains.mean())
        low, high = gain - half, gain + half
        figures.append(harness.Figure(f"unlabelled-{name}{own}", gain, low, high, how=f"paired; {how}"))
    return figures


CASES: dict[str, harness.Case] = {
    "questions": (
        ("questions-overlap", "questions-tuned", "questions-gain", "questions-gain-at-least"),
        ("made-questions", "minilm"),
        questions,
    ),
    "unlabelled": (
        tuple(
            f"unlabelled-{name}{part}" for name in ("table", "pictures") for part in UNLABELLED
        ),
        ("adult", "fashion-mnist"),
        unlabelled,
    ),
    "articles": (("articles-words", "articles-beside", "articles-over-words"), ("bbc-news", "minilm"), articles),
}  # fmt: skip
"""For each case the names of its figures, the samples that it needs, and what measures them."""


if __name__ == "__main__":
    harness.main(__doc__, figures, list(CASES))
