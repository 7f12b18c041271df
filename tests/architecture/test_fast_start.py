"""`luban --help` is quick and imports nothing heavy; and the test that says so can fail."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "sklearn", "polars", "numpy", "pydantic", "scipy", "lightgbm", "onnx", "onnxruntime", "rich", "yaml")
MOST_SECONDS = 0.15

PROGRAM = """
import sys, time
sys.argv = ["luban", *{arguments!r}]
from luban.cli.main import main
{more}
try:
    main()
finally:
    print("\\n", time.process_time(), *sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)
"""


def start(arguments: list[str], more: str = "") -> tuple[float, list[str]]:
    """CPU seconds and heavy imports of a fresh process."""
    code = PROGRAM.format(arguments=arguments, heavy=HEAVY, more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *imported = done.stderr.split()
    assert done.stdout.startswith("Usage: luban")
    return float(seconds), imported


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"]])
def test_help_is_quick_and_imports_nothing_heavy(arguments: list[str]) -> None:
    # The best of a few, because other processes share the caches and the clock of this machine.
    runs = [start(arguments) for _ in range(4)]
    assert all(imported == [] for _, imported in runs)
    assert min(seconds for seconds, _ in runs) <= MOST_SECONDS


def test_the_test_above_sees_a_heavy_import() -> None:
    _, imported = start(["--help"], more="import numpy")
    assert imported == ["numpy"]


def test_the_test_above_sees_a_slow_start() -> None:
    seconds, _ = start(["--help"], more=f"while time.process_time() < {MOST_SECONDS}: pass")
    assert seconds > MOST_SECONDS
