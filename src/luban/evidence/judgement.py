"""A judgement: answers to rows that a model did not see, beside what they are compared with. Conditions read it.

How it is made of a fit, or of a bundle and newer rows, is in `luban.verbs.judging`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from luban.evidence.fits import Remarks

if TYPE_CHECKING:
    from luban.batch import Array


@dataclass(frozen=True, eq=False)
class Told:
    """Answers to some rows. target: (rows,) codes of classes, or values. outputs: (rows, outputs)."""

    target: Array
    outputs: Array


@dataclass(frozen=True, eq=False)
class Beside:
    """What quick models that did not see them either say of some of the rows.

    places: (some,) which of the held-out rows. outputs: (some, classes) probabilities, or (some, 1) values.
    """

    places: Array
    outputs: Array


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows that have something in common. what: in words, such as `'town' is 'Ulm'`. inside: (rows,) boolean."""

    column: str
    what: str
    inside: Array


@dataclass(frozen=True)
class Runs:
    """Scores of the same training with other random choices. baseline: of the simplest model on the same rows."""

    metric: str
    scores: tuple[float, ...]
    baseline: float


@dataclass(frozen=True, eq=False)
class Design:
    """The number columns as a linear model sees them.

    columns: their names. values: (training rows, columns), each with mean 0 and standard deviation 1.
    penalty: what the model adds to the squares of a weight, 0 for nothing. outputs: (training rows, outputs) its own.
    path, before: where the recipe says the penalty, and what stands there.
    """

    columns: tuple[str, ...]
    values: Array
    penalty: float
    target: Array
    outputs: Array
    path: str
    before: str


@dataclass(frozen=True, eq=False)
class Earlier:
    """Rows of what was learned before. before, after: (rows, outputs) answers without and with the later training.

    Of raw texts, the task `causal-lm`: (texts, 2) the sum of -log p over the tokens of each, and how many they are.
    """

    task: str
    target: Array
    before: Array
    after: Array


@dataclass(frozen=True, eq=False)
class Judgement:
    """What conditions of answers look at. A part that is None could not be known; `why` says the reason, by part.

    task: `binary`, `multiclass`, `regression` or another; classes: names of the codes. model: the chosen one's label.
    split: `validation` for rows that fits did not see, `given` for rows that came with their target later.
    settings: the JSON values of the recipe by path: what an edit can change.
    held_out: the answers as they are given, corrected by what did not see them. folds: (rows,) the part that held each
        out. weight: (rows,) or None. uncorrected: (rows, outputs) before probabilities were calibrated.
    train: answers to rows that the model was fitted on.
    constant: (rows, outputs) the simplest model's answers to the held-out rows. beside: quick models' answers to them.
    slices: parts of the held-out rows. runs: trainings with other random choices.
    remarks: what fits told of themselves, by the label of each model that answers.
    design: for a linear model alone. earlier: what was learned before, for a model that was trained further.
    """

    task: str
    classes: tuple[str, ...]
    model: str
    held_out: Told
    split: str = "validation"
    settings: Mapping[str, Any] = field(default_factory=dict)
    folds: Array | None = None
    weight: Array | None = None
    uncorrected: Array | None = None
    train: Told | None = None
    constant: Array | None = None
    beside: Beside | None = None
    slices: tuple[Slice, ...] | None = None
    runs: Runs | None = None
    remarks: Mapping[str, Remarks] | None = None
    design: Design | None = None
    earlier: Earlier | None = None
    seed: int = 0
    why: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, part: str) -> ValueError:
        """Why a part cannot be known, for a condition that needs it to raise.

        >>> import numpy as np
        >>> said = Told(np.array([0]), np.array([[1.0, 0.0]]))
        >>> str(Judgement("binary", ("a", "b"), "linear", said, why={"runs": "it was trained once"}).lacks("runs"))
        'it was trained once'
        """
        return ValueError(self.why.get(part, _UNKNOWN[part]))


_UNKNOWN = {
    "train": "what the model answers to its training rows is not known",
    "constant": "what the simplest model answers is not known",
    "beside": "there are no quick models to compare it with",
    "slices": "no column of the rows was looked at",
    "runs": "it was trained once, and how far other seeds lead away is not known: --set train.repeats=3",
    "remarks": "how its fit ended is not known",
    "design": "no linear model answers alone",
    "earlier": "it was not trained from another model",
}


def errors(task: str, told: Told) -> Array:
    """(rows,) 0 or 1 for classes (is the likeliest one wrong?); for values the absolute error over the mean absolute
    distance of the values from their median, so that the best constant answer has a mean of 1.

    >>> import numpy as np
    >>> errors("binary", Told(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]))).tolist()
    [0.0, 1.0]
    """
    import numpy as np

    if task != "regression":
        wrong = told.outputs.argmax(axis=1) != told.target
        return np.asarray(wrong, dtype=np.float64)
    scale = float(np.abs(told.target - np.median(told.target)).mean())
    return np.asarray(np.abs(told.outputs[:, 0] - told.target) / (scale if scale > 0 else 1.0))
