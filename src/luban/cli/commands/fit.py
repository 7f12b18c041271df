"""`luban fit`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import MAKE
from luban.cli.options import BUDGET, MODEL, PROBLEMS, QUESTION, RESULT, ROWS, option
from luban.cli.running import ARGUMENTS, Talk, Verb
from luban.core.deadline import process_started

if TYPE_CHECKING:
    from luban.verbs.bundle import Bundle


@click.command(
    "fit",
    cls=Verb,
    section=MAKE,
    short_help="Train, repair, measure: from data to a bundle.",
    epilog="Example: luban fit customers.csv --target churned --time 5m --group customer",
)
@click.argument("data", metavar="DATA")
@options.target
@option("--metric", metavar="METRIC", group=QUESTION, help="The metric that compares models; else the task's own.")
@option("--validation", metavar="DATA", group=ROWS, help="Choose and calibrate on these rows, not on folds.")
@option("--remember", metavar="DATA", group=ROWS, help="Raw text that a tuned language model should not forget.")
@options.about_data
@option(
    "--model",
    default="auto",
    metavar="M,..",
    group=MODEL,
    help="auto, one model, or several and their ensemble.",
)
@option("--from", "from_", metavar="NAME", group=MODEL, help="Begin from this pretrained model: minilm, a folder.")
@options.online
@option("--recipe", metavar="FILE", group=MODEL, help="Start from this recipe (YAML).")
@option("--set", "set_", multiple=True, metavar="K=V", group=MODEL, help="Set a key of the recipe: split.test=0.3.")
@option(
    "--folds",
    type=click.IntRange(2, 50),
    metavar="K",
    group=MODEL,
    help="Folds of cross-validation; else 5.",
)
@option(
    "--refit",
    type=click.Choice(["train", "all"]),
    metavar="ROWS",
    group=MODEL,
    help="train (default), or all: the final fit has test rows too.",
)
@option("--time", metavar="TIME", group=BUDGET, help="Time for everything, reading included: 60s, 5m, 2h.")
@option("--memory", metavar="SIZE", group=BUDGET, help="600M, 4G: rows are sampled to stay within it.")
@options.threads
@option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    group=BUDGET,
    help="Train each network by N processes together.",
)
@option(
    "--nodes",
    type=click.IntRange(min=1),
    metavar="K",
    group=BUDGET,
    help="Print the commands that start it on K machines.",
)
@option(
    "--repair",
    type=click.Choice(["auto", "ask", "off"]),
    metavar="HOW",
    group=PROBLEMS,
    help="auto (default), ask before each, or off: only report.",
)
@option("--no-repair", is_flag=True, group=PROBLEMS, help="The same as --repair off.")
@options.require
@option(
    "--track",
    metavar="TRACKER",
    group=RESULT,
    help="Show the run as it goes: tensorboard, or mlflow=URI.",
)
@option("--out", metavar="BUNDLE", group=RESULT, help="Where the bundle goes; else DATA's name .luban.")
@option("--force", is_flag=True, group=RESULT, help="Replace a bundle of other data or another recipe.")
@options.common
def command(data: str, talk: Talk, **asked: Any) -> Bundle | None:
    """Train on DATA and write a bundle: the model, its honest score, what was found and repaired, a report.

    DATA is a file (CSV, TSV, Parquet, JSON lines, Arrow; .gz and .zst too), a quoted glob of files, a folder of class
    folders, '-' for stdin, or sample:NAME. Without --target the names of class folders are learned, and
    clusters are looked for in other data.

    The same command typed again continues after an interruption, and answers at once when all is done.
    """
    from luban.training import nodes

    if count := asked.pop("nodes"):
        _tell(nodes.commands(count, asked["workers"], click.get_current_context().meta[ARGUMENTS]), talk)
        return None
    place = nodes.place()
    if place is None:
        return _fit(data, talk, asked)
    if place.rank > 0:
        nodes.take_part()
        return None
    try:
        return _fit(data, talk, {**asked, "workers": place.size})
    finally:
        nodes.dismiss()


def _fit(data: str, talk: Talk, asked: dict[str, Any]) -> Bundle:
    from luban.verbs.fit import fit

    changes = options.settings(asked.pop("set_"))
    if refit := asked.pop("refit"):
        changes["train.refit"] = refit
    if asked.pop("no_repair"):
        asked["repair"] = "off"
    return fit(
        data,
        asked.pop("target") or None,
        model=options.names(asked.pop("model")),
        set=changes,
        column=options.pairs(asked.pop("column"), option="--column", example="age=category"),
        ask=options.ask_with(asked["repair"]),
        started=process_started(),
        console=talk.console,
        **asked,
    )


def _tell(commands: list[str], talk: Talk) -> None:
    """Prints what to type on each machine."""
    from luban.core.files import to_json

    if talk.json:
        click.echo(to_json({"commands": commands}), nl=False)
        return
    for number, line in enumerate(commands, 1):
        click.echo(f"# on machine {number} of {len(commands)}\n{line}")
    click.echo(
        "FIRST_NODE is the name of the first machine. --out and DATA lie where all of them see the same files.",
        err=True,
    )
