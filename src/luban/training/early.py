"""Early stopping: which share of the rows says when a training is over and which of its weights are best, and why."""

from __future__ import annotations

from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training.beginning import customary

SHARE, MOST, MOST_BLOCKS = 0.1, 2_000, 200
"""Share of the training rows, and how many at most: more hardly say it better. Of blocks of texts fewer, since each has
many tokens that are answered.
"""
FEWEST = 50
"""Rows below which too few would say it of what trains a few epochs: then all rows train to the last one."""
SHARE_OF_FEW, FEWEST_OF_FEW = 0.2, 10
"""Share at most that makes up for few rows of numbers where fresh weights learn an answer to each of them, and the
fewest rows then. By trial (decision 0052).
"""
ANSWERS = frozenset({"binary", "multiclass", "multilabel", "regression", "multi-task"})
"""Tasks with an answer to each row."""


def by_heart(candidate: Candidate, work: Work) -> bool:
    """Whether weights that begin from nothing learn an answer to each row of numbers: such a network soon knows few
    rows by heart, and others are answered the worse. Of texts it ranks classes the better the longer it learns, which
    only the sureness of its answers hides.
    """
    numbers = all(shape.kind == "vector" for shape in work.shapes.values())
    return numbers and work.task in ANSWERS and customary(candidate) is None


def share(rows: int, *, blocks: bool = False, by_heart: bool = False) -> tuple[float, str]:
    """The share of the rows, or blocks, and why. by_heart: see the function.

    >>> share(20_000)[0], share(240)[0], share(240, by_heart=True)[0]
    (0.1, 0.0, 0.2)
    """
    most, what = (MOST_BLOCKS, "blocks") if blocks else (MOST, "rows")
    usual = min(SHARE, most / max(rows, 1))
    if round(usual * rows) >= FEWEST:
        return usual, f"{SHARE:.0%} of {rows:,} {what}, and at most {most:,}"
    few = min(SHARE_OF_FEW, FEWEST / max(rows, 1))
    if by_heart and round(few * rows) >= FEWEST_OF_FEW:
        return few, f"{few:.0%} of {rows:,} rows: a fifth, and at most {FEWEST}, since few are soon learned by heart"
    wanted, fewest = (SHARE_OF_FEW, FEWEST_OF_FEW) if by_heart else (SHARE, FEWEST)
    return 0.0, f"{wanted:.0%} of {rows:,} {what} are fewer than the {fewest} that can say it: all train"
