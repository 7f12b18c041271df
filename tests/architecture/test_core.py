"""`core` stands on nothing: the standard library, and within a function what a terminal is drawn with."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from luban.core import registry

CORE = registry.HOME / "core"
FILES = sorted(CORE.rglob("*.py"))
WITHIN_FUNCTIONS = {"rich"}
"""What is loaded only when it is used: progress is drawn by rich, and only where a person watches."""


def foreign(source: str) -> list[str]:
    """What a module of `core` imports and may not, as `line name`."""
    tree = ast.parse(source)
    lazy = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{'.' * node.level}{node.module or ''}"]
        else:
            continue
        for name in names:
            top = name.split(".")[0]
            known = top in sys.stdlib_module_names or name == "luban.core" or name.startswith("luban.core.")
            if not known and not (node in lazy and top in WITHIN_FUNCTIONS):
                found.append(f"{node.lineno} {name}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_core_imports_the_standard_library_alone(path: Path) -> None:
    assert foreign(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "import rich",
        "from rich.console import Console",
        "def f():\n    import numpy",
        "from luban.recipe import recipe",
        "from luban import batch",
        "import luban",
    ],
)
def test_the_test_above_sees_what_core_may_not_import(source: str) -> None:
    assert len(foreign(source)) == 1


@pytest.mark.parametrize(
    "source", ["import json", "from luban.core.errors import UsageError", "def f():\n    import rich"]
)
def test_the_test_above_lets_through_what_core_may_import(source: str) -> None:
    assert foreign(source) == []
