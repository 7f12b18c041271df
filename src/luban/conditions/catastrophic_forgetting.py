"""A model that was trained further and lost what it knew: rows of the earlier task are answered worse than before.

Signal: the mean error on rows of the earlier task after the later training less that before it (forgetting; Chaudhry et
al., 2018; first described by McCloskey and Cohen, 1989); the error is 0 or 1 of classes, and of values relative to the
best constant answer. Threshold 0.1, as large as the gap that luban's catalogue calls overfitting, and beyond chance:
the paired 95% interval lies above 0. It was set, not measured. Silent below 50 rows; unknown for a model that was not
trained from another one. Of raw texts, for a language model that was tuned on chats, the error is the loss in nats a
token, and its threshold 0.5 (docs/decisions/0043); silent below 20 texts. Repair: a lower learning rate; rows of the
earlier task among the later ones. Proven by effect on other earlier rows.
"""

from __future__ import annotations

import numpy as np

from luban.conditions import _answers
from luban.core.seed import derive
from luban.evidence import intervals
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Earlier, Judgement, Told, errors
from luban.protocols import Condition
from luban.recipe.edit import RecipeEdit

THRESHOLD = 0.1
FEWEST = 50
SEVERE = 0.3
TEXTS = "causal-lm"
"""The task of raw texts."""
NATS, SEVERE_NATS = 0.5, 1.5
"""A token of raw text: e to that is how much less likely it became."""
FEWEST_TEXTS = 20
SLOWER = 0.1


def examine(judgement: Judgement) -> list[Finding]:
    earlier = judgement.earlier
    if earlier is None:
        raise judgement.lacks("earlier")
    if earlier.task == TEXTS:
        return _of_texts(judgement, earlier)
    if len(earlier.target) < FEWEST:
        raise ValueError(f"{len(earlier.target)} earlier rows are too few to judge by; {FEWEST} are needed")
    before, after = (errors(earlier.task, Told(earlier.target, said)) for said in (earlier.before, earlier.after))
    lost = after - before
    value = float(lost.mean())
    if value <= THRESHOLD:
        return []
    interval = intervals.of_mean(lost, seed=derive(judgement.seed, "forgetting"))
    if interval.low <= 0:
        return []
    return [
        Finding(
            condition=condition.id,
            severity="severe" if value > SEVERE else "warning",
            where=Where(),
            evidence=Signal("error on earlier rows after the training less that before", value, THRESHOLD, len(lost)),
            text=(
                f"on {len(lost):,} rows of what was learned before, the error was {before.mean():.2f} and is "
                f"{after.mean():.2f}: {value:.2f} more ({interval.low:.2f} to {interval.high:.2f}, threshold "
                f"{THRESHOLD:g}). The later training overwrote it. Train with a tenth of the learning rate, or put "
                "rows of the earlier task among the later ones, if it is still needed."
            ),
            edits=_slower(judgement),
        )
    ]


def _of_texts(judgement: Judgement, earlier: Earlier) -> list[Finding]:
    """Raw texts that a language model predicts worse than before; each token weighs the same."""
    tokens = earlier.before[:, 1]
    if len(tokens) < FEWEST_TEXTS:
        raise ValueError(f"{len(tokens)} raw texts are too few to judge by; {FEWEST_TEXTS} are needed")
    lost = (earlier.after[:, 0] - earlier.before[:, 0]) / tokens
    value = float(np.average(lost, weights=tokens))
    if value <= NATS:
        return []
    interval = intervals.of_mean(lost, tokens, seed=derive(judgement.seed, "forgetting"))
    if interval.low <= 0:
        return []
    before, after = (float(said[:, 0].sum() / tokens.sum()) for said in (earlier.before, earlier.after))
    return [
        Finding(
            condition=condition.id,
            severity="severe" if value > SEVERE_NATS else "warning",
            where=Where(),
            evidence=Signal("nats a token of raw text after the training less that before", value, NATS, len(lost)),
            text=(
                f"on {len(lost):,} raw texts that nothing was learned from, a token cost {before:.2f} nats and costs "
                f"{after:.2f}: {value:.2f} more ({interval.low:.2f} to {interval.high:.2f}, threshold {NATS:g}). The "
                "training overwrote how the model writes. Train with a tenth of the learning rate, or for fewer "
                "epochs, if it is to do more than answer as here."
            ),
            edits=_slower(judgement),
        )
    ]


def _slower(judgement: Judgement) -> tuple[RecipeEdit, ...]:
    rate = judgement.settings.get("train.learning_rate")
    if not isinstance(rate, int | float):
        return ()
    return _answers.edit(judgement, "train.learning_rate", rate * SLOWER, "smaller steps keep what was learned")


condition = Condition(
    id="catastrophic-forgetting",
    group="optimisation",
    summary="what was learned before is answered worse after a later training",
    examine=examine,
    tasks=_answers.WITH_TARGET | {"chat", "preference"},
    sees="answers",
    proof="effect",
)
