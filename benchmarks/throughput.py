"""How fast a large pretrained model answers, beside the libraries that people use for it; `large.py` calls this.

The model is MiniLM (`minilm`), fine-tuned on articles of BBC News (`bbc-news`) that are cut to lengths as texts have
them: median 40 tokens, 95% below about 130, none above 256. A text is answered by the first of its states, which luban
chooses where all of MiniLM learns, as the classifiers of `transformers` do; and, by a network of its own, by the mean
of them, for which MiniLM was made. CPU seconds in one thread, in turns, each round on the same texts; words are cut
into tokens within what is measured. The value is the median of the rounds.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import harness
import peak
from luban.evidence.intervals import proportion_difference

LABELLED, ANSWERED, TIMED = 300, 600, 160
QUICK_LABELLED, QUICK_ANSWERED, QUICK_TIMED = 20, 24, 24
JUDGED, QUICK_JUDGED = 100, 24
LONGEST = 256
MOST_TOKENS = 256
"""Tokens of a batch of the loop that luban's answers are compared with, padding included."""
ROUNDS, QUICK_ROUNDS = 5, 1
SAMPLES = ("minilm", "bbc-news")
GOALS: dict[str, float | None] = {
    "inference-pipeline": 2.0,
    "inference-pipeline-int8": 4.0,
    "inference-pipeline-32": 5.0,
    "inference-pipeline-32-int8": 10.0,
    "inference-onnxruntime": 0.95,
    "inference-onnxruntime-exported": None,
}
MEAN = "inference-mean-"
"""What the figures begin with where the mean of its states answers for a text."""
PARITY = ("inference-difference", "inference-int8-changed", "inference-int8-loss")
PEAK = (
    "inference-of-peak",
    "inference-int8-of-peak",
    "inference-pipeline-at-peak",
    "inference-pipeline-32-at-peak",
    "inference-pipeline-32-int8-at-peak",
    "inference-pipeline-32-padding",
)
NAMES = tuple(name.replace("inference-", start) for start in ("inference-", MEAN) for name in (*GOALS, *PARITY, *PEAK))
CLOSE = 1e-4
"""How far a probability in float32 may lie from that of the pipeline."""

Run = Callable[[], Any]


@dataclass(frozen=True)
class Served:
    """What answers, by name; each takes the same texts. lengths: their tokens. body: the settings of the encoder.
    summary: what of its states answers.
    """

    runs: dict[str, Run]
    how: str
    lengths: Any
    body: Any
    summary: str


def figures(options: harness.Options) -> list[harness.Figure]:
    reason = harness.lacking(SAMPLES)
    if reason is not None:
        return [harness.Figure(each, None, reason=reason) for each in NAMES]
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        return _inference(Path(folder), options)


def texts(seed: int) -> Any:
    """Unique articles in a random order, each cut at a length of its own."""
    import polars as pl

    from luban.data.catalogue import sample_path

    table = pl.read_csv(sample_path("bbc-news")).unique("text", keep="first", maintain_order=True)
    table = table.sample(fraction=1.0, shuffle=True, seed=seed)
    # A word has about 1.2 tokens, and two marks are around a text.
    words = np.exp(np.random.default_rng(seed).normal(math.log(32), 0.7, len(table)))
    cut = [
        " ".join(text.split()[:count])
        for text, count in zip(table["text"], words.clip(3, 200).astype(int), strict=True)
    ]
    return table.with_columns(pl.Series("text", cut))


