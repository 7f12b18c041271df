"""`python benchmarks`: every benchmark one after another, and their figures in `docs/benchmarks.md`.

Takes the options of a benchmark and hands them on. A missed goal is shown as missed; so is a benchmark that broke.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import harness

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
PACKAGES = ("luban", "numpy", "scipy", "polars", "scikit-learn", "lightgbm", "onnx", "onnxruntime")


def main() -> int:
    arguments = harness.parser(__doc__).parse_args()
    handed = ["--json", "--seed", str(arguments.seed), *(["--quick"] if arguments.quick else [])]
    handed += [f"--peer={peer}" for peer in arguments.peer]
    sections, every = [], []
    for path in benchmarks():
        print(f"{path.stem} ...", file=sys.stderr, flush=True)
        figures, problem = run(path, handed)
        sections.append(section(path, figures, problem))
        every += [{**figure, "name": f"{path.stem}/{figure['name']}"} for figure in figures]
        if problem:
            broken = harness.Figure(
                f"{path.stem}/ran", 0.0, goal=(">=", 1.0), how="it ended with figures", reason=problem
            )
            every.append(broken.to_json())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join([*head(arguments), *sections]), encoding="utf-8")
    if not arguments.json:
        print(f"wrote {PAGE}", file=sys.stderr)
    print(json.dumps({"figures": every}))
    return harness.MISSED if arguments.require and any(figure["holds"] is False for figure in every) else 0


def benchmarks() -> list[Path]:
    """The files here that are benchmarks."""
    return [path for path in sorted(HERE.glob("*.py")) if "\n    harness.main(" in path.read_text(encoding="utf-8")]


def run(path: Path, handed: list[str]) -> tuple[list[dict[str, Any]], str | None]:
    """The figures of one benchmark, and what went wrong if there are none."""
    done = subprocess.run([sys.executable, str(path), *handed], stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    try:
        return list(json.loads(lines[-1])["figures"]), None
    except (IndexError, KeyError, ValueError):
        return [], f"it ended with the code {done.returncode} and no figures"


def head(arguments: Any) -> list[str]:
    """What the figures were measured on."""
    size = "a quick run: fewer cases than a full one" if arguments.quick else "a full run"
    facts = {
        "Run": f"{size}, seed {arguments.seed}",
        "Machine": f"{platform.machine()}, {processor()}, {os.cpu_count()} cores, {memory()}, {platform.system()}",
        "CPU flags": " ".join(flags()) or "not told by the system",
        "Python": platform.python_version(),
        "Versions": ", ".join(f"{name} {found}" for name in PACKAGES if (found := installed(name))),
        "Commit": commit(),
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    return ["# Benchmarks", "", "Written by `make bench`.", "", "| | |", "|---|---|", *rows, ""]


def section(path: Path, figures: list[dict[str, Any]], problem: str | None) -> str:
    """One benchmark's figures as a table."""
    lines = [f"## {path.stem}", "", f"`python benchmarks/{path.name}`", ""]
    if problem:
        return "\n".join([*lines, f"**MISSED**: {problem}.", ""])
    lines += ["| figure | value | 95% interval | goal | holds | how |", "|---|---|---|---|---|---|"]
    for figure in figures:
        interval = (
            "" if figure["low"] is None else f"{harness.number(figure['low'])} to {harness.number(figure['high'])}"
        )
        value = harness.number(figure["value"]) or f"not measured: {figure['reason']}"
        verdict = {True: "yes", False: "**MISSED**", None: ""}[figure["holds"]]
        wanted = harness.goal(figure).replace("goal", "").strip()
        lines.append(f"| {figure['name']} | {value} | {interval} | {wanted} | {verdict} | {figure['how']} |")
    return "\n".join([*lines, ""])


def processor() -> str:
    return _of_processor("model name") or platform.processor() or "unknown processor"


def flags() -> list[str]:
    """The instruction sets that matter to numbers."""
    found = _of_processor("flags").split()
    return [flag for flag in found if flag.startswith(("avx", "sse4", "fma", "amx", "bf16", "f16c"))]


def memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB memory"
    except (OSError, ValueError):
        return "unknown memory"


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    asked = [["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no"]]
    try:
        told = [subprocess.run(words, cwd=HERE, capture_output=True, text=True, check=True).stdout for words in asked]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told[0].strip() + (", with changes that are not committed" if told[1].strip() else "")


def _of_processor(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


if __name__ == "__main__":
    sys.exit(main())
