"""Writes docs/reference/ from the code: the help of each verb, the recipe's fields, every plugin, the exit codes.

    python docs/generate.py            writes the pages
    python docs/generate.py --check    exits 1 and names the pages that are not what the code says

A test compares them too, so a page that is out of date does not get through CI.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from luban.cli.main import group, verbs
from luban.cli.running import DefectError
from luban.core import registry
from luban.core.errors import LubanError
from luban.evidence.finding import OF_FITS
from luban.recipe.recipe import Recipe, Section

REFERENCE = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py from the code; `make docs` writes it again. -->"
WIDTH = 100


def command_line() -> str:
    """The help of the program and of each verb."""
    # Whoever asks a command first decides for good which options show its help.
    names = group.context_settings.get("help_option_names")
    context = click.Context(
        group, info_name="luban", terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=names
    )
    parts = [
        "# The command line",
        "Data goes to stdout, talk to stderr. Every verb takes `--json`, `--quiet` and `--debug`.",
        _code(context.get_help()),
    ]
    for name in verbs():
        command = group.get_command(context, name)
        assert command is not None
        own = click.Context(command, parent=context, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH)
        parts += [f"## luban {name}", _code(command.get_help(own))]
    return _page(parts)


def exit_codes() -> str:
    """What a program's caller can rely on."""
    errors: list[type[LubanError]] = [*LubanError.__subclasses__()]
    rows = [("0", "", "Done; also when `--time` ended the search with a usable bundle, or `diagnose` only reported.")]
    rows += [
        (str(error.exit_code), f"`{error.kind}`", _first(error))
        for error in sorted({*errors, DefectError}, key=lambda error: (error.exit_code, error.kind))
    ]
    return _page(
        [
            "# Exit codes",
            "With `--json` an error is one document: `{error: {kind, message, where, fix}, exit_code}`.",
            _table(("code", "kind", "meaning"), rows),
        ]
    )


def recipe() -> str:
    """Every key of a recipe."""
    return _page(
        [
            "# The recipe",
            "Keys of a recipe file, and of `--set key=value`. Any other key is an error that names the nearest.",
            _table(("key", "values", "default", "meaning"), _fields(Recipe)),
            "Any other key under `model` is the name of a model and holds its settings: see [models](models.md).",
        ]
    )


def models() -> str:
    """Every model with its settings."""
    parts = ["# Models", "`--model NAME`, several with commas, or `auto`. Settings: `--set model.NAME.KEY=VALUE`."]
    for name in registry.names("models"):
        model = registry.find("models", name)
        parts += [f"## {name}", registry.summary("models", name), f"Tasks: {_listed(model.tasks)}."]
        fields = list(_fields(model.Settings))
        if fields:
            parts.append(_table(("setting", "values", "default", "meaning"), fields))
    return _page(parts)


def metrics() -> str:
    """Every metric with its definition."""
    rows = []
    for name in registry.names("metrics"):
        metric = registry.find("metrics", name)
        how = {"wilson": "Wilson", "bca": "BCa bootstrap"}[metric.interval]
        rows.append((f"`{name}`", metric.direction, _cell(metric.definition), how, _listed(metric.tasks)))
    return _page(
        [
            "# Metrics",
            "`--metric NAME` is what candidates are compared by. Every score has a 95% interval: Wilson's for "
            "proportions, a BCa bootstrap otherwise, over groups where rows share one.",
            _table(("metric", "better", "definition", "interval", "tasks"), rows),
        ]
    )


def conditions() -> str:
    """Every problem that is looked for."""
    names = registry.names("conditions")
    parts = [
        "# Conditions",
        "What `luban diagnose`, `luban fit` and `luban.watch` look for. A repair is an edit of the recipe. "
        "*Structural*: accepted when the condition no longer sees its signal; *effect*: accepted when a paired gain on "
        "held-out rows is shown; *advice*: only reported.",
        _table(
            ("condition", "what it is", "looks at", "proof of a repair"),
            [
                (f"[{name}](#{name})", _cell(condition.summary), condition.sees, condition.proof)
                for name in names
                for condition in [registry.find("conditions", name)]
            ],
        ),
    ]
    for name in names:
        condition = registry.find("conditions", name)
        told = inspect.getdoc(inspect.getmodule(condition.examine)) or ""
        parts += [f"## {name}", told, f"Tasks: {_listed(condition.tasks)}."]
        if condition.silences:
            parts.append(f"Accounts for: {_listed(condition.silences)}.")
        if condition.code:
            parts.append(f"In a training loop of one's own: `{condition.code}`")
    rows = [(f"`{name}`", _cell(told)) for name, told in OF_FITS.items()]
    parts += [
        "## Findings of a fit",
        "What `luban fit` may find of itself, beside what it finds in the data.",
        _table(("finding", "what it is"), rows),
    ]
    return _page(parts)


