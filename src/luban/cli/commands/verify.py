"""`luban verify`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import LOOK
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("verify", cls=Verb, section=LOOK, short_help="Measure a bundle's recorded figures again.")
@click.argument("bundle", metavar="BUNDLE")
@click.argument("data", metavar="DATA")
@options.common
def command(talk: Talk, **asked: Any) -> Result:
    """Check every file of BUNDLE, and measure its evidence again on DATA, its training data. Exit 4 if it differs."""
    from luban.verbs.verify import verify

    return verify(console=talk.console, **asked)
