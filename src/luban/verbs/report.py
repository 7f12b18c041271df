"""`luban report`: the report of a bundle, drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core import files
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.verbs.bundle import Bundle, opened


@dataclass(frozen=True)
class Reported:
    """Where the report was written."""

    report: str

    def to_json(self) -> dict[str, Any]:
        return {"report": self.report}


def report(bundle: Bundle | str | Path, *, out: str | Path | None = None, console: Console = SILENT) -> Reported:
    """Writes the report of a bundle: one HTML file that needs nothing from the network.

    out: where it goes; the bundle's name with `.html` in the working folder where nothing is said.
    """
    from luban.verbs import writing

    found = opened(bundle)
    name = found.path.name.removesuffix(".luban") if found.path is not None else "bundle"
    target = Path(out) if out is not None else Path(f"{name}.html")
    if target.is_dir():
        raise UsageError("a folder lies here.", where=str(target), fix=f"--out {target / 'report.html'}")
    if not target.parent.is_dir():
        raise UsageError("there is no such folder.", where=str(target.parent), fix=f"mkdir -p {target.parent}")
    files.write(target, writing.page(found.stored, name))
    return Reported(str(target))