def plugins() -> str:
    """The other families: tasks, data types, sources, splits, samples, explainers."""
    parts = [
        "# Tasks, data types, sources, splits, samples, explainers",
        "A plugin is a file in the folder of its family.",
    ]
    for family, title, use in (
        ("tasks", "Tasks", "`--task NAME`"),
        ("features", "Data types", "`--column NAME=KIND`; `identifier` and `constant` columns are left out"),
        ("data.sources", "Sources", "found by the name of the file and its first bytes"),
        ("data.splits", "Splits", "`--set split.kind=NAME`"),
        ("data.samples", "Samples", "`sample:NAME`"),
        ("explainers", "Explainers", "`luban explain --method NAME`"),
    ):
        rows = [(f"`{name}`", _cell(registry.summary(family, name))) for name in registry.names(family)]
        parts += [f"## {title}", f"{use[:1].upper()}{use[1:]}.", _table(("name", "what it is"), rows)]
    return _page(parts)


PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line,
    "conditions.md": conditions,
    "exit-codes.md": exit_codes,
    "metrics.md": metrics,
    "models.md": models,
    "plugins.md": plugins,
    "recipe.md": recipe,
}


def stale() -> list[str]:
    """The pages that are not what the code says, and files that no page is."""
    wrong = [name for name, page in PAGES.items() if _read(REFERENCE / name) != page()]
    return wrong + sorted(file.name for file in REFERENCE.glob("*") if file.name not in PAGES)


def main() -> None:
    if "--check" in sys.argv[1:]:
        wrong = stale()
        if wrong:
            sys.exit(f"not what the code says: {', '.join(wrong)}; run make docs")
        return
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


def _fields(part: type[BaseModel], above: str = "") -> Iterable[tuple[str, str, str, str]]:
    """Key, values, default and meaning of each field; those of parts under the name of the part."""
    told = _docstrings(part)
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(inner, f"{above}{name}.")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "" if default is PydanticUndefined else _shown(default)
        values = _bounded(field.annotation, field.metadata)
        yield f"`{above}{name}`", _cell(values), f"`{shown}`" if shown else "", _cell(told.get(name, ""))


def _docstrings(part: type[BaseModel]) -> dict[str, str]:
    """The texts under the fields, of the class and of those it builds on."""
    found: dict[str, str] = {}
    for kind in reversed(part.__mro__):
        if kind in (Section, BaseModel) or not issubclass(kind, BaseModel):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                found[field.target.id] = inspect.cleandoc(str(text.value.value))
    return found


def _values(annotation: Any) -> str:
    """A type as a person reads it."""
    if annotation is None or annotation is type(None):
        return "null"
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    inner = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _bounded(inner[0], [limit for field in inner[1:] for limit in field.metadata])
    if origin is dict:
        return f"mapping to {_values(inner[1])}" if inner else "mapping"
    if origin in (tuple, list):
        return f"list of {_values(inner[0])}"
    if inner:
        return ", ".join(_values(part) for part in inner)
    if annotation is Any:
        return "anything"
    words = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _bounded(annotation: Any, limits: Iterable[Any]) -> str:
    """A type and its limits."""
    bounds = ", ".join(filter(None, map(_bound, limits)))
    return _values(annotation) + (f" ({bounds})" if bounds else "")


def _bound(limit: Any) -> str:
    signs = {"Gt": ("gt", ">"), "Ge": ("ge", ">="), "Lt": ("lt", "<"), "Le": ("le", "<=")}
    kind = type(limit).__name__
    return f"{signs[kind][1]} {getattr(limit, signs[kind][0]):,}" if kind in signs else ""


def _shown(default: Any) -> str:
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple | list):
        return f"[{', '.join(map(_shown, default))}]"
    return str(default)


def _first(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").split("\n", 1)[0]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows))


def _code(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def _page(parts: Sequence[str]) -> str:
    return "\n\n".join([NOTICE, *parts]) + "\n"


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


if __name__ == "__main__":
    main()
