"""What language models are worth that are learned from raw text in ten minutes, by one thread.

The corpus is `nlp-corpus`: 90 of its documents are learned, ten are held out. Labels are those of `bbc-headlines` and
`bbc-news`. Each is fetched by `luban sample NAME --fetch`.

Figures: gpt-bits-per-byte and trigram-bits-per-byte (on the ten documents: of a GPT, and of a trigram with interpolated
Kneser-Ney smoothing on the same tokens), gpt-gain-at-least (by how many bits per byte the GPT needs less, the lower
bound of the paired interval over documents); bert-perplexity and masked-trigram-perplexity (of hidden tokens),
bert-fills and masked-trigram-fills (the share of them that is filled right), bert-gain-at-least (the lower bound of by
how much more).

Figures of learning from few labels after that (`few_labels.py`): headlines-pretrained and headlines-scratch (accuracy
after 200 headlines with a label, mean of five draws: of the BERT that was pretrained, and of the same network with
fresh weights), headlines-gain and headlines-gain-at-least (the paired difference, and its lower bound over the draws);
the same four of whole articles, articles-...; and, asked for by `--only rates` alone, rate-SIDE-RATE-TIMES (accuracy on
sentences from within the articles, by which the rates of both were chosen).

Figures of answering by a fine-tuned MiniLM (`throughput.py`): inference-pipeline, inference-pipeline-32 and
inference-onnxruntime (CPU of `transformers.pipeline` as it comes, of it with batch_size=32, and of a bare loop over
sorted batches of the same fused graph, over that of luban), inference-onnxruntime-exported (of that loop with the graph
as torch's exporter writes it), inference-pipeline-int8 and inference-pipeline-32-int8 (over luban's in int8),
inference-difference (largest of a probability), inference-int8-changed and inference-int8-loss (texts that get another
class, and accuracy that is lost), inference-of-peak and inference-int8-of-peak (the share of luban's CPU that the
products of these texts take at the peak of the core, which is measured beside), inference-pipeline-at-peak,
inference-pipeline-32-at-peak and inference-pipeline-32-int8-at-peak (the ratios if luban took no other time: what can
be had at most), inference-pipeline-32-padding (the share of padding in the tokens of batches of 32). The first
of its states stands for a text, as luban chooses where all of it learns and as the classifiers of `transformers` do;
inference-mean-... are the same figures where the mean of them does, for which MiniLM was made.

Figures of fine-tuning MiniLM (`tuning.py`): tuning-default and tuning-best (CPU of Hugging Face's Trainer, as it comes
and with its best flags, over that of luban), tuning-loss-luban, tuning-loss-default and tuning-loss-best (nats of
held-out texts after the same epoch).

Figures of writing by SmolLM2 (`generating.py`): generation-float32, generation-bfloat16 and generation-int8 (CPU of
`transformers.generate` in float32 over that of luban), generation-int8-over-bfloat16 (CPU of it in bfloat16 over
luban's in int8), generation-agrees (prompts whose tokens are the same in float32), generation-loss,
generation-bfloat16-loss and generation-int8-loss (nats a token of articles, and how many more in lower precision).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import few_labels
import generating
import harness
import throughput
import tuning

SECONDS = 600
HELD_OUT = 10
GPT = {
    "features.vocabulary": 2000,
    "model.gpt.width": 160,
    "model.gpt.layers": 3,
    "model.gpt.context": 64,
    "train.batch_size": 16,
}
BERT = {
    "features.vocabulary": 2200,
    "model.bert.width": 160,
    "model.bert.layers": 2,
    "model.bert.context": 64,
    "train.batch_size": 16,
}
"""Each of one to three million weights."""
NAMES = (
    "gpt-bits-per-byte", "trigram-bits-per-byte", "gpt-gain-at-least", "bert-perplexity", "masked-trigram-perplexity",
    "bert-fills", "masked-trigram-fills", "bert-gain-at-least",
)  # fmt: skip


def figures(options: harness.Options) -> list[harness.Figure]:
    measured = harness.measured({**generating.CASES, **tuning.CASES}, options)
    if not options.only or "inference" in options.only:
        measured += throughput.figures(options)
    if options.only and not {"gpt", "bert", *few_labels.CASES} & set(options.only):
        return measured
    return [*measured, *language_models(options)]


def language_models(options: harness.Options) -> list[harness.Figure]:
    reason = harness.lacking(("nlp-corpus",))
    if reason is not None:
        return [harness.Figure(each, None, reason=reason) for each in (*NAMES, *few_labels.NAMES)]
    measured: list[harness.Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        corpus(place, options)
        if not options.only or "gpt" in options.only:
            measured += gpt(place, options)
        if not options.only or {"bert", *few_labels.CASES} & set(options.only):
            measured += bert(place, options)
        measured += few_labels.figures(place / "masked-lm.luban", options)
    return measured


def corpus(place: Path, options: harness.Options) -> None:
    """Two folders of documents, drawn by the seed: those that are learned, and those that are held out."""
    from luban.data.catalogue import sample_path

    documents = sorted(sample_path("nlp-corpus").iterdir())
    drawn = np.random.default_rng(options.seed).permutation(len(documents))
    parts = {"test": drawn[:HELD_OUT], "train": drawn[HELD_OUT:]}
    for name, numbers in parts.items():
        (place / name).mkdir()
        for number in numbers:
            text = documents[number].read_text(encoding="utf-8")
            few = "\n".join(text.splitlines()[:30]) if options.quick else text
            (place / name / documents[number].name).write_text(few, encoding="utf-8")


def learned(place: Path, task: str, settings: dict[str, Any], options: harness.Options) -> Any:
    import luban

    quick = {"train.epochs": 1} if options.quick else {}
    return luban.fit(
        place / "train", task=task, test=place / "test", set={**settings, **quick},
        time=None if options.quick else SECONDS, seed=options.seed, threads=1, out=place / f"{task}.luban",
    )  # fmt: skip


def used(bundle: Any) -> str:
    """The CPU seconds of the worker that trained, and the steps that were planned by its time."""
    history = bundle.stored.history
    seconds = max((line["cpu_seconds"] for line in history if "cpu_seconds" in line), default=0.0)
    planned = [f", {line['planned']:,} steps" for line in history if "planned" in line]
    return f"{seconds:.0f} CPU s{''.join(planned)}"


def beside(bundle: Any, metric: str, name: str, simple: str) -> list[harness.Figure]:
    """The figure of a model, and that of the counts on the same tokens."""
    found = next(each for each in bundle.measurements if each.name == metric)
    how = f"{metric} on {found.rows} documents that were held out; {bundle.stored.evidence['evaluation']['corpus']}; "
    how += f"{used(bundle)}; time is wall time, which a busy machine shares out"
    harness.say(f"{name}: {found.value:.4f}, {simple}: {found.baseline.value:.4f}")
    return [
        harness.Figure(name, found.value, found.low, found.high, how=how),
        harness.Figure(simple, found.baseline.value, how=f"{found.baseline.model} on the same tokens"),
    ]


def gpt(place: Path, options: harness.Options) -> list[harness.Figure]:
    bundle = learned(place, "causal-lm", GPT, options)
    if bundle.measurements[0].baseline is None:
        return [harness.Figure(name, None, reason="the time was over before it was trained") for name in NAMES[:3]]
    gain = next(each for each in bundle.measurements if each.name == "bits-per-byte").difference
    return [
        *beside(bundle, "bits-per-byte", "gpt-bits-per-byte", "trigram-bits-per-byte"),
        harness.Figure("gpt-gain-at-least", -gain.high, goal=(">=", 0.0), how="paired over documents, its lower bound"),
    ]


def bert(place: Path, options: harness.Options) -> list[harness.Figure]:
    bundle = learned(place, "masked-lm", BERT, options)
    if bundle.measurements[0].baseline is None:
        return [harness.Figure(name, None, reason="the time was over before it was trained") for name in NAMES[3:8]]
    gain = next(each for each in bundle.measurements if each.name == "fill-accuracy").difference
    return [
        *beside(bundle, "perplexity", "bert-perplexity", "masked-trigram-perplexity"),
        *beside(bundle, "fill-accuracy", "bert-fills", "masked-trigram-fills"),
        harness.Figure("bert-gain-at-least", gain.low, goal=(">=", 0.0), how="paired over documents, its lower bound"),
    ]


if __name__ == "__main__":
    harness.main(__doc__, figures, ["gpt", "bert", *few_labels.CASES, "inference", *generating.CASES, *tuning.CASES])
