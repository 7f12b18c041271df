"""Too few rows: a model is still getting better as rows are added, so more of them would help.

Signal: how much lower the out-of-fold loss of quick models is with all training rows than with half of them, in
standard errors of the paired difference. Threshold 3, and a tenth of the loss (luban's catalogue has 2 standard errors;
small clean tables pass that now and then). Silent above 20,000 rows and below 30. Where a text is written for another
one, the quick model is the translation memory, and the loss what is missing to a chrF of 100, of each of up to 300 rows
that it does not know. A note: no fault of the data that is there. Repairs need rows that luban has not; simpler models
and stronger penalties are tried by the search anyway.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, Ragged
from luban.core import registry
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination, Metric
from luban.training import probing

ERRORS = 3.0
SHARE = 0.1
ENOUGH = 20_000
WRITTEN = "sequence-to-sequence"
ASKED = 300
"""Texts that the translation memory is asked for, at most; and at most a fifth of those that are there."""


def examine(examination: Examination) -> list[Finding]:
    if examination.rows > ENOUGH:
        return []
    written = examination.task.name == WRITTEN
    before, after = _of_texts(examination) if written else _of_probe(examination)
    rows = len(examination.train) if written else len(after)
    gain = before - after
    error = gain.std() / np.sqrt(len(gain))
    if error == 0 or before.mean() == 0:
        return []
    errors, share = float(gain.mean() / error), float(gain.mean() / before.mean())
    if errors <= ERRORS or share <= SHARE:
        return []
    return [
        Finding(
            condition=condition.id,
            severity="note",
            where=Where(),
            evidence=Signal("standard errors of the gain from half of the rows to all", errors, ERRORS, len(gain)),
            text=(
                f"from half of the {rows:,} training rows to all of them, the error of quick models still falls by "
                f"{share:.0%} ({errors:.1f} standard errors, threshold {ERRORS:.0f}). More rows would make the model "
                "better; "
                "that is worth more than a longer search."
            ),
        )
    ]


def _of_probe(examination: Examination) -> tuple[Array, Array]:
    """(rows,) the losses of the probe, with half of the rows and with all."""
    probe = probing.out_of_fold(examination)
    half = probing.cross_predict(probe.inputs, probe.target, probe.classes, probe.fold, examination.seed, share=0.5)
    return probing.losses(half, probe.target), probe.wrong


def _of_texts(examination: Examination) -> tuple[Array, Array]:
    """(texts,) what the memory of half of the texts, and of all of them, lacks to a chrF of 100, from 0 to 1."""
    target, columns = examination.train_target, examination.schema.inputs
    if not isinstance(target, Ragged) or [column.kind for column in columns] != ["text"]:
        raise ValueError("the translation memory is for one text that is read")
    rows = len(target)
    if rows < probing.FEWEST:
        raise ValueError(f"{rows} pairs of texts are too few to judge by")
    read = Ragged.of_texts([text.strip() for text in examination.train[columns[0].name].fill_null("").to_list()])
    order = np.random.default_rng(derive(examination.seed, "too-few-samples")).permutation(rows)
    asked, known = np.split(order, [min(ASKED, rows // 5)])
    chrf: Metric = registry.find("metrics", "chrf")
    losses = []
    for some in (known[: len(known) // 2], known):
        memory = registry.find("forms", "remembered")(read[some], target[some], 0.0)
        said = memory.said(read[asked], *memory.nearest(read[asked]))
        # A weighting that counts one text alone gives the score of that text.
        losses.append(1 - chrf.scores(target[asked], Answers(said), np.eye(len(asked))) / 100)
    return losses[0], losses[1]


condition = Condition(
    id="too-few-samples",
    group="data",
    summary="a model that more rows would make better",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", WRITTEN}),
)
