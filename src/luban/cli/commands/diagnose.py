"""`luban diagnose`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import LOOK
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command(
    "diagnose",
    cls=Verb,
    section=LOOK,
    short_help="Find what is wrong with data, a bundle or a training.",
    epilog="Example: luban diagnose customers.csv --target churned --require no-severe",
)
@click.argument("place", metavar="DATA|BUNDLE|LOG")
@options.target
@options.about_data
@options.option(
    "--against", metavar="DATA", group=options.ROWS, help="Newer rows: are they like those a bundle learned?"
)
@options.option("--data", metavar="DATA", group=options.ROWS, help="With --against: the rows that the bundle learned.")
@options.option("--weighed", metavar="FILE", group=options.RESULT, help="Write --data, weighed to be like newer rows.")
@options.option("--corrected", metavar="BUNDLE", group=options.RESULT, help="Write a bundle corrected to new shares.")
@options.threads
@options.require
@options.common
def command(place: str, target: tuple[str, ...], talk: Talk, **asked: Any) -> Result:
    """Look for leaks, duplicates, wrong labels and other problems, and say what would cure them. Changes nothing.

    With --against: whether newer rows still are what the bundle learned from; --weighed and --corrected write what
    repairs it.

    A LOG is what a training of any program left: a folder with TensorBoard's event files, a trainer_state.json of
    Hugging Face, or a CSV, TSV or JSON lines file that has a column of steps or epochs and one of losses. Such a table
    is read as data where --target, or anything else of rows, is given."""
    from luban.verbs.diagnose import diagnose

    column = options.pairs(asked.pop("column"), option="--column", example="age=category")
    return diagnose(place, target or None, column=column, console=talk.console, **asked)
