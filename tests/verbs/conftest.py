"""What the tests of verbs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from verbs import program


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small table, in the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "visits.csv"
    path.write_text(program.visits())
    return path