def _inference(place: Path, options: harness.Options) -> list[harness.Figure]:
    import luban

    sizes = (QUICK_LABELLED, QUICK_ANSWERED, QUICK_TIMED) if options.quick else (LABELLED, ANSWERED, TIMED)
    labelled, answered, timed = sizes
    table = texts(options.seed)
    known, others = table[:labelled], table[labelled : labelled + answered]
    judge = table[-(QUICK_JUDGED if options.quick else JUDGED) :]
    settings: dict[str, Any] = {"train.epochs": 1 if options.quick else 3, "features.longest": LONGEST}
    if options.quick:
        # What is answered by is as large however it was tuned.
        settings["model.pretrained-text.tune"] = "head"
    found: list[harness.Figure] = []
    for start, summary in {"inference-": "first" if options.quick else "auto", MEAN: "mean"}.items():
        bundle = luban.fit(
            known, "topic", from_="minilm", model="pretrained-text", validation=judge, repair="off",
            set={**settings, "model.pretrained-text.summary": summary}, column={"text": "text"},
            seed=options.seed, threads=1, out=place / f"{summary}.luban",
        )  # fmt: skip
        harness.say(f"fine-tuned, the {_read(bundle).summary} of the states stands for a text")
        measured = compared(bundle, others, timed, QUICK_ROUNDS if options.quick else ROUNDS)
        found += [replace(figure, name=figure.name.replace("inference-", start)) for figure in measured]
    return found


def compared(bundle: Any, others: Any, timed: int, rounds: int) -> list[harness.Figure]:
    """The figures of a fine-tuned bundle. others: rows that it did not see, of which the first `timed` are timed."""
    few = others[:timed].select("text")
    served = _served(bundle, few)
    seconds: dict[str, list[float]] = {name: [] for name in served.runs}
    said = {name: run() for name, run in served.runs.items()}
    for number in range(rounds):
        names = list(seconds)
        for name in names if number % 2 else reversed(names):
            began = time.process_time()
            served.runs[name]()
            seconds[name].append(time.process_time() - began)
        harness.say(f"round {number + 1}: " + ", ".join(f"{n} {each[-1]:.2f}s" for n, each in seconds.items()))
    difference = float(np.abs(said["luban"] - said["pipeline"]).max())
    found = []
    for name, goal in GOALS.items():
        peer, ours = name.removeprefix("inference-").removesuffix("-int8"), "luban-int8" if "int8" in name else "luban"
        ratios = sorted(np.array(seconds[peer]) / np.array(seconds[ours]))
        able = "int8" not in name or "vnni" in served.how
        judged = (">=", goal) if able and goal is not None else None
        how = f"CPU of {peer} / {ours}, {served.how}"
        found.append(harness.Figure(name, float(np.median(ratios)), ratios[0], ratios[-1], judged, how))
    how = f"largest difference of a probability from the pipeline's, float32, {timed} texts"
    found.append(harness.Figure("inference-difference", difference, goal=("<=", CLOSE), how=how))
    return [*found, *_parity(bundle, others), *_beside_peak(served, seconds)]


def _beside_peak(served: Served, seconds: dict[str, list[float]]) -> list[harness.Figure]:
    """What is left to be had: how much of the time is products at the core's peak, and the ratios if all of it were."""
    body = served.body
    sizes = body.num_hidden_layers, body.hidden_size, body.intermediate_size, body.num_attention_heads
    needed = peak.work(served.lengths, *sizes, last="all" if served.summary == "mean" else "first")
    exact, whole = peak.measured(body.hidden_size, body.intermediate_size)
    least, least_int8 = needed.least(exact), needed.least(exact, whole)
    took = {name: float(np.median(each)) for name, each in seconds.items()}
    told = f"peak of the core {exact / 1e9:.0f} thousand million operations a second in float32"
    with_int8 = f"{told}, {whole / 1e9:.0f} in int8"
    if_all = "if luban took no time but for products at the core's peak"
    lengths = served.lengths
    batches = [lengths[first : first + 32] for first in range(0, len(lengths), 32)]
    padded = sum(len(batch) * int(batch.max()) for batch in batches)
    values = {
        "inference-of-peak": (least / took["luban"], f"share of luban's CPU that products at peak take; {told}"),
        "inference-int8-of-peak": (least_int8 / took["luban-int8"], f"the same in int8; {with_int8}"),
        "inference-pipeline-at-peak": (took["pipeline"] / least, f"CPU of pipeline / luban's {if_all}; {told}"),
        "inference-pipeline-32-at-peak": (took["pipeline-32"] / least, f"the same of pipeline-32; {told}"),
        "inference-pipeline-32-int8-at-peak": (took["pipeline-32"] / least_int8, f"the same, in int8; {with_int8}"),
        "inference-pipeline-32-padding": (
            1 - float(lengths.sum()) / padded,
            "share of padding in the tokens of batches of 32 texts as they come",
        ),
    }  # fmt: skip
    return [harness.Figure(name, value, how=how) for name, (value, how) in values.items()]


