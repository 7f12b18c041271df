"""What each column is used for: target, group, time, weight, identifier, input, or nothing; and the reason in words."""

from __future__ import annotations

import shlex
from dataclasses import replace

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean, fold
from luban.data import chats, infer
from luban.data.dataset import Dataset
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Role, Schema

MOST_TARGETS = 16
"""Columns that one model predicts, at most."""
FEWEST_GROUPS = 5
MOST_GROUPS = 1 / 1.5
"""Groups over rows: with more, hardly any row shares its group."""
_NOT_PLAIN = ("List", "Array", "Struct", "Binary", "Object")
"""How types begin whose values are no single number, time or text."""
MOST_A_GROUP = 50
"""Rows a group, on average, up to which a column that is only named `..._id` is taken for one of groups."""


def assign(dataset: Dataset, recipe: Recipe) -> Schema:
    """The schema with the role of each column.

    Raises UsageError for a column that is not there, and DataError for a target that has no values.
    """
    schema = _asked_kinds(dataset, recipe)
    for place, name in _named(recipe):
        if name not in schema:
            parts = [part.strip() for part in name.split(",")]
            if place == "--target" and len(parts) > 1 and all(part in schema for part in parts):
                raise UsageError(
                    f"there is no column '{name}', but one for each of its parts.",
                    where=place,
                    fix=f"for one model that predicts them all: {shlex.join(_alternating(place, parts))}",
                )
            raise UsageError(
                f"there is no column '{name}'. {did_you_mean(name, schema.names)}",
                where=place,
                fix=f"luban inspect {dataset.where} shows the columns",
            )
    taken = {name for _, name in _named(recipe)}
    schema = schema.changed(_useful(column) for column in schema.columns if column.name not in taken)
    if not chats.asks(recipe.task):
        schema = schema.changed([_target(schema[name], dataset) for name in recipe.targets])
    schema = _given(schema, recipe.split.order, "time", "named as the time")
    schema = _given(schema, recipe.split.group, "group", "named as the group")
    schema = _given(schema, recipe.weight, "weight", "named as the weight")
    schema = schema.assigned("ignored", recipe.drop, "left out, as asked")
    if dataset.split is not None and dataset.split not in taken:
        schema = _own_split(schema, dataset.split, recipe)
    if recipe.split.group is None and recipe.split.kind == "auto" and schema.one("time") is None:
        schema = _found_group(schema, dataset.rows)
    return schema


def _alternating(option: str, values: list[str]) -> list[str]:
    """The option before each value, as words of a command."""
    return [word for value in values for word in (option, value)]


def _named(recipe: Recipe) -> list[tuple[str, str]]:
    """The columns that a recipe names, with the option that does."""
    # The answers of chats are in the chats by now.
    options = [
        *(("--target", name) for name in recipe.targets if not chats.asks(recipe.task)),
        ("--group", recipe.split.group),
        ("--order", recipe.split.order),
        ("--weight", recipe.weight),
    ]
    named = [(place, name) for place, name in options if name is not None]
    seen: set[str] = set()
    for place, name in named:
        if name in seen:
            raise UsageError(f"the column '{name}' is named for two purposes.", where=place, fix="name another column")
        seen.add(name)
    if len(recipe.targets) > MOST_TARGETS:
        raise UsageError(
            f"{len(recipe.targets)} targets were named, and one model answers at most {MOST_TARGETS}.",
            where="--target", fix="fit several models",
        )  # fmt: skip
    for target in recipe.targets:
        if target in recipe.drop:
            raise UsageError(f"the target '{target}' is also left out.", where="--set drop", fix="leave it in")
    if recipe.also and recipe.target is None:
        raise UsageError("'also' names further targets, and there is no first one.", where="--set also", fix="--target")
    return [*named, *(("--set drop", name) for name in recipe.drop)]


def _asked_kinds(dataset: Dataset, recipe: Recipe) -> Schema:
    """The schema with the data types that the recipe sets."""
    schema = dataset.schema
    infer.check_asked(recipe.columns, list(schema.names))
    return schema.changed(
        replace(schema[name], kind=fold(kind), reason="as asked") for name, kind in recipe.columns.items()
    )


def _useful(column: Column) -> Column:
    """An input, unless its data type tells a model nothing."""
    if column.kind == "identifier":
        return replace(column, role="id")
    if column.kind == "constant":
        return replace(column, role="ignored")
    if column.dtype.startswith(_NOT_PLAIN) and column.kind not in ("audio", "image", "series", "words"):
        return replace(column, role="ignored", reason=f"{column.reason}; they are not read as inputs")
    if column.kind not in registry.names("features"):
        return replace(column, role="ignored", reason=f"{column.reason}; luban does not learn from this yet")
    return replace(column, role="input")


def _target(column: Column, dataset: Dataset) -> Column:
    if column.missing >= 1.0:
        raise DataError(
            "the target has no value in any row.",
            where=f"{dataset.where}, column '{column.name}'",
            fix="choose another --target, or fill the column",
        )
    # What would be an identifier or a constant among inputs is a class or a number among answers.
    numeric = column.dtype.startswith(("Int", "UInt", "Float"))
    plain = "number" if numeric else "category"
    kind = plain if column.kind in ("identifier", "constant", "text", "series", "image", "audio") else column.kind
    return replace(column, kind=kind, role="target", reason="named as the target")


def _own_split(schema: Schema, name: str, recipe: Recipe) -> Schema:
    """The schema with the split that the data came with, unless another is asked for."""
    if recipe.split.kind != "auto":
        return schema.assigned("ignored", [name], f"the data came split, and split.kind={recipe.split.kind} is asked")
    return schema.assigned("split", [name], "the data came split")


def _given(schema: Schema, name: str | None, role: Role, reason: str) -> Schema:
    return schema if name is None else schema.assigned(role, [name], reason)


def _found_group(schema: Schema, rows: int) -> Schema:
    """The column that says which rows belong together, where one is named like that and its values repeat.

    Numbers and categories that merely repeat are no groups: the name must say so.
    """
    candidates = [column for column in schema.columns if column.role == "input" and _groups(column, rows)]
    if not candidates:
        return schema
    # Persons before things; of several the coarsest, which keeps the others together most often.
    best = min(candidates, key=lambda column: (not infer.names_persons(column.name), column.distinct))
    each = rows * (1 - best.missing) / best.distinct
    reason = f"named as an identifier, and {best.distinct:,} values stand in {each:.1f} rows each on average"
    return schema.assigned("group", [best.name], reason)


def _groups(column: Column, rows: int) -> bool:
    known = rows * (1 - column.missing)
    if column.kind not in ("category", "number", "text") or column.dtype.startswith("Float") or column.missing > 0.1:
        return False
    if not infer.is_id_name(column.name) or not FEWEST_GROUPS <= column.distinct <= MOST_GROUPS * known:
        return False
    return infer.names_persons(column.name) or known <= MOST_A_GROUP * column.distinct
