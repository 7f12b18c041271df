"""What every kind of log keeps to, whichever it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from luban.core import registry
from luban.protocols import Log


@pytest.fixture(params=registry.names("logs"))
def log(request: pytest.FixtureRequest) -> Log:
    return registry.find("logs", request.param)


def test_data_and_bundles_are_no_logs(log: Log, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,churned\n1,yes\n", encoding="utf-8")
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    assert isinstance(log.certain, bool)
    assert not any(log.fits(place) for place in (tmp_path, *tmp_path.iterdir()))
