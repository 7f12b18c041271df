"""`luban report`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import LOOK
from luban.cli.options import RESULT, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("report", cls=Verb, section=LOOK, short_help="Write a bundle's report, one page that opens anywhere.")
@click.argument("bundle", metavar="BUNDLE")
@option("--out", metavar="FILE", group=RESULT, help="Where the page goes; else NAME.html.")
@options.common
def command(talk: Talk, **asked: Any) -> Result:
    """Draw the report of BUNDLE again: one HTML file that needs nothing from the network."""
    from luban.verbs.report import report

    return report(console=talk.console, **asked)
