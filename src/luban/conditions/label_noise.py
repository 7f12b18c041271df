"""Wrong labels: rows whose class quick models contradict with confidence; or labels that say nothing about the inputs.

Noise and true overlap of classes differ in where models are wrong: overlap is wrong where models are unsure, noise is
wrong everywhere, also where they are surest. Signal: the share of contradicted rows among those about which out-of-fold
models are surest: the first half or the first third of each answered class, or fewer where a hundred rows in all are
enough; a class that lies between others, of which models are nowhere as sure, is left out. Threshold 3%, with a Wilson
interval above 2%, and both above what overlapping normal classes with so many errors in all would show there.
Chosen by trial: of clean tables hardly a label is contradicted there, of noisy ones about the share that is wrong.
Out-of-fold confident learning (Northcutt et al., 2021) then lists the rows. Where models do no better than chance (the
area under the ROC curve within two standard errors of 0.5), nothing ties the labels to the inputs: shuffled rows, or
columns that do not bear on the target. Silent below 30 rows, and with fewer than 3 contradicted rows. Luban changes no
label: the rows are named, for a person to look at.

Where a text is to be written for another one, it is looked for targets that are copies of what is read, which teach a
network not to translate (Khayrallah and Koehn, 2018). Threshold 2% of the training rows and at least 5 of them, letters
of both cases equal; silent where most targets are copies, for then that is what is asked. One text alone may be a name.
And for targets that say nothing, such as "-" or "...": they have neither letter nor digit, and teach to write that. The
same thresholds. Rows whose target is empty teach nothing, for they are left out; of so large a share a note tells it.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array, Ragged
from luban.data.division import NO_TARGET
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.intervals import wilson
from luban.protocols import Condition, Examination
from luban.training import probing
from luban.training.probing import Probe

THRESHOLD = 0.03
SURELY = 0.02
SUREST = (1 / 3, 1 / 2)
"""Shares of a class that are looked at: the third where errors abound, the half where rows are few."""
ENOUGH = 100
"""Rows in all that tell a share; of large tables fewer but surer rows are looked at."""
LEAST = 0.1
"""The smallest share of a class that is looked at."""
AS_SURE = 0.8
"""Of the confidence in the class that models are surest of."""
SEVERE = 0.1
FEWEST = 3
CHANCE = 2.0
"""Standard errors of chance."""
WRITTEN = "sequence-to-sequence"
COPIES, MOST_COPIES, FEWEST_COPIES = 0.02, 0.5, 5
"""Share of targets that copy what is read, or say nothing, from which they are told; up to which; and the fewest."""
JUDGED = 100
"""Rows below which an area near 0.5 may be mere bad luck."""


def examine(examination: Examination) -> list[Finding]:
    if examination.task.name == WRITTEN:
        return [*_copies(examination), *_empty(examination)]
    probe = probing.out_of_fold(examination)
    area, error = probing.ranking(probe)
    if area - 0.5 < CHANCE * error:
        return [_unrelated(examination, area, error, len(probe.rows))] if len(probe.rows) >= JUDGED else []
    return _contradicted(examination, probe) if probe.classes else []


def _copies(examination: Examination) -> list[Finding]:
    target, columns = examination.train_target, examination.schema.inputs
    if not isinstance(target, Ragged) or [column.kind for column in columns] != ["text"]:
        return []
    read = examination.train[columns[0].name].fill_null("").to_list()
    pairs = zip(read, target.texts(), strict=True)
    copied = np.array([one.strip().lower() == other.strip().lower() != "" for one, other in pairs], bool)
    share = float(copied.mean()) if len(copied) else 0.0
    if copied.sum() < FEWEST_COPIES or not COPIES < share <= MOST_COPIES:
        return []
    rows = examination.train_rows[np.flatnonzero(copied)[:100]]
    return [
        Finding(
            condition=condition.id,
            severity="severe" if share > SEVERE else "warning",
            where=Where(column=examination.recipe.target, rows=tuple(int(row) for row in rows)),
            evidence=Signal("share of targets that copy what is read", share, COPIES, len(copied)),
            text=(
                f"{int(copied.sum()):,} targets ({share:.1%}, threshold {COPIES:.0%}) are the text that is read, for "
                f"example in row {rows[0]}. They teach a model to leave texts as they are. Write what is wanted, or "
                "leave these rows out."
            ),
        )
    ]


def _empty(examination: Examination) -> list[Finding]:
    """Targets that say nothing; a note where there are none of these, but many are missing."""
    target, column = examination.train_target, examination.recipe.target
    if not isinstance(target, Ragged) or not len(target):
        return []
    silent = np.array([not any(letter.isalnum() for letter in text) for text in target.texts()], bool)
    share = float(silent.mean())
    if silent.sum() >= FEWEST_COPIES and COPIES < share <= MOST_COPIES:
        rows = examination.train_rows[np.flatnonzero(silent)[:100]]
        return [
            Finding(
                condition=condition.id,
                severity="severe" if share > SEVERE else "warning",
                where=Where(column=column, rows=tuple(int(row) for row in rows)),
                evidence=Signal("share of targets without a letter or digit", share, COPIES, len(silent)),
                text=(
                    f"{int(silent.sum()):,} targets ({share:.1%}, threshold {COPIES:.0%}) have neither a letter nor a "
                    f"digit, for example in row {rows[0]}. They teach a model to write nothing. Write what is wanted, "
                    "or leave the field empty: such rows are left out."
                ),
            )
        ]
    missing = examination.left_out.get(NO_TARGET, 0)
    rows_in_all = examination.rows + missing
    if missing < FEWEST_COPIES or missing / rows_in_all <= COPIES:
        return []
    return [
        Finding(
            condition=condition.id,
            severity="note",
            where=Where(column=column),
            evidence=Signal("share of rows without a target", missing / rows_in_all, COPIES, rows_in_all),
            text=(
                f"{missing:,} of {rows_in_all:,} rows ({missing / rows_in_all:.1%}, threshold {COPIES:.0%}) have no "
                "text to be written, and are left out. With their texts a model could learn from them too."
            ),
        )
    ]


def _contradicted(examination: Examination, probe: Probe) -> list[Finding]:
    answer = probe.outputs.argmax(axis=1)
    wrong = answer != probe.target
    signals = [signal for most in SUREST if (signal := _signal(probe, answer, wrong, most)) is not None]
    if not signals:
        return []
    signal = max(signals, key=lambda signal: signal.value - signal.threshold)
    flagged = _confident_learning(probe)
    # The rows that models contradict most surely come first.
    order = np.argsort(probe.outputs[flagged, probe.target[flagged]], kind="stable")
    numbers = examination.train_rows[probe.rows[flagged[order]]]
    first = flagged[order[0]] if len(order) else int(np.flatnonzero(wrong)[0])
    names = examination.classes[probe.target[first]], examination.classes[answer[first]]
    return [
        Finding(
            condition=condition.id,
            severity="severe" if signal.value > SEVERE else "warning",
            where=Where(column=examination.recipe.target, rows=tuple(int(row) for row in numbers[:100])),
            evidence=signal,
            text=(
                f"where quick models are surest they still contradict {signal.value:.1%} of the labels (threshold "
                f"{signal.threshold:.0%}), "
                f"and {len(flagged):,} labels in all look wrong; row {examination.train_rows[probe.rows[first]]} says "
                f"'{names[0]}' and looks like '{names[1]}'. Wrong labels teach wrong answers, and make the score too "
                "low. "
                "Look at the listed rows and correct them."
            ),
        )
    ]


def _signal(probe: Probe, answer: Array, wrong: Array, most: float) -> Signal | None:
    """The share of the surest rows that is contradicted; None where it is not beyond its threshold."""
    share = min(max(ENOUGH / len(answer), LEAST), most)
    sure = _surest(probe.outputs, answer, share)
    count, rows = int((wrong & sure).sum()), int(sure.sum())
    overlap = _overlap(float(wrong.mean()), share)
    low, _ = wilson(count, rows)
    threshold = max(THRESHOLD, overlap)
    if count < FEWEST or count / rows <= threshold or low <= max(SURELY, overlap):
        return None
    return Signal("share of contradicted labels where models are surest", count / rows, threshold, rows)


def _surest(outputs: Array, answer: Array, share: float) -> Array:
    """(rows,) whether a row is among the share of its answered class about which the models are surest."""
    confidence = outputs[np.arange(len(answer)), answer]
    most = {}
    for code in np.unique(answer):
        inside = np.flatnonzero(answer == code)
        most[code] = inside[np.argsort(-confidence[inside], kind="stable")][: max(int(len(inside) * share), 1)]
    mean = {code: confidence[rows].mean() for code, rows in most.items()}
    sure = np.zeros(len(answer), dtype=bool)
    for code, rows in most.items():
        sure[rows] = mean[code] >= AS_SURE * max(mean.values())
    return sure


def _overlap(wrong: float, share: float) -> float:
    """How often the surest share of rows is wrong where two normal classes overlap, and so many are wrong in all.

    A row whose evidence is s, a standard normal number, then has the other class with a probability of ndtr(-a |s|);
    over all rows that is arctan(1 / a) / pi.
    """
    from scipy.special import ndtr, ndtri

    if wrong <= 0:
        return 0.0
    if wrong >= 0.5:
        return 0.5
    surest = ndtri(1 - share * (np.arange(200) + 0.5) / 400)
    return float(ndtr(-surest / np.tan(np.pi * wrong)).mean())


def _confident_learning(probe: Probe) -> Array:
    """Numbers of the rows that reach the mean confidence of another class, and that class most of all."""
    outputs, target = probe.outputs, probe.target
    present = np.unique(target)
    mean = np.full(outputs.shape[1], np.inf)
    mean[present] = [outputs[target == code, code].mean() for code in present]
    reached = np.where(outputs >= mean, outputs, -1.0)
    likeliest = reached.argmax(axis=1)
    return np.flatnonzero((reached.max(axis=1) > 0) & (likeliest != target))


def _unrelated(examination: Examination, area: float, error: float, rows: int) -> Finding:
    bound = 0.5 + CHANCE * error
    return Finding(
        condition=condition.id,
        severity="severe",
        where=Where(column=examination.recipe.target),
        evidence=Signal("area under the ROC curve, out of fold", area, bound, rows),
        text=(
            f"quick models rank rows no better than chance: an area of {area:.3f}, and {bound:.3f} would be beyond "
            "chance. "
            "Either the columns say nothing about the target, or its values were shuffled or joined to the wrong rows. "
            "Check how the target came into the table."
        ),
    )


condition = Condition(
    id="label-noise",
    group="data",
    summary="labels that the inputs contradict",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", WRITTEN}),
    silences=("too-few-samples",),
)
