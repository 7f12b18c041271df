"""The entry point `luban`: a group of verbs, found by the folder `commands`; each is loaded when it is named."""

from __future__ import annotations

import functools
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from luban.cli.help import OUTPUT, SECTIONS, Option, option_entries, write_groups
from luban.cli.running import Verb, run
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean, fold
from luban.core.version import VERSION


class Verbs(click.Group):
    """The verbs, loaded on demand: `luban fit` imports no other verb, and what a verb runs is imported when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(verbs())

    def get_command(self, ctx: click.Context, cmd_name: str) -> Verb:
        name = fold(cmd_name)
        if name not in verbs():
            raise UsageError(f"no verb is called '{cmd_name}'. {did_you_mean(cmd_name, verbs())}", fix="luban --help")
        command: Verb = import_module(f"luban.cli.commands.{name.replace('-', '_')}").command
        return command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width
        commands = sorted(
            (self.get_command(ctx, name) for name in verbs()),
            key=lambda verb: (SECTIONS.index(verb.section), verb.name),
        )
        listed = [(verb.section, (str(verb.name), verb.get_short_help_str(width))) for verb in commands]
        write_groups(formatter, [*listed, *option_entries(self.get_params(ctx), ctx)])


@functools.cache
def verbs() -> tuple[str, ...]:
    """The verbs, in the order of the alphabet.

    >>> "fit" in verbs()
    True
    """
    folder = Path(__file__).parent / "commands"
    return tuple(sorted(file.stem.replace("_", "-") for file in folder.glob("[!_]*.py")))


@click.group(
    cls=Verbs,
    invoke_without_command=True,
    options_metavar="",
    subcommand_metavar="VERB ...",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "token_normalize_func": fold,
        "max_content_width": 110,
    },
    epilog="Start with: luban fit sample:breast-cancer --target diagnosis --time 30",
)
@click.version_option(VERSION, message="luban %(version)s", cls=Option, group=OUTPUT, help="Show the version.")
@click.pass_context
def group(context: click.Context) -> None:
    """From a person's data to a model they can depend on."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """The program: exits with a code of the list in `luban.cli.running`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(group, sys.argv[1:]))
