"""luban's models as scikit-learn estimators: for pipelines, searches and cross-validation of that library.

All rows that are given are fitted. Nothing is held out, examined or repaired here: whoever cross-validates does that
outside. What is learned is a bundle, `bundle_`, that other verbs can read once it is saved.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from luban.batch import Array, Batch
from luban.bundle.bundle import Stored
from luban.core import registry
from luban.data.preprocessor import Preprocessor
from luban.protocols import Work
from luban.recipe.edit import with_values
from luban.recipe.recipe import Candidate, Recipe
from luban.schema.schema import Column, Schema
from luban.training import candidates
from luban.training.fitting import fit_candidate
from luban.verbs.asking import recipe_of
from luban.verbs.bundle import Bundle

if TYPE_CHECKING:
    from sklearn.utils import Tags


class _Estimator(BaseEstimator):
    """Abstract. What classifier and regressor share."""

    def __init__(
        self, model: str = "linear", *, time: str | float | None = None, recipe: Any = None, random_state: Any = None
    ) -> None:
        self.model = model
        self.time = time
        self.recipe = recipe
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Missing values are filled with the median of the rows that are fitted.
        tags.input_tags.allow_nan = True
        return tags

    def _to_fit(self, X: Any, y: Any) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        return X, y

    def _fit(self, X: Array, y: Array, task: str, classes: tuple[str, ...]) -> Self:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1)) if self.random_state is not None else 0
        names = [str(name) for name in getattr(self, "feature_names_in_", [f"x{i}" for i in range(X.shape[1])])]
        recipe = recipe_of(self.recipe, {"seed": seed}, model=self.model, task=task)
        frame = pl.DataFrame({name: X[:, place] for place, name in enumerate(names)})
        if self.model == candidates.AUTO or "," in self.model:
            self.bundle_ = _searched(frame, y, recipe, classes, self.time)
        else:
            self.bundle_ = _fitted(frame, y, recipe, classes)
        return self

    def _answers(self, X: Any) -> Any:
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        answerer = self.bundle_.answerer
        frame = pl.DataFrame({name: values[:, place] for place, name in enumerate(answerer.preprocessor.columns)})
        return answerer.task.answers(answerer.outputs(answerer.preprocessor.transform(frame)), answerer.threshold)


class LubanClassifier(ClassifierMixin, _Estimator):
    """One of luban's models as a classifier. Final.

    model: the name of a model, several with commas, or `auto`. time: how long `auto` may search.
    recipe: a recipe, or the path of one, to start from. random_state: decides every random choice.

    Learned: bundle_, classes_, n_features_in_.

    >>> from sklearn.datasets import load_iris
    >>> rows, species = load_iris(return_X_y=True)
    >>> bool(LubanClassifier("linear").fit(rows, species).score(rows, species) > 0.9)
    True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Fits all rows. Raises ValueError for inputs that scikit-learn's estimators refuse too."""
        X, y = self._to_fit(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"a classifier needs rows of two classes; all of these are of one class, {self.classes_[0]!r}."
            )
        names = tuple(str(name) for name in self.classes_.tolist())
        return self._fit(X, codes, "binary" if len(names) == 2 else "multiclass", names)

    def predict_proba(self, X: Any) -> Array:
        """(rows, classes) probabilities, in the order of `classes_`."""
        return np.asarray(self._answers(X).probabilities)

    def predict(self, X: Any) -> Array:
        """(rows,) the class of each row."""
        # The fitted attributes are looked for first, so that an unfitted estimator says so.
        codes = self._answers(X).prediction
        return np.asarray(self.classes_[codes])


class LubanRegressor(RegressorMixin, _Estimator):
    """One of luban's models as a regressor. Final. Its settings are those of `LubanClassifier`."""

    def fit(self, X: Any, y: Any) -> Self:
        """Fits all rows. Raises ValueError for inputs that scikit-learn's estimators refuse too."""
        X, y = self._to_fit(X, y)
        return self._fit(X, np.asarray(y, dtype=np.float64), "regression", ())

    def predict(self, X: Any) -> Array:
        """(rows,) the value of each row."""
        return np.asarray(self._answers(X).prediction)


def _fitted(frame: pl.DataFrame, target: Array, recipe: Recipe, classes: tuple[str, ...]) -> Bundle:
    """A bundle of one model, fitted on all rows in this process."""
    columns = (Column(name, "number", "input", "given as a number", str(frame[name].dtype)) for name in frame.columns)
    schema = Schema(tuple(columns))
    preprocessor = Preprocessor.fit(frame, schema, recipe.features)
    [name] = recipe.model.names
    task = registry.find("tasks", recipe.task or "")
    work = Work(
        task=task.name,
        outputs=task.outputs(classes),
        rows=len(frame),
        width=preprocessor.width,
        loss=recipe.train.loss,
        class_weight=recipe.train.class_weight,
    )
    candidate = candidates.named(name, recipe.model.settings().get(name, {}), work)
    batch = Batch(preprocessor.transform(frame), target)
    form = fit_candidate(batch, work, candidate, seed=recipe.seed, threads=1)
    return Bundle(
        Stored(
            recipe=recipe,
            schema=schema,
            preprocessor=preprocessor.state(),
            form_kind=form.kind,
            form=form.state(),
            facts={"task": task.name, "target": None, "classes": list(classes)},
            evidence={"evaluation": _evidence(task.name, classes, candidate)},
        ),
        None,
    )


def _evidence(task: str, classes: tuple[str, ...], candidate: Candidate) -> dict[str, Any]:
    """Nothing was measured: all rows were fitted."""
    members = [{"label": candidate.label, "weight": 1.0}]
    chosen = {"label": candidate.label, "members": members, "reason": "the model that was asked for"}
    return {"task": task, "target": None, "classes": list(classes), "measurements": [], "chosen": chosen}


def _searched(
    frame: pl.DataFrame, target: Array, recipe: Recipe, classes: tuple[str, ...], time: str | float | None
) -> Bundle:
    """A bundle of the best of several models, fitted on all rows at the end."""
    from luban.verbs.fit import fit

    values = pl.Series([classes[code] for code in target]) if classes else pl.Series(target)
    name = "target"
    while name in frame.columns:
        name += "_"
    settings: dict[str, Any] = {"train.refit": "all", "repair": "off"}
    if len(classes) == 2:
        # The order of the classes is theirs, so the second is the positive one however rare it is.
        settings["positive"] = classes[-1]
    asked = with_values(recipe.model_dump(mode="json"), settings)
    with tempfile.TemporaryDirectory() as folder:
        return fit(
            frame.with_columns(values.alias(name)),
            name,
            recipe=Recipe.model_validate(asked),
            time=time,
            out=Path(folder) / "fitted.luban",
        )
