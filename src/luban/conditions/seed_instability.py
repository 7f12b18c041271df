"""A model whose score depends on the seed of its training: with another seed it would be another model.

Signal: the standard deviation of the score over trainings with other seeds, over the gain of their mean over the
simplest model. Threshold 0.25 (luban's catalogue), with at least 3 trainings. The seeds of a fit are those of its
repeated cross-validation, which shuffles rows into other folds each time. Silent where the mean gain is not larger than
the standard deviation itself: then there is hardly a gain, which the score with its interval says better. Repair: an
ensemble; a lower learning rate; moving averages of weights. Proven by effect: the deviation halves.
"""

from __future__ import annotations

import math
import statistics

from luban.conditions import _answers
from luban.core import registry
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement
from luban.protocols import Condition
from luban.training.measuring import upwards

THRESHOLD = 0.25
FEWEST = 3


def examine(judgement: Judgement) -> list[Finding]:
    runs = judgement.runs
    if runs is None:
        raise judgement.lacks("runs")
    if len(runs.scores) < FEWEST:
        raise ValueError(f"{FEWEST} trainings with other seeds are needed, and there were {len(runs.scores)}")
    if not all(map(math.isfinite, (*runs.scores, runs.baseline))):
        raise ValueError(f"{runs.metric} is not defined in each of them")
    sign = upwards(registry.find("metrics", runs.metric))
    gain = sign * (statistics.mean(runs.scores) - runs.baseline)
    deviation = statistics.stdev(runs.scores)
    if gain <= deviation or deviation / gain <= THRESHOLD:
        return []
    value = deviation / gain
    listed = ", ".join(f"{score:.4g}" for score in runs.scores)
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(),
            evidence=Signal("standard deviation over seeds over the gain", value, THRESHOLD, len(runs.scores)),
            text=(
                f"with other random choices {runs.metric} is {listed}: it varies by {deviation:.2g}, {value:.0%} of "
                f"what it gains over the simplest model (threshold {THRESHOLD:.0%}). Another training would be another "
                "model. Let several answer together (--model auto), lower the learning rate, or give more rows."
            ),
            edits=_answers.edit(judgement, "model.names", ["auto"], "several models answer together"),
        )
    ]


condition = Condition(
    id="seed-instability",
    group="generalisation",
    summary="a score that depends on the seed of the training",
    examine=examine,
    tasks=_answers.ONE_ANSWER,
    sees="answers",
    proof="effect",
)
