"""What is answered by models that read before, or that learned without labels: questions, and whole articles.

Figures: questions-overlap, questions-tuned (exact match on 300 made-up questions, `made-questions`, after 600 others
and 100 to judge on: of the piece nearest to the words of the question, and of MiniLM, fine-tuned), questions-gain (by
how much the latter is more often exactly right, on the same questions) and questions-gain-at-least, its lower bound.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

JUDGED = 100
"""Questions on which a training is judged."""


def figures(options: harness.Options) -> list[harness.Figure]:
    from luban.core.errors import UsageError
    from luban.data.catalogue import sample_path

    measured = []
    for case, (names, needed, measure) in CASES.items():
        if options.only and case not in options.only:
            continue
        try:
            for name in needed:
                sample_path(name)
        except UsageError as error:
            measured += [harness.Figure(each, None, reason=f"{name} is not here: {error.fix}") for each in names]
            continue
        measured += measure(options)
    return measured


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


CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[harness.Options], list[harness.Figure]]]] = {
    "questions": (
        ("questions-overlap", "questions-tuned", "questions-gain", "questions-gain-at-least"),
        ("made-questions", "minilm"),
        questions,
    ),
}  # fmt: skip
"""For each case the names of its figures, the samples that it needs, and what measures them."""


if __name__ == "__main__":
    harness.main(__doc__, figures, list(CASES))