def _served(bundle: Any, few: Any) -> Served:
    """Luban's answers as `luban predict` makes them, and those of others, all of the same network."""
    import trainers

    summary = _read(bundle).summary
    tokenizer, network = _laid_out(bundle)
    exact, rounded = bundle.answering(1), bundle.answering(1, "int8")
    pipe = _pipeline(network, tokenizer)
    listed = few["text"].to_list()
    lengths = np.array([len(tokenizer(text)["input_ids"]) for text in listed])
    flags = [f for f in trainers._flags() if f in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8")]
    how = (
        f"one thread, {len(listed)} texts of median {int(np.median(lengths))}, 95% below "
        f"{int(np.quantile(lengths, 0.95))} tokens; MiniLM of 6 layers, {summary} state; CPU flags {' '.join(flags)}; "
        f"{trainers.version('transformers')}, {trainers.version('onnxruntime')}"
    )
    runs = {
        "luban": lambda: exact.answers(few).probabilities,
        "luban-int8": lambda: rounded.answers(few).probabilities,
        "pipeline": lambda: pipe(listed),
        "pipeline-32": lambda: pipe(listed, batch_size=32),
        "onnxruntime": _bare(bundle.stored.runtime, tokenizer, listed, exported=False),
        "onnxruntime-exported": _bare(bundle.stored.runtime, tokenizer, listed, exported=True),
    }
    return Served(runs, how, lengths, network.config, summary)


def classifier(classes: int, summary: str = "first") -> Any:
    """MiniLM with a fresh head on the first or the mean of its states, as one writes it who uses `transformers`."""
    import torch
    import transformers
    from torch import nn

    from luban.data.catalogue import sample_path

    body = transformers.AutoModel.from_pretrained(
        sample_path("minilm"), add_pooling_layer=False, num_labels=classes, dtype=torch.float32
    )

    class Classifier(transformers.PreTrainedModel):
        config_class, _supports_sdpa = type(body.config), True

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.bert, self.head = body, nn.Linear(config.hidden_size, config.num_labels)
            self.post_init()

        def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None, **other: Any) -> Any:
            del other
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            own = attention_mask[:, :, None].to(states.dtype)
            logits = self.head(states[:, 0] if summary == "first" else (states * own).sum(1) / own.sum(1))
            loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
            return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)

    kept = {name: tensor.clone() for name, tensor in body.state_dict().items()}
    network = Classifier(body.config)
    network.bert.load_state_dict(kept)
    return network


def _read(bundle: Any) -> Any:
    """What reads a text in the network of a bundle."""
    return next(part for part in bundle.network.modules() if hasattr(part, "body"))


def _laid_out(bundle: Any) -> tuple[Any, Any]:
    """The tokenizer of MiniLM, and the network of a bundle as one writes it who serves it by `transformers`."""
    import transformers

    from luban.data.catalogue import sample_path

    tuned, read = bundle.network, _read(bundle)
    tokenizer = transformers.AutoTokenizer.from_pretrained(sample_path("minilm"), model_max_length=LONGEST)
    network = classifier(tuned.head.out_features, read.summary)
    network.bert.load_state_dict(read.body.state_dict())
    network.head.load_state_dict({"weight": tuned.head.weight, "bias": tuned.head.bias})
    return tokenizer, network.eval()


