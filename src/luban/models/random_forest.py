"""Random forest: trees on rows drawn with replacement, each split on some of the columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

from luban.models import _forests


@final
class RandomForest(_forests.Forest):
    """The mean of the trees (Breiman, 2001)."""

    name: ClassVar[str] = "random-forest"
    order: ClassVar[int] = 4

    def kinds(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        return RandomForestClassifier, RandomForestRegressor


model = RandomForest()
