"""`luban inspect`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from luban.cli import options
from luban.cli.help import LOOK
from luban.cli.options import ROWS, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("inspect", cls=Verb, section=LOOK, short_help="Show how data is understood, or what a bundle holds.")
@click.argument("place", metavar="DATA|BUNDLE")
@option("--column", multiple=True, metavar="NAME=KIND", group=ROWS, help="Set a column's data type: zip=category.")
@options.common
def command(place: str, column: tuple[str, ...], talk: Talk) -> Result:
    """Show each column with its data type, its role and the reason; or what a bundle was asked and how it does."""
    from luban.verbs.inspect import inspect

    kinds = options.pairs(column, option="--column", example="age=category")
    return inspect(place, column=kinds, console=talk.console)
