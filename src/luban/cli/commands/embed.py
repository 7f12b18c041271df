"""`luban embed`: its options."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import USE
from luban.cli.options import MODEL, RESULT, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command(
    "embed",
    cls=Verb,
    section=USE,
    short_help="Vectors of texts, images or sounds, and those nearest to a question.",
    epilog='Example: luban embed articles.csv --from minilm --find "who won the cup?"',
)
@click.argument("data", metavar="DATA")
@option("--from", "from_", metavar="NAME", required=True, group=MODEL, help="The pretrained model: minilm, a folder.")
@options.online
@option("--text", metavar="COLUMN", group=MODEL, help="The column that it reads; else the only one of its kind.")
@option("--pair", metavar="A,B", group=MODEL, help="How alike two columns of a row are, not vectors.")
@option("--find", metavar="QUESTION", group=RESULT, help="Show the nearest rows to this, or to this file.")
@option("--top", type=click.IntRange(min=1), metavar="N", group=RESULT, help="How many are shown; else 5.")
@option("--out", metavar="FILE", group=RESULT, help="Write the vectors here instead of to stdout.")
@options.written_as
@options.threads
@options.common
def command(talk: Talk, out: str | None, find: str | None, **asked: Any) -> Result | None:
    """Read the texts, images or sounds of DATA by a pretrained model, each as a vector of length 1: what is alike lies
    close together. --from BUNDLE gives the codes of whole rows by an autoencoder that learned without labels, or the
    vectors by a model that learned to compare pairs.

    Columns: 'row' from 0, of a folder of files 'file', then 'v0', 'v1', ...; a parquet or jsonl file has one column
    'vector'. The texts of a folder and of its inner ones are data too, so --find searches it by what a question means.
    Of a --pair the columns are 'row' and 'similarity', the cosine of both, at most 1.
    """
    from luban.verbs.embed import embed

    stream = None if out or find or talk.json else sys.stdout.buffer
    result = embed(out=out, find=find, stream=stream, console=talk.console, **asked)
    return None if stream else result
