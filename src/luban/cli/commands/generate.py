"""`luban generate`: its options."""

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
    "generate",
    cls=Verb,
    section=USE,
    short_help="Continue a text with a language model, or answer.",
    epilog='Example: luban generate smollm2 "What is the capital of France?" --chat',
)
@click.argument("model", metavar="BUNDLE|NAME")
@click.argument("prompt", metavar="PROMPT")
@option("--chat", is_flag=True, group=MODEL, help="The prompt is a turn of a chat: the model answers it.")
@option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=256,
    metavar="N",
    group=RESULT,
    help="At most N tokens; else 256.",
)
@option("--stop", multiple=True, metavar="TEXT", group=RESULT, help="End before this text; again for further ones.")
@option(
    "--temperature",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="T",
    group=MODEL,
    help="Draw tokens, more evenly the higher T; else the likeliest.",
)
@option(
    "--top-p",
    type=click.FloatRange(min=0, max=1, min_open=True),
    default=1.0,
    metavar="P",
    group=MODEL,
    help="Draw only from the likeliest tokens that reach P together.",
)
@option(
    "--seed", type=click.IntRange(min=0), default=0, metavar="N", group=MODEL, help="Decides what is drawn; else 0."
)
@option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "int8"]),
    default="float32",
    metavar="NAME",
    group=options.BUDGET,
    help="float32 (default), bfloat16, or int8, the quickest.",
)
@options.threads
@options.common
def command(talk: Talk, **asked: Any) -> Result | None:
    """Continue PROMPT with a language model: a bundle, a folder, a GGUF file, or a sample such as smollm2.

    The text is shown as it is written. The same model, prompt and seed give the same text.
    """
    from luban.verbs.generate import generate

    def tell(piece: str) -> None:
        sys.stdout.write(piece)
        sys.stdout.flush()

    result = generate(**asked, tell=None if talk.json else tell, console=talk.console)
    if talk.json:
        return result
    sys.stdout.write("\n")
    return None
