"""`luban predict`: its options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import USE
from luban.cli.options import RESULT, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command(
    "predict",
    cls=Verb,
    section=USE,
    short_help="Answer rows: CSV on stdout, or a file.",
    epilog="Example: luban predict customers.luban new.csv --out answers.csv",
)
@click.argument("bundle", metavar="BUNDLE")
@click.argument("data", metavar="DATA")
@option("--out", metavar="FILE", group=RESULT, help="Write here instead of to stdout.")
@option(
    "--format",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    metavar="NAME",
    group=RESULT,
    help="csv, jsonl or parquet; else as --out ends, else csv.",
)
@options.threads
@options.common
def command(talk: Talk, out: str | None, **asked: Any) -> Result | None:
    """Answer each row of DATA with BUNDLE, in the order of DATA.

    Columns: 'row' from 0 (or the id column), 'prediction', then 'probability_CLASS' for classes, or 'low' and 'high',
    between which 90 of 100 true values lie, for numbers.
    """
    from luban.verbs.predict import predict

    stream = None if talk.json or out else sys.stdout.buffer
    result = predict(out=out, stream=stream, console=talk.console, **asked)
    return None if stream else result
