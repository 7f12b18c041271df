"""Extremely randomised trees: a forest whose splits are drawn at random, the best of a few kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

from luban.models import _forests


@final
class ExtraTrees(_forests.Forest):
    """The mean of the trees (Geurts et al., 2006)."""

    name: ClassVar[str] = "extra-trees"
    order: ClassVar[int] = 6

    def kinds(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        return ExtraTreesClassifier, ExtraTreesRegressor


model = ExtraTrees()
