"""How help reads: options and verbs in named groups, one clear line each, in plain text without colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

OUTPUT = "Output"
"""The group of the options that every verb has."""

MAKE, USE, LOOK = SECTIONS = ("Make a model", "Use it", "Look closer")
"""The groups of verbs."""


class Option(click.Option):
    """An option that knows the group it is listed in."""

    def __init__(self, *arguments: Any, group: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.group = group

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        # Ranges and defaults are said in the help's own words.
        return {}


def write_groups(formatter: click.HelpFormatter, entries: Iterable[tuple[str, tuple[str, str]]]) -> None:
    """Writes (group, (name, text)) entries under the headings of their groups, all texts in one column."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for group, entry in entries:
        groups.setdefault(group, []).append(entry)
    column = max((len(name) for entries in groups.values() for name, _ in entries), default=0)
    for group, listed in groups.items():
        with formatter.section(group):
            formatter.write_dl([(name.ljust(column), text) for name, text in listed], col_max=column)


def option_entries(parameters: Sequence[click.Parameter], context: click.Context) -> list[tuple[str, tuple[str, str]]]:
    """The options that are shown, with their groups; those that click adds by itself (`--help`) are output."""
    listed = []
    for parameter in parameters:
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            listed.append((parameter.group if isinstance(parameter, Option) else OUTPUT, record))
    return listed
