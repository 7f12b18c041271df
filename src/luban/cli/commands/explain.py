"""`luban explain`: its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from luban.cli import options
from luban.cli.help import USE
from luban.cli.options import BUDGET, MODEL, QUESTION, RESULT, ROWS, option
from luban.cli.running import Talk, Verb

if TYPE_CHECKING:
    from luban.cli.running import Result


@click.command(
    "explain",
    cls=Verb,
    section=USE,
    short_help="Why rows are answered as they are, with error bars.",
    epilog="Example: luban explain customers.luban new.csv --rows 0,5,10-19",
)
@click.argument("bundle", metavar="BUNDLE")
@click.argument("data", metavar="DATA")
@option("--rows", metavar="N,N-N", group=ROWS, help="Which rows, counted from 0; else the first ten.")
@option("--background", metavar="DATA", group=ROWS, help="Rows whose values stand for what is left out.")
@option("--global", "overall", is_flag=True, group=QUESTION, help="What the model looks at over many rows.")
@option("--output", metavar="NAME", group=QUESTION, help="The class, target, step or word; else the predicted one.")
@option("--log-odds", is_flag=True, group=QUESTION, help="Explain log-odds instead of a probability.")
@option(
    "--method",
    metavar="NAME",
    default="auto",
    group=MODEL,
    help="The explainer, such as shap; else what suits the model.",
)
@option(
    "--units",
    type=click.IntRange(min=2),
    metavar="N",
    default=40,
    group=MODEL,
    help="At most N pieces of a text, image, sound or series.",
)
@option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    group=MODEL,
    help="Decides every random choice; else 0.",
)
@option(
    "--calls",
    type=click.IntRange(min=2),
    metavar="N",
    group=BUDGET,
    help="At most N model calls per row; else as the method needs.",
)
@option(
    "--error",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    group=BUDGET,
    help="Stop where the standard error is this small.",
)
@option("--html", metavar="FILE", group=RESULT, help="Also draw it: a page that opens anywhere.")
@options.common
def command(bundle: str, data: str, overall: bool, talk: Talk, **asked: Any) -> Result:
    """Tell what each part of a row of DATA adds to the answer of BUNDLE.

    A part is a column, a word, a region of an image, a stretch of a sound, a window of a series. Attributions come with
    their standard errors, and with a check whether the model agrees: whether putting parts in and taking them out in
    that order moves the answer more than in random orders, and than in the inverse one.

    With --global, over 500 rows: which columns matter, how far parts move answers, how the answer follows a column,
    which pairs of columns interact, and a small tree that answers like the model.
    """
    if overall:
        from luban.verbs.overall import explain_overall

        return explain_overall(bundle, data, console=talk.console, **asked)
    from luban.verbs.explain import explain

    return explain(bundle, data, console=talk.console, **asked)
