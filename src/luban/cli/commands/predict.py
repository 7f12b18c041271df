"""`luban predict`: its options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import USE
from luban.cli.options import MODEL, RESULT, option
from luban.cli.running import Talk, Verb
from luban.core.errors import UsageError

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command(
    "predict",
    cls=Verb,
    section=USE,
    short_help="Answer rows: CSV on stdout, or a file.",
    epilog="Example: luban predict customers.luban new.csv --out answers.csv",
)
@click.argument("places", metavar="[BUNDLE] DATA", nargs=-1, required=True)
@option("--from", "from_", metavar="NAME", group=MODEL, help="Without a bundle: ask this pretrained model.")
@options.online
@option("--labels", metavar="A,B,..", group=MODEL, help="What it chooses from: NAME, or NAME=DESCRIPTION.")
@option("--text", metavar="COLUMN", group=MODEL, help="The column that it reads; else the only one with texts.")
@option("--target", metavar="COLUMN", group=MODEL, help="Labels of some rows: they measure and calibrate.")
@option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    metavar="NAME",
    group=RESULT,
    help="float32, or int8: faster, a bit less exact.",
)
@option("--out", metavar="FILE", group=RESULT, help="Write here instead of to stdout.")
@options.written_as
@options.threads
@options.common
def command(places: tuple[str, ...], talk: Talk, out: str | None, labels: str | None, **asked: Any) -> Result | None:
    """Answer each row of DATA with BUNDLE, in the order of DATA.

    Without a bundle, and without a single labelled row: luban predict --from minilm --labels sport,politics DATA
    Where some rows have a label, --target COLUMN says how often it is right, and calibrates its probabilities.

    Columns: 'row' from 0 (or the id column; 'file' where rows are files of a folder), 'prediction', then
    'probability_CLASS' for classes, or 'low' and 'high', between which 90 of 100 true values lie, for numbers. An
    answer that is a piece of a text is followed by 'begin', its first character in the context, from 0 on, and
    'probability'.
    """
    from luban.verbs.predict import predict

    if len(places) > 2:
        raise UsageError(f"{len(places)} places were named.", where="luban predict", fix="luban predict BUNDLE DATA")
    bundle, data = places if len(places) == 2 else (None, places[0])
    asked |= {"bundle": bundle, "data": data, "labels": () if labels is None else options.names(labels)}
    stream = None if talk.json or out else sys.stdout.buffer
    result = predict(out=out, stream=stream, console=talk.console, **asked)
    return None if stream else result
