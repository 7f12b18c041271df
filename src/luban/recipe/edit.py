"""An edit: one reversible, printable change of a recipe. How recipes are changed by path is here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

from luban.recipe.recipe import Recipe


@dataclass(frozen=True)
class RecipeEdit:
    """One change of a recipe.

    path: the place, with dots: `features.scale`, `drop`, `model.svm.C`.
    before, after: the JSON values there. Of a list only what differs is added and taken away, so that two edits of
        one list can both be applied.
    reason: why, in words for a person.

    >>> edit = RecipeEdit("features.scale", "none", "standard", "the columns' scales differ 1,000 times")
    >>> edit.apply(Recipe(features={"scale": "none"})).features.scale
    'standard'
    >>> edit.inverse().after
    'none'
    >>> first, second = (RecipeEdit("drop", [], [column], "constant") for column in ("a", "b"))
    >>> second.apply(first.apply(Recipe())).drop
    ('a', 'b')
    """

    path: str
    before: Any
    after: Any
    reason: str

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with this change; raises pydantic.ValidationError when the value does not fit there."""
        if not (isinstance(self.before, list) and isinstance(self.after, list)):
            return changed(recipe, {self.path: self.after})
        there = value(recipe, self.path)
        kept = [item for item in there if item in self.after or item not in self.before]
        return changed(recipe, {self.path: kept + [item for item in self.after if item not in there]})

    def inverse(self) -> RecipeEdit:
        return RecipeEdit(self.path, self.after, self.before, f"taken back: {self.reason}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def dropping(recipe: Recipe, columns: Sequence[str], reason: str) -> RecipeEdit:
    """The edit that leaves columns out.

    >>> dropping(Recipe(drop=("a",)), ["b"], "it is constant").after
    ['a', 'b']
    """
    before = list(recipe.drop)
    return RecipeEdit("drop", before, before + [column for column in columns if column not in before], reason)


def value(recipe: Recipe, path: str) -> Any:
    """The JSON value at a path of the recipe; KeyError where there is none.

    >>> value(Recipe(), "split.test")
    0.2
    """
    place: Any = recipe.model_dump(mode="json")
    for key in path.split("."):
        place = place[key]
    return place


def changed(recipe: Recipe, values: dict[str, Any]) -> Recipe:
    """The recipe with values set by path, validated as a whole.

    >>> changed(Recipe(), {"split.test": 0.3}).split.test
    0.3
    """
    return Recipe.model_validate(with_values(recipe.model_dump(mode="json"), values))


def with_values(document: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The document with values set by path; nothing is validated.

    >>> with_values({"split": {"test": 0.2}}, {"split.test": 0.3, "model.svm.C": 1})
    {'split': {'test': 0.3}, 'model': {'svm': {'C': 1}}}
    """
    document = deepcopy(document)
    for path, value in values.items():
        place = document
        *parents, last = path.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return document
