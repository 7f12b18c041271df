"""The search: which candidates compete, in which order."""

from __future__ import annotations

from luban.protocols import Work
from luban.recipe.recipe import Models
from luban.training.search import candidates


def models(work: Work) -> list[str]:
    return [candidate.model for candidate in candidates(Models(), work, "constant")]


def test_the_baseline_is_first_and_boosting_second_best_where_it_is_cheap() -> None:
    assert models(Work("binary", outputs=2, rows=1000, width=10))[:3] == ["constant", "linear", "gradient-boosting"]


def test_boosting_of_many_classes_waits_for_what_is_quicker() -> None:
    order = models(Work("multiclass", outputs=10, rows=1000, width=10))
    quicker = ["constant", "linear", "svm", "random-forest", "extra-trees"]
    assert set(quicker) == set(order[: order.index("gradient-boosting")])
