"""A rare class that models overlook because the others are so frequent.

Rarity alone is no fault; so two signals must meet. The smallest class has less than a tenth of an even share, or the
largest is more than 10 times as frequent (cleanlab; SageMaker Debugger); and out of fold, quick models find the classes
unequally: the best recall exceeds that of a rare class. Threshold 0.3 (luban's catalogue). Silent with fewer than 10
rows of the rare class, of which nothing can be said, and when class weights are on. Repair: class weights. Proven by
effect: the recall of the worst class rises, paired on held-out rows, and the log loss hardly grows.
"""

from __future__ import annotations

import numpy as np

from luban.batch import dense
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit
from luban.training import probing

SHARE = 0.1
"""Of an even share, 1 / classes."""
RATIO = 10.0
GAP = 0.3
FEWEST = 10


def examine(examination: Examination) -> list[Finding]:
    if examination.recipe.train.class_weight != "none" or examination.train_target is None:
        return []
    codes = dense(examination.train_target)
    counts = np.bincount(codes[codes >= 0], minlength=len(examination.classes))
    present = counts[counts > 0]
    rare = (counts < SHARE * counts.sum() / len(counts)) | (counts * RATIO < counts.max())
    if len(present) < 2 or not rare.any():
        return []
    probe = probing.out_of_fold(examination)
    answers = probe.outputs.argmax(axis=1)
    judged = [code for code in np.unique(probe.target) if np.sum(probe.target == code) >= FEWEST]
    recall = {int(code): float((answers[probe.target == code] == code).mean()) for code in judged}
    overlooked = [code for code in recall if rare[code]]
    if not overlooked:
        return []
    worst = min(overlooked, key=lambda code: recall[code])
    gap = max(recall.values()) - recall[worst]
    if gap <= GAP:
        return []
    name, ratio = examination.classes[worst], counts.max() / counts[worst]
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=examination.recipe.target),
            evidence=Signal("recall of the best class less that of a rare one", gap, GAP, len(probe.target)),
            text=(
                f"class '{name}' has {counts[worst]:,} training rows, 1 for {ratio:.0f} of the largest class "
                "(threshold "
                f"{RATIO:.0f}), and quick models find {recall[worst]:.0%} of its rows, {gap:.2f} less than of the best "
                "class "
                f"(threshold {GAP}). Accuracy hides that. Weigh the classes: --set train.class_weight=balanced."
            ),
            edits=(
                RecipeEdit(
                    "train.class_weight", "none", "balanced", f"'{name}' is overlooked: 1 row in {ratio + 1:.0f}"
                ),
            ),
        )
    ]


condition = Condition(
    id="class-imbalance",
    group="data",
    summary="a rare class that models overlook",
    examine=examine,
    tasks=frozenset({"binary", "multiclass"}),
    proof="effect",
)
