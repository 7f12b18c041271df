"""The options that several verbs share, and how their text becomes values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from luban.cli.help import OUTPUT, Option
from luban.core.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

QUESTION = "The question"
ROWS = "The data"
MODEL = "The model"
BUDGET = "Budget"
PROBLEMS = "Problems and gates"
RESULT = "The result"


def option(*names: str, group: str, help: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """A click option in a group of the help."""
    return click.option(*names, cls=Option, group=group, help=help, **settings)


def together(*options: Callable[[Any], Any]) -> Callable[[Decorated], Decorated]:
    """Several options as one decorator, listed in this order."""

    def decorate(function: Decorated) -> Decorated:
        for each in reversed(options):
            function = each(function)
        return function

    return decorate


def pairs(asked: Iterable[str], *, option: str, example: str) -> dict[str, str]:
    """The texts `NAME=VALUE` as a dictionary; the last of equal names counts.

    >>> pairs(["age=category"], option="--column", example="age=category")
    {'age': 'category'}
    """
    found = {}
    for text in asked:
        # A column may have '=' in its name, a kind never has; a path never has, a value may.
        name, equals, value = text.rpartition("=") if option == "--column" else text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"'{text}' is not NAME=VALUE.", where=option, fix=f"for example {option} {example}")
        found[name.strip()] = value.strip()
    return found


_JINJA = ("{%", "{{", "{#")


def settings(asked: Iterable[str]) -> dict[str, Any]:
    """The texts `path=value` of `--set`, the values read as plain YAML: numbers, words, [lists] and {mappings}; what
    begins as a template of Jinja is a text.

    >>> settings(["split.test=0.3", "drop=[id, name]", "features.template={{ messages }}"])
    {'split.test': 0.3, 'drop': ['id', 'name'], 'features.template': '{{ messages }}'}
    """
    texts = pairs(asked, option="--set", example="split.test=0.3")
    if not texts:
        return {}
    from luban.recipe.document import plain

    return {
        path: value if value.startswith(_JINJA) else plain(value.encode(), where=f"--set {path}")
        for path, value in texts.items()
    }


def names(asked: str) -> list[str]:
    """The names in a list with commas.

    >>> names("svm, linear")
    ['svm', 'linear']
    """
    return [name.strip() for name in asked.split(",") if name.strip()]


common = together(
    option("--json", "json", is_flag=True, group=OUTPUT, help="One JSON document on stdout, and nothing else."),
    option("--quiet", is_flag=True, group=OUTPUT, help="No talk; results and errors are still printed."),
    option("--debug", is_flag=True, group=OUTPUT, help="Show the traceback of an error."),
)

target = option(
    "--target", metavar="COLUMN", multiple=True, group=QUESTION, help="The column to predict; again for further ones."
)

threads = option(
    "--threads", type=click.IntRange(min=1), metavar="N", group=BUDGET, help="How many threads; it changes no result."
)

online = option("--online", is_flag=True, group=MODEL, help="Fetch the --from model of the hub, ORG/NAME, if need be.")

written_as = option(
    "--format",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    metavar="NAME",
    group=RESULT,
    help="csv, jsonl or parquet; else as --out ends, else csv.",
)

require = option(
    "--require",
    multiple=True,
    metavar="EXPR",
    group=PROBLEMS,
    help="Exit 4 unless it holds: 'accuracy>=0.9', 'no-severe'.",
)

about_data = together(
    option(
        "--task",
        metavar="TASK",
        group=QUESTION,
        help="Such as regression or anomaly; else by the target.",
    ),
    option(
        "--positive", metavar="CLASS", group=QUESTION, help="The class that counts as positive; else the rarer one."
    ),
    option("--test", metavar="DATA", group=ROWS, help="Test on these rows, not on a part of DATA."),
    option("--column", multiple=True, metavar="NAME=KIND", group=ROWS, help="Set a column's data type: zip=category."),
    option("--group", metavar="COLUMN", group=ROWS, help="Rows with equal values here stay together."),
    option("--order", metavar="COLUMN", group=ROWS, help="Split by time: test on the latest rows by this column."),
    option("--weight", metavar="COLUMN", group=ROWS, help="The column that weighs rows."),
    option("--seed", type=click.IntRange(min=0), metavar="N", group=MODEL, help="Decides every random choice; else 0."),
)
"""What decides how rows are read and held out: `fit` and `diagnose` take the same."""


def ask_with(repair: str | None) -> Callable[[str], bool] | None:
    """How `--repair ask` asks: a yes or no on the terminal; None where nothing is to be asked.

    Raises UsageError when there is no terminal to answer on.
    """
    if repair != "ask":
        return None
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody can answer here: stdin is no terminal.", where="--repair ask", fix="--repair auto or off"
        )
    return lambda question: click.confirm(question, default=True, err=True)
