"""`luban compare`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import LOOK
from luban.cli.options import ROWS, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("compare", cls=Verb, section=LOOK, short_help="Say whether one bundle is really better than another.")
@click.argument("first", metavar="BUNDLE1")
@click.argument("second", metavar="BUNDLE2")
@option("--data", metavar="DATA", group=ROWS, help="Rows with the target, on which both are measured.")
@options.common
def command(talk: Talk, **asked: Any) -> Result:
    """Compare two bundles on the same rows: every metric's difference with its paired interval."""
    from luban.verbs.compare import compare

    return compare(console=talk.console, **asked)
