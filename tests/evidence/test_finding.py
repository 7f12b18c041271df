"""Findings: every one that the source raises has a name that the reference tells of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import luban
from luban.core import registry
from luban.evidence.finding import OF_FITS

SOURCE = Path(luban.__file__).parent
PAGE = SOURCE.parents[1] / "docs" / "reference" / "conditions.md"

MAKERS = ("Finding", "_training.found")
"""What makes a finding: the class itself, and what the conditions of a training share."""


def raised(file: Path) -> Iterator[str]:
    """The names of the findings that a module makes, as they are written."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in MAKERS:
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            yield ast.unparse(named.get("condition") or node.args[0])


def test_every_finding_that_is_raised_has_a_row_in_the_reference() -> None:
    page = PAGE.read_text(encoding="utf-8")
    of_fits = set()
    for file in SOURCE.rglob("*.py"):
        if file.name == "_training.py":
            continue
        names = set(raised(file))
        if file.parent.name == "conditions":
            assert names <= {"condition.id"}, f"{file.name} names another's finding"
        else:
            of_fits |= {ast.literal_eval(name) for name in names}
    assert of_fits - set(registry.names("conditions")) == set(OF_FITS)
    for name in OF_FITS:
        assert f"| `{name}` |" in page
    for name in registry.names("conditions"):
        condition = registry.find("conditions", name)
        assert condition.id == name
        assert f"| [{name}](#{name}) |" in page


def test_the_law_above_sees_a_finding_however_it_is_made(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('Finding("a", "note")\nif x:\n    y = [Finding(text="t", condition="b")]\nfrom_json("c")\n')
    assert list(raised(module)) == ["'a'", "'b'"]
