"""A history as a table: CSV, TSV or JSON lines with a column of steps or epochs and one of losses.

It is taken for a log where neither a target nor anything else of rows is asked. JSON null and the words nan, inf and
null are numbers that are not finite; an empty cell of a CSV says nothing. Lines of a run of luban are told apart by
their unit.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, final

from luban.core.errors import DataError
from luban.logs._columns import Row, is_history
from luban.logs._tracing import told

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")
_LOOKED_AT = 200
"""Lines whose keys say whether JSON lines are a history."""


@final
class Table:
    """Reads histories that are tables."""

    certain = False

    def fits(self, path: Path) -> bool:
        if path.suffix.lower() not in (*_DELIMITERS, *_LINES) or not path.is_file():
            return False
        try:
            return is_history({name for line in islice(_lines(path), _LOOKED_AT) for name in line})
        except (DataError, UnicodeDecodeError, csv.Error):
            # Whoever reads it as data says what is wrong with it.
            return False

    def read(self, path: Path) -> Mapping[str, Sequence[Row]]:
        parts: dict[str, list[Mapping[str, Any]]] = {}
        for line in _lines(path):
            parts.setdefault(str(line.get("unit", "")), []).append(line)
        return {part: told(lines) for part, lines in parts.items()}


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() in _DELIMITERS:
            for row in csv.DictReader(file, delimiter=_DELIMITERS[path.suffix.lower()]):
                yield {name.strip(): value for name, value in row.items() if name}
            return
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                line = json.loads(text)
            except ValueError:
                # A program that was killed leaves its last line unfinished.
                if not text.endswith("\n"):
                    return
                line = None
            if not isinstance(line, dict):
                raise DataError(
                    "it is no JSON object.", where=f"{path}, line {number}", fix='one object a line: {"step": 1, ...}'
                )
            yield line


log = Table()
