"""Pages of the documentation, and the code blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block: its language and its text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in their order."""
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands(page: Path) -> list[str]:
    """What a reader would type into a shell: `sh` blocks line by line, and the `$` lines of `console` blocks."""
    found = []
    for block in blocks(page):
        lines = block.text.splitlines()
        if block.language == "sh":
            found += [line for line in lines if line.strip()]
        if block.language == "console":
            found += [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return found
