"""What every test may ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from exporting import one_table
from fitted import Fitted
from forking import Nursery, Programs
from luban.training import pool


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Real bundles, each made when the first test asks for it."""
    base = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist have folders of their own within one.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fitted"
    folder.mkdir(exist_ok=True)
    return Fitted(folder)


@pytest.fixture(scope="session", autouse=True)
def quick_workers() -> Iterator[None]:
    """Fits within a test get workers that need not import anything; see `forking`."""
    nursery = Nursery()
    with pytest.MonkeyPatch.context() as patch:
        if sys.platform == "linux":
            patch.setattr(pool, "start", nursery.start)
        yield
    nursery.close()


@pytest.fixture(scope="session", autouse=True)
def quick_exports() -> Iterator[None]:
    """Graphs of networks are drawn with one table of operators."""
    with pytest.MonkeyPatch.context() as patch:
        # Whoever needs no network does not wait for torch.
        if "torch" in sys.modules:
            patch.setattr(*one_table())
        yield


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Programs that need not import anything; see `forking`."""
    found = Programs.within(tmp_path_factory.mktemp("programs"))
    yield found
    found.nursery.close()
