"""The search: which candidates compete, in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from luban.batch import Batch
from luban.core import registry
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Models, Recipe
from luban.training.candidates import asked
from luban.training.choosing import HeldOut, choose
from luban.training.search import Outcome, recorded
from luban.training.unit import Training
from luban.training.work_folder import WorkFolder


def models(work: Work) -> list[str]:
    return [candidate.model for candidate in asked(Models(), work, "constant")]


def test_the_baseline_is_first_and_boosting_second_best_where_it_is_cheap() -> None:
    assert models(Work("binary", outputs=2, rows=1000, width=10))[:3] == ["constant", "linear", "gradient-boosting"]


def test_a_recipe_of_which_only_the_baseline_finished_tries_nothing_else(tmp_path: Path) -> None:
    work = Work("binary", outputs=2, rows=4, width=1)
    batch = Batch(np.zeros((4, 1), np.float32), np.array([0, 1, 0, 1]), None)
    training = Training(batch, np.zeros((1, 4), np.int64), work, 0)
    told = recorded(Recipe(), [], WorkFolder(tmp_path), training)
    assert asked(told.model, work, "constant") == [Candidate(model="constant")]


def test_boosting_of_many_classes_waits_for_what_is_quicker() -> None:
    order = models(Work("multiclass", outputs=10, rows=1000, width=10))
    quicker = ["constant", "linear", "svm", "random-forest", "extra-trees"]
    assert set(quicker) == set(order[: order.index("gradient-boosting")])


def test_the_quickest_of_the_portfolio_goes_before_models_that_were_named_beside_it() -> None:
    work = Work("binary", 2, 1_000, 20)
    alone = [candidate.model for candidate in asked(Models(), work, "constant")]
    named = [candidate.model for candidate in asked(Models(names=("knn", "auto")), work, "constant")]
    assert named[:3] == ["constant", alone[1], "knn"] and alone[1] != "knn"
    assert sorted({*named}) == sorted({*alone, "knn"})


def test_the_only_model_that_finished_is_told_as_that_whichever_others_were_asked() -> None:
    random = np.random.default_rng(0)
    target = np.arange(40) % 2
    chances = random.dirichlet([1.0, 1.0], 40)
    held_out = HeldOut(target=target, folds=np.arange(40) % 5, weight=None, groups=None)
    baseline = Outcome(Candidate(model="constant"), "finished", "", np.full((40, 2), 0.5))
    fitted = Outcome(Candidate(model="linear"), "finished", "", chances)
    late = Outcome(Candidate(model="mlp"), "skipped", "the time was over before it was finished")
    task = registry.find("tasks", "binary")

    def reason(*outcomes: Outcome) -> str:
        return choose(outcomes, held_out, task, Recipe(target="y"), 0)[0].reason

    told = "no other model was finished beside it"
    assert reason(baseline, fitted) == reason(baseline, late) == reason(baseline, fitted, late) == told
