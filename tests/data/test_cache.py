"""The cache: made once, whole or not at all, and never trusted to be there."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from luban.data import cache


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _make(path: Path) -> dict[str, Any]:
    pl.DataFrame({"x": [1]}).write_parquet(path)
    return {"facts": {"a": "b"}}


def _never(path: Path) -> dict[str, Any]:
    raise AssertionError("it is there already")


def test_a_table_is_made_once() -> None:
    path, about = cache.table("key", _make)
    assert cache.table("key", _never) == (path, about)
    assert about["facts"] == {"a": "b"}


def test_a_failure_leaves_nothing(place: Path) -> None:
    def fails(path: Path) -> dict[str, Any]:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.table("key", fails)
    assert list((place / "tables").iterdir()) == []


@pytest.mark.parametrize("gone", ["key.parquet", "key.json"])
def test_a_half_that_is_gone_is_made_again(gone: str, place: Path) -> None:
    cache.table("key", _make)
    (place / "tables" / gone).unlink()
    path, _ = cache.table("key", _make)
    assert path.exists()


def test_damaged_knowledge_is_made_again(place: Path) -> None:
    cache.table("key", _make)
    (place / "tables" / "key.json").write_text("{")
    assert cache.table("key", _make)[1]["written"]


def test_contents_are_remembered_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
    first = cache.content(path)
    with monkeypatch.context() as patch:
        patch.setattr(cache.fingerprint, "of_file", _never)
        assert cache.content(path) == first
    path.write_text("two")
    assert cache.content(path) != first


def test_tables_that_nobody_read_for_a_month_go(place: Path) -> None:
    old, _ = cache.table("old", _make)
    read, _ = cache.table("read", _make)
    long_ago = time.time() - cache.UNUSED - 10
    for path in (old, read):
        os.utime(path, (long_ago, long_ago))
    os.utime(old.with_suffix(".json"), (long_ago, long_ago))
    cache.table("new", _make)
    assert (old.exists(), read.exists()) == (False, True)
