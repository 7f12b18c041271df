"""Every test states a fact: it asserts, expects an error, or calls a helper of the tests that does.

A test that only runs something passes whatever comes out. Helpers are followed by their names, within a module and
where one is imported from another module of the tests, and so are tables of functions of which a test calls one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
EXPECTING = {"raises", "warns", "fail"}
"""Of pytest: what fails where an error or a warning does not come."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Suite:
    """The modules of tests by their dotted names, and which of their functions can fail by a fact."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.trees = {name: ast.parse(source) for name, source in sources.items()}
        self.functions = {name: _functions(tree) for name, tree in self.trees.items()}
        self.tables = {name: _tables(tree) for name, tree in self.trees.items()}
        self.imports = {name: _imports(tree) for name, tree in self.trees.items()}
        self.known: dict[tuple[str, str], bool] = {}

    def silent(self) -> list[str]:
        """The tests that state nothing, as `module name`."""
        return [
            f"{module} {name}"
            for module, functions in self.functions.items()
            if module.split(".")[-1].startswith("test_")
            for name in functions
            if name.startswith("test") and not self.states(module, name)
        ]

    def states(self, module: str, name: str) -> bool:
        """Whether a function of a module states a fact, itself or by what it calls."""
        if module not in self.trees:
            return False
        if name in self.imports[module]:
            return self.states(*self.imports[module][name])
        if (module, name) not in self.known:
            # Whoever calls himself states nothing by that.
            self.known[module, name] = False
            found = self.functions[module].get(name)
            self.known[module, name] = found is not None and any(self._fact(module, node) for node in ast.walk(found))
        return self.known[module, name]

    def _fact(self, module: str, node: ast.AST) -> bool:
        if isinstance(node, ast.Assert):
            return True
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        if isinstance(called, ast.Attribute):
            return called.attr in EXPECTING or called.attr.startswith("assert_")
        if isinstance(called, ast.Subscript) and isinstance(called.value, ast.Name):
            entries = self.tables[module].get(called.value.id, [])
            return bool(entries) and all(self.states(module, name) for name in entries)
        return isinstance(called, ast.Name) and self.states(module, called.id)


def _functions(tree: ast.Module) -> dict[str, Function]:
    """Functions and methods by their names. Of several with one name the last counts, as in Python."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}


def _tables(tree: ast.Module) -> dict[str, list[str]]:
    """Dictionaries that stand in a module, each with the names that are its values."""
    return {
        target.id: [value.id for value in node.value.values if isinstance(value, ast.Name)]
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


def _imports(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """What is imported by its name: from which module, and how it is called there."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def modules(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.py")):
        yield ".".join(path.relative_to(folder).with_suffix("").parts), path.read_text(encoding="utf-8")


def test_every_test_states_a_fact() -> None:
    suite = Suite(dict(modules(TESTS)))
    assert sum(name.startswith("test_") for names in suite.functions.values() for name in names) > 2_500
    assert suite.silent() == []


HELPERS = """
def asserts(x):
    assert x

def calls(x):
    asserts(x)

def runs(x):
    print(x)

def again(x):
    again(x)
"""


@pytest.mark.parametrize(
    "body",
    [
        "print(1)",
        "runs(1)",
        "again(1)",
        "unknown(1)",
        "mock.method(1)",
        "SOME[1](1)",
        "try:\n        print(1)\n    except ValueError:\n        raise",
    ],
)
def test_the_test_above_sees_a_test_that_states_nothing(body: str) -> None:
    imports = "from helping import again, asserts, calls, runs\nSOME = {1: runs, 2: asserts}\n"
    source = f"{imports}def test_it():\n    {body}\n"
    assert Suite({"helping": HELPERS, "part.test_it": source}).silent() == ["part.test_it test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "assert 1",
        "asserts(1)",
        "calls(1)",
        "told(1)",
        "ALL[1](1)",
        "with pytest.raises(ValueError):\n        print(1)",
        "np.testing.assert_allclose(1, 1)",
    ],
)
def test_the_test_above_lets_through_what_states_a_fact(body: str) -> None:
    imports = "from helping import again, asserts, calls, calls as told, runs\nALL = {1: calls, 2: asserts}\n"
    source = f"{imports}def test_it():\n    {body}\n"
    assert Suite({"helping": HELPERS, "part.test_it": source}).silent() == []
