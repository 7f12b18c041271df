"""Plugins of one family do not import each other: what they share lies in a module of the family with an underscore.

So a plugin can be read, replaced or left out alone. The floors between families are import-linter's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from luban.core import registry

FAMILIES = sorted(family for family in registry.SINGULAR if registry.HOME.joinpath(*family.split(".")).is_dir())
# Verbs are functions that build on each other's parts, not plugins of one kind.
FAMILIES = [family for family in FAMILIES if family != "verbs"]


def modules(family: str, home: Path = registry.HOME) -> Iterator[Path]:
    """The files of a family: plugins, what they share, and what lies within plugins that are folders."""
    folder = home.joinpath(*family.split("."))
    yield from (path for path in sorted(folder.rglob("*.py")) if path.parent != folder or path.name != "__init__.py")


def imported(path: Path, package: str) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything a file imports, within functions too. package: where the file lies."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def siblings(family: str, home: Path = registry.HOME) -> list[str]:
    """Each import of a plugin by a file of the same family that is not part of that plugin, as `file:line name`."""
    found = []
    start = ["luban", *family.split(".")]
    folder = home.joinpath(*family.split("."))
    for path in modules(family, home):
        own = path.relative_to(folder).with_suffix("").parts
        package = ".".join([*start, *own[:-1]])
        for line, name in imported(path, package):
            parts = name.split(".")
            if parts[: len(start)] != start or len(parts) == len(start):
                continue
            other = parts[len(start)]
            plugin = (folder / f"{other}.py").is_file() or (folder / other).is_dir()
            if plugin and not other.startswith("_") and other != own[0]:
                found.append(f"{path.relative_to(home)}:{line} {name}")
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_plugins_of_a_family_do_not_import_each_other(family: str) -> None:
    assert siblings(family) == []


@pytest.mark.parametrize(
    "line",
    [
        "from luban.models.linear import Linear",
        "from luban.models import linear",
        "import luban.models.linear",
        "from .linear import Linear",
        "from . import linear",
        "def fit():\n    from luban.models import linear",
    ],
)
def test_the_test_above_sees_every_way_to_import_a_sibling(line: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "linear.py").write_text("")
    (tmp_path / "models" / "svm.py").write_text(line + "\n")
    (tmp_path / "models" / "_shared.py").write_text("")
    [found] = siblings("models", tmp_path)
    assert found.startswith("models/svm.py:")
    (tmp_path / "models" / "svm.py").write_text("from luban.models import _shared\nfrom luban.forms import trees\n")
    assert siblings("models", tmp_path) == []


def test_every_plugin_defines_the_object_of_its_family_and_says_what_it_is() -> None:
    for family in FAMILIES:
        for name in registry.names(family):
            assert registry.find(family, name) is not None
            assert registry.summary(family, name), (family, name)
