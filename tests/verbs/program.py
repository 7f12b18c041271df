"""The program, called within the process of the test; and a table with a column of every kind, for small questions."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from luban.cli.main import group
from luban.cli.running import run


@dataclass(frozen=True)
class Done:
    """How a call ended, and what it printed."""

    code: int
    out: bytes
    err: str

    @property
    def told(self) -> str:
        """What was said to a person, on one line: where it is broken depends on the length of paths."""
        return " ".join(self.err.split())

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()


def luban(*arguments: str | Path) -> Done:
    """Calls the program as the shell would."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(group, [str(argument) for argument in arguments])
        out.flush()
    return Done(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]


def visits(rows: int = 80) -> str:
    """Visits of patients, four rows each: CSV text with numbers, words, days, groups, weights and three targets."""
    lines = ["age,dose,town,seen,patient,heavy,grade,stage,value"]
    for i in range(rows):
        late = (i * 7 % 10) > 4
        age = 40 + i * 13 % 30 + (12 if late else 0)
        day = date(2024, 1, 1) + timedelta(days=i * 37 % rows)
        stage = "late" if late else "early"
        dose = 1000 * (i * 11 % 17) + 0.5
        town = ("Ulm", "Bonn", "Kiel")[i % 3]
        value = age * 0.7 + i % 4 / 10
        lines.append(f"{age},{dose},{town},{day},p{i // 4},{1 + i % 5},{i % 3},{stage},{value}")
    return "\n".join(lines) + "\n"
