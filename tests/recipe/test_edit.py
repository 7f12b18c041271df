"""Edits of a recipe are reversible and validated."""

import pytest
from pydantic import ValidationError

from luban.core.errors import UsageError
from luban.recipe import document
from luban.recipe.edit import RecipeEdit, changed
from luban.recipe.recipe import Recipe


def test_an_edit_and_its_inverse_give_the_recipe_back():
    recipe = Recipe(features={"scale": "none"})
    edit = RecipeEdit("features.scale", "none", "standard", "scales differ")
    assert edit.inverse().apply(edit.apply(recipe)) == recipe


def test_a_value_that_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match="split"):
        changed(Recipe(), {"split.test": 2})


def test_settings_of_a_model_are_set_by_its_name():
    assert changed(Recipe(), {"model.svm.C": 10}).model.settings() == {"svm": {"C": 10}}


def test_a_recipe_survives_its_document():
    recipe = changed(Recipe(target="y"), {"model.svm.C": 10, "drop": ["id"]})
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize("columns", [["age", "town"], "age,town", "age, town"])
def test_columns_are_named_as_advice_names_them(columns: object) -> None:
    recipe = changed(Recipe(target="y"), {"drop": columns, "also": columns})
    assert recipe.drop == recipe.also == ("age", "town")


def test_a_word_where_a_list_is_asked_for_is_told_with_the_list() -> None:
    with pytest.raises(UsageError, match=r"'model\.names' cannot be 'svm': it is a list, such as \[svm\]"):
        document.from_yaml(b"model: {names: svm}", where="mine.yaml")
