"""Writes the tour of the READMEs: real commands, and what they really print, between the markers of each file.

    python docs/tour.py

Long output is shortened; `...` stands for the lines that are left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.zh-CN.md")
START, END = "<!-- tour: written by docs/tour.py -->", "<!-- end of the tour -->"

STEPS = (
    ("luban fit sample:breast-cancer --target diagnosis --model linear,svm", (0, 1, 3, 4, 5, 6, 12, 13)),
    ("luban sample breast-cancer --out patients.csv", (0,)),
    ("luban predict breast-cancer.luban patients.csv --out answers.csv", (0,)),
    ("head -3 answers.csv", (0, 1, 2)),
    ("luban verify breast-cancer.luban sample:breast-cancer", (0,)),
)
"""Commands, and which lines of their output are shown."""


def main() -> None:
    tour = f"{START}\n```console\n{run()}\n```\n{END}"
    for name in READMES:
        file = ROOT / name
        text = file.read_text(encoding="utf-8")
        found = re.sub(f"{re.escape(START)}.*?{re.escape(END)}", lambda _: tour, text, flags=re.DOTALL)
        file.write_text(found, encoding="utf-8")


def run() -> str:
    """The commands with their output, run in an empty folder."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for command, shown in STEPS:
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            told += [f"$ {command}", *shortened(done.stdout.splitlines(), shown)]
    return "\n".join(told)


def shortened(lines: list[str], shown: tuple[int, ...]) -> list[str]:
    """The lines with these numbers, and `...` where others than empty ones are left out.

    >>> shortened(["a", "", "c", "d", "e"], (0, 2, 4))
    ['a', 'c', '...', 'e']
    """
    kept: list[str] = []
    after = 0
    for number in (*shown, len(lines)):
        if any(line.strip() for line in lines[after:number]):
            kept.append("...")
        kept += lines[number : number + 1]
        after = number + 1
    return kept


if __name__ == "__main__":
    main()
