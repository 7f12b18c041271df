"""Plugins are found by the folder they lie in; listing them imports none of them.

A family is a folder of this package (`models`, `metrics`, ...). A plugin is a file or folder in it, and its
name is that file's name with hyphens. The file defines one object named for the family in the singular:
`models/knn.py` defines `model`, `metrics/accuracy.py` defines `metric`. Packages of other people add to a
family by an entry point in the group `luban.<family>`, looked up only when a name is not found at home.
"""

from __future__ import annotations

import ast
import functools
from importlib import import_module
from pathlib import Path
from typing import Any

from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean, fold

HOME = Path(__file__).resolve().parent.parent

SINGULAR = {
    "conditions": "condition",
    "data.samples": "sample",
    "data.sources": "source",
    "data.splits": "split",
    "explainers": "explainer",
    "features": "feature",
    "forms": "form",
    "logs": "log",
    "metrics": "metric",
    "models": "model",
    "tasks": "task",
    "trackers": "tracker",
    "verbs": "verb",
}


@functools.cache
def names(family: str) -> tuple[str, ...]:
    """The names of a family's plugins at home, sorted, with hyphens.

    >>> list(names("models")) == sorted(names("models"))
    True
    """
    return tuple(sorted(module.replace("_", "-") for module in _modules(family)))


def summary(family: str, name: str) -> str:
    """The first line of a plugin's docstring, read without importing it."""
    tree = ast.parse(_modules(family)[_module(family, name)].read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").split("\n", 1)[0]


def find(family: str, name: str) -> Any:
    """The plugin of this name; hyphen and underscore are equal.

    Raises UsageError with the near name when there is none.
    """
    module = fold(name).replace("-", "_")
    if module in _modules(family):
        return getattr(import_module(f"luban.{family}.{module}"), SINGULAR[family])
    foreign = _entry_point(family, fold(name))
    if foreign is not None:
        return foreign
    what = SINGULAR[family]
    raise UsageError(f"no {what} is called '{name}'. {did_you_mean(name, names(family))}")


@functools.cache
def _modules(family: str) -> dict[str, Path]:
    folder = HOME.joinpath(*family.split("."))
    files = {path.stem: path for path in folder.glob("*.py")}
    folders = {path.parent.name: path for path in folder.glob("*/__init__.py")}
    return {name: path for name, path in {**files, **folders}.items() if not name.startswith("_")}


def _module(family: str, name: str) -> str:
    module = fold(name).replace("-", "_")
    if module not in _modules(family):
        raise UsageError(f"no {SINGULAR[family]} is called '{name}'. {did_you_mean(name, names(family))}")
    return module


@functools.cache
def _entry_point(family: str, name: str) -> Any | None:
    from importlib.metadata import entry_points

    for point in entry_points(group=f"luban.{family}"):
        if fold(point.name) == name:
            return point.load()
    return None
