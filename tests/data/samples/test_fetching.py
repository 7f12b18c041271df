"""Fetching without a network: what a missing tool, a failing one, and another file than the known one lead to."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from luban.core import fingerprint
from luban.core.errors import ResourceError, UsageError
from luban.data.catalogue import sample_path
from luban.data.samples import _fetched

DATA = b"what the index holds"
KNOWN = _fetched.Package("set", "1.0", fingerprint.of_bytes(DATA), "npm")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with commands, empty at first; and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def _tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o700 | stat.S_IXUSR)


def test_a_package_comes_by_npm_and_is_then_kept(tools: Path) -> None:
    # npm pack --silent --pack-destination FOLDER NAME@VERSION
    _tool(tools, "npm", f'printf "{DATA.decode()}" > "$4/set-1.0.tgz"')
    assert _fetched.download(KNOWN) == DATA
    (tools / "npm").unlink()
    assert _fetched.download(KNOWN) == DATA


def test_another_file_than_the_known_one_is_refused_and_not_kept(tools: Path) -> None:
    _tool(tools, "npm", 'printf "something else" > "$4/set-1.0.tgz"')
    for _ in range(2):
        with pytest.raises(ResourceError, match="sha256 differs"):
            _fetched.download(KNOWN)


def test_what_the_tool_says_is_told_with_the_command_to_try(tools: Path) -> None:
    _tool(tools, "npm", 'echo "npm error network unreachable" >&2; exit 1')
    with pytest.raises(UsageError, match=r"set@1.0 could not be fetched: npm error network unreachable") as raised:
        _fetched.download(KNOWN)
    assert raised.value.fix == "try by hand: npm pack set@1.0"


def test_a_missing_tool_is_named(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="needs the command 'npm'"):
        _fetched.download(KNOWN)
    monkeypatch.setattr(_fetched, "APT_HELPER", str(tools / "apt-helper"))
    with pytest.raises(UsageError, match="needs apt"):
        sample_path("fashion-mnist", fetch=True)


def test_a_sample_that_fails_leaves_nothing_behind(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        sample_path("mnist", fetch=True)
    assert list((tmp_path / "cache" / "samples").iterdir()) == []


def test_debian_comes_from_the_mirror_of_the_machine(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = _fetched.Package("data-x", "2-1", fingerprint.of_bytes(DATA), "debian", "data")
    asked = tmp_path / "asked"
    _tool(tools, "apt-get", "echo https://packages.example.org; echo http://mirror.example.org/debian/")
    _tool(tools, "helper", f'printf "$3 $4 $6" > {asked}; printf "{DATA.decode()}" > "$5"')
    monkeypatch.setattr(_fetched, "APT_HELPER", str(tools / "helper"))
    assert _fetched.download(package) == DATA
    place = "http://mirror.example.org/debian/pool/main/d/data/data-x_2-1_all.deb"
    assert asked.read_text(encoding="utf-8") == f"download-file {place} SHA256:{package.sha256}"
    _tool(tools, "apt-get", "exit 1")
    assert _fetched.mirror() == _fetched.DEBIAN
