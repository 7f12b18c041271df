"""Talk for a person, on stderr: lines, and progress on a terminal. Data for programs goes to stdout elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Advance = Callable[[int, str], None]
"""`advance(done, note)`: how many units are done, and the best so far in a few words."""


@dataclass(frozen=True)
class Console:
    """How to talk. `Console(quiet=True)` says nothing; progress is drawn on a terminal only."""

    quiet: bool = False

    @property
    def color(self) -> bool:
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    def say(self, text: str) -> None:
        """Writes a line to stderr, unless quiet."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Advance]:
        """A line that shows what is done, how far it is, how long it takes still, and the best so far.

        Without a terminal the progress is silent.
        """
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, note: None
            return
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        terminal = Terminal(stderr=True, no_color=not self.color)
        with Progress(*columns, console=terminal, transient=True) as bar:
            task = bar.add_task(title, total=total, note="")
            yield lambda done, note: bar.update(task, completed=done, note=note)


SILENT = Console(quiet=True)
