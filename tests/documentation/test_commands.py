"""Every command and every piece of Python in the documentation runs, page by page, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from documentation.pages import PAGES, ROOT, Block, blocks, commands
from forking import Programs

ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONWARNINGS": "error",
}
RUN = [
    page
    for page in PAGES
    if "reference" not in page.parts and any(b.language in ("sh", "python") for b in blocks(page))
]
SAME = {"README.zh-CN.md": "README.md"}
"""Pages whose code must equal another's, and so runs with it."""
SHORT = "--time 6"
"""How long is searched where a page searches longer: that it runs is what is held here."""


def run(arguments: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What it prints, warnings and the like first."""
    done = subprocess.run(
        arguments, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments[-1]}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return done.stderr + done.stdout


def but_for_figures(text: str) -> str:
    """Machines differ in the last digits of what they compute."""
    return re.sub(r"[-+]?\d[\d.,]*", "0", text)


def script(block: Block) -> str:
    """What is run for a block of `sh` or `console`; `make` would run the tests in the tests."""
    lines = block.text.splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return re.sub(r"--time \d+", SHORT, "\n".join(line for line in lines if not line.startswith("make ")))


TOGETHER = {
    (page.stem if page.parent.name == "guides" else page.parent.name): [
        other for other in RUN if other.parent == page.parent and (other == page or page.parent.name != "guides")
    ]
    for page in RUN
}
"""Pages in one folder share a working folder: a fit that a page repeats is answered from the bundle of the first. A
guide repeats no other's and takes long, so each runs alone.
"""


@pytest.mark.slow
@pytest.mark.parametrize("pages", TOGETHER.values(), ids=TOGETHER)
def test_what_pages_tell_to_type_runs(pages: list[Path], programs: Programs, tmp_path: Path) -> None:
    """The README's programs start as everywhere; those of other pages are forks, which need not import anything."""
    (tmp_path / "sh").mkdir()
    environment = ENVIRONMENT if ROOT / "README.md" in pages else {**ENVIRONMENT, **programs.environment}
    for page in pages:
        if page.name in SAME:
            continue
        shown = [*blocks(page)[1:], None]
        for block, follows in zip(blocks(page), shown, strict=True):
            if block.language in ("sh", "console"):
                # The tour of the README makes files that the commands below it make too.
                folder = tmp_path / block.language
                folder.mkdir(exist_ok=True)
                run(["bash", "-euo", "pipefail", "-c", script(block)], folder, environment)
            elif block.language == "python":
                printed = run(["python", "-c", block.text], tmp_path / "sh", environment)
                if follows is not None and follows.language == "text":
                    assert but_for_figures(printed) == but_for_figures(follows.text)


@pytest.mark.parametrize("translated, original", SAME.items())
def test_a_translation_has_the_same_code(translated: str, original: str) -> None:
    assert blocks(ROOT / translated) == blocks(ROOT / original)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_each_make_target_that_is_named_exists(page: Path) -> None:
    targets = {found[1] for line in commands(page) if (found := re.match(r"make (\w+)", line))}
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= known


def test_both_readmes_start_with_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert [line.split("#")[0].strip() for line in commands(ROOT / name)[:2]] == ["make demo", "make test"]


def test_the_tour_shows_what_the_program_printed() -> None:
    tour = next(block for block in blocks(ROOT / "README.md") if block.language == "console")
    lines = tour.text.splitlines()
    assert 15 <= len(lines) <= 30
    assert any("95% interval" in line for line in lines)
