"""`luban evaluate`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import USE
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("evaluate", cls=Verb, section=USE, short_help="Measure a bundle on rows whose answers are known.")
@click.argument("bundle", metavar="BUNDLE")
@click.argument("data", metavar="DATA")
@options.require
@options.threads
@options.common
def command(talk: Talk, **asked: Any) -> Result:
    """Measure BUNDLE on the rows of DATA, which has the target column: every metric with its interval.

    Whether probabilities come true there, and whether a part of the rows is answered much worse, is reported too.
    """
    from luban.verbs.evaluate import evaluate

    return evaluate(console=talk.console, **asked)
