"""Too few rows: a model is still getting better as rows are added, so more of them would help.

Signal: how much lower the out-of-fold loss of quick models is with all training rows than with half of them, in
standard errors of the paired difference. Threshold 3, and a tenth of the loss (luban's catalogue has 2 standard errors;
small clean tables pass that now and then). Silent above 20,000 rows and below 30. A note: no fault of the data that is
there. Repairs need rows that luban has not; simpler models and stronger penalties are tried by the search anyway.
"""

from __future__ import annotations

import numpy as np

from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination
from luban.training import probing

ERRORS = 3.0
SHARE = 0.1
ENOUGH = 20_000


def examine(examination: Examination) -> list[Finding]:
    if examination.rows > ENOUGH:
        return []
    probe = probing.out_of_fold(examination)
    half = probing.cross_predict(probe.inputs, probe.target, probe.classes, probe.fold, examination.seed, share=0.5)
    before, after = probing.losses(half, probe.target), probe.wrong
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
                f"from half of the {len(gain):,} training rows to all of them, the error of quick models still falls "
                "by "
                f"{share:.0%} ({errors:.1f} standard errors, threshold {ERRORS:.0f}). More rows would make the model "
                "better; "
                "that is worth more than a longer search."
            ),
        )
    ]


condition = Condition(
    id="too-few-samples",
    group="data",
    summary="more rows would make the model better",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
)
