"""What every test may ask for."""

from __future__ import annotations

import os

import pytest

from fitted import Fitted


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Real bundles, each made when the first test asks for it."""
    base = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist have folders of their own within one.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fitted"
    folder.mkdir(exist_ok=True)
    return Fitted(folder)