def _pipeline(network: Any, tokenizer: Any) -> Callable[..., Any]:
    """(rows, classes) of `transformers.pipeline`."""
    import transformers

    labels = [f"LABEL_{number}" for number in range(network.config.num_labels)]
    network.config.id2label = dict(enumerate(labels))
    pipe = transformers.pipeline("text-classification", model=network, tokenizer=tokenizer, device="cpu")

    def answer(listed: list[str], **settings: Any) -> Any:
        found = pipe(listed, top_k=None, truncation=True, **settings)
        scores = [{entry["label"]: entry["score"] for entry in row} for row in found]
        return np.array([[row[label] for label in labels] for row in scores])

    return answer


def _bare(graph: bytes, tokenizer: Any, listed: list[str], *, exported: bool) -> Run:
    """A loop over batches of texts that are sorted by length, by onnxruntime and the library `tokenizers`.

    exported: whether it takes the graph as torch's exporter writes it, in batches of 32; else the fused one that luban
    runs, in batches of up to `MOST_TOKENS` tokens with as little padding as luban's, which are as large.
    """
    import onnx
    import onnxruntime

    from luban import collate
    from luban.runtime import first_step, fusing

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    fused = first_step.narrowed(fusing.fused(onnx.load_model_from_string(graph)))
    run = graph if exported else bytes(fused.SerializeToString())
    session = onnxruntime.InferenceSession(run, settings, providers=["CPUExecutionProvider"])
    name = next(end.name for end in session.get_inputs() if not end.name.endswith(".lengths"))
    # The graph takes luban's own numbers: five marks, then the tokenizer's.
    start, end, marks = 2, 3, 5

    def answer() -> Any:
        ids = tokenizer(listed, add_special_tokens=False, truncation=True, max_length=LONGEST - 2)["input_ids"]
        rows = [[start, *(number + marks for number in row), end] for row in ids]
        sizes = np.array([len(row) for row in rows])
        order = np.argsort(sizes, kind="stable")
        batches = [order[first : first + 32] for first in range(0, len(order), 32)]
        found: Any = None
        for numbers in batches if exported else collate.pieces(order, sizes, MOST_TOKENS):
            lengths = sizes[numbers]
            padded = np.zeros((len(numbers), lengths.max()), np.int64)
            for place, number in enumerate(numbers):
                padded[place, : lengths[place]] = rows[number]
            answers = session.run(None, {name: padded, f"{name}.lengths": lengths})[0]
            found = np.zeros((len(rows), answers.shape[1])) if found is None else found
            found[numbers] = answers
        return found

    return answer


def _parity(bundle: Any, others: Any) -> list[harness.Figure]:
    """What int8 costs in accuracy, on rows that nothing was learned from."""
    names = bundle.answerer.classes
    truth = np.array([names.index(topic) for topic in others["topic"]])
    exact, rounded = (
        np.asarray(each.answers(others.select("text")).prediction)
        for each in (bundle.answering(1), bundle.answering(1, "int8"))
    )
    lost = (exact == truth).astype(int) - (rounded == truth).astype(int)
    low, high = proportion_difference(int((lost > 0).sum()), int((lost < 0).sum()), len(lost))
    harness.say(f"accuracy {np.mean(exact == truth):.3f} in float32, {np.mean(rounded == truth):.3f} in int8")
    how = (
        f"accuracy in float32 ({np.mean(exact == truth):.3f}) less that in int8 ({np.mean(rounded == truth):.3f}), "
        f"on the same {len(lost)} texts"
    )
    changed = harness.Figure(
        "inference-int8-changed", float(np.mean(exact != rounded)), how=f"share of {len(lost)} texts with another class"
    )
    return [changed, harness.Figure("inference-int8-loss", float(np.mean(lost)), low, high, ("<=", 0.01), how)]
