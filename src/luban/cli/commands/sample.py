"""`luban sample`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import MAKE
from luban.cli.options import RESULT, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command("sample", cls=Verb, section=MAKE, short_help="Real data to try things on.")
@click.argument("name", metavar="[NAME]", required=False)
@option("--out", metavar="PATH", group=RESULT, help="Copy the data here, a file or a folder.")
@option("--fetch", is_flag=True, group=RESULT, help="Get what no installed package carries (uses the network).")
@options.common
def command(talk: Talk, **asked: Any) -> Result:
    """List the samples, or print the path of one. `luban fit sample:NAME` takes it by name."""
    from luban.verbs.sample import sample

    return sample(console=talk.console, **asked)
