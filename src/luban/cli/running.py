"""The boundary: a verb's result becomes text or JSON on stdout, and whatever is raised an exit code and a few lines.

Exit codes: 0 done, 2 usage, 3 data or bundle, 4 a gate, 5 interrupted, 6 training, 7 no disk, memory or permission,
1 a defect of luban.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import click

from luban.cli.help import option_entries, write_groups
from luban.core.console import Console
from luban.core.errors import Interrupted, LubanError, ResourceError, UsageError
from luban.core.suggest import nearest

MOST_LINES = 8
"""An error takes at most this many lines."""
ARGUMENTS = "luban.arguments"
"""Where a verb's context keeps what was typed behind the verb."""


class DefectError(LubanError):
    """What nobody foresaw."""

    exit_code = 1
    kind = "defect"


class Result(Protocol):
    """What a verb returns."""

    def to_json(self) -> dict[str, Any]:
        """The document of the verb."""


@dataclass(frozen=True)
class Talk:
    """How to talk with whoever called: in JSON, quietly, with tracebacks."""

    json: bool = False
    quiet: bool = False
    debug: bool = False

    @property
    def console(self) -> Console:
        return Console(quiet=self.quiet or self.json)


class Verb(click.Command):
    """A command whose function takes `talk` and returns a Result to be shown, or None when it has written itself."""

    def __init__(self, *arguments: Any, section: str, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        talk = Talk(*(ctx.params.pop(name) for name in ("json", "quiet", "debug")))
        ctx.params["talk"] = talk
        try:
            result: Result | None = super().invoke(ctx)
        except LubanError as error:
            if error.document is not None and not talk.json:
                _show(str(self.name), error.document, json=False)
            raise
        if result is not None:
            _show(str(self.name), result.to_json(), json=talk.json)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_groups(formatter, option_entries(self.get_params(ctx), ctx))


def run(group: click.Group, arguments: Sequence[str]) -> int:
    """Runs the command line and returns the exit code; errors have been shown.

    arguments: what follows the program's name. Results go to stdout, errors to stderr, or with `--json` both to stdout.
    """
    # The options may be what is wrong, so these two are looked for in the text.
    asked = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = "--json" in asked, "--debug" in asked
    try:
        with group.make_context("luban", list(arguments)) as context:
            group.invoke(context)
            sys.stdout.flush()
        return 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        # Whoever read has what it wanted (`| head`). Python would complain when it flushes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (click.ClickException, click.Abort, KeyboardInterrupt, Exception) as raised:  # noqa: BLE001 - the boundary
        error = explain(raised)
        if debug:
            import traceback

            traceback.print_exception(raised)
        with contextlib.suppress(BrokenPipeError):
            _show_error(error, json=as_json)
        return error.exit_code


def explain(raised: BaseException) -> LubanError:
    """Whatever was raised, as an error with an exit code, a place and a cure.

    >>> explain(MemoryError()).exit_code, explain(KeyboardInterrupt()).exit_code, explain(KeyError("x")).exit_code
    (7, 5, 1)
    """
    match raised:
        case LubanError():
            return raised
        case click.ClickException():
            return _usage(raised)
        case KeyboardInterrupt() | click.Abort():
            return Interrupted("stopped.", fix="the same command starts it again")
        case MemoryError():
            return ResourceError("there is not enough memory.", fix="give --memory, for example --memory 2G")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return ResourceError("the disk is full.", where=_place(raised), fix="free some space, or write elsewhere")
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS):
            fix = f"see who may use it: ls -ld {raised.filename}" if raised.filename else "choose another place"
            return ResourceError(_sentence(str(raised.strerror)), where=_place(raised), fix=fix)
        case _:
            return DefectError(
                f"{type(raised).__name__}: {raised}\nThis is a defect of luban.",
                fix="add --debug to see the traceback, and report it with the command",
            )


def _place(raised: OSError) -> str | None:
    return str(raised.filename) if raised.filename else None


def _usage(raised: click.ClickException) -> UsageError:
    """click's complaint in luban's words."""
    context = raised.ctx if isinstance(raised, click.UsageError) else None
    path = context.command_path if context else "luban"
    fix = f"see {path} --help"
    match raised:
        case click.NoSuchOption() if context is not None:
            known = [name for parameter in context.command.params for name in parameter.opts]
            near = nearest(raised.option_name, known)
            maybe = f" Did you mean '{near}'?" if near else ""
            return UsageError(f"'{path}' has no option '{raised.option_name}'.{maybe}", fix=fix)
        case click.MissingParameter() if raised.param is not None:
            name = raised.param.make_metavar(context) if context else raised.param.name
            if isinstance(raised.param, click.Option):
                name = f"{max(raised.param.opts, key=len)} {name}"
            usage = " ".join([path, *context.command.collect_usage_pieces(context)]) if context else fix
            return UsageError(f"{name} is missing.", fix=usage)
        case click.BadParameter() if raised.param is not None:
            option = max(raised.param.opts, key=len)
            said = re.sub("a valid integer( range)?", "a whole number", raised.message)
            return UsageError(_sentence(re.sub("a valid float( range)?", "a number", said)), where=option, fix=fix)
        case click.BadOptionUsage():
            return UsageError(_sentence(raised.message), where=raised.option_name, fix=fix)
        case _:
            return UsageError(_sentence(raised.format_message()), fix=fix)


def _sentence(text: str) -> str:
    return f"{text[:1].lower()}{text[1:].rstrip('.')}."


def _show(verb: str, document: Mapping[str, Any], *, json: bool) -> None:
    if json:
        _print_json(document)
        return
    from luban.reports import terminal

    print(terminal.show(verb, document, terminal.style(sys.stdout)))


def _show_error(error: LubanError, *, json: bool) -> None:
    if json:
        what = {"kind": error.kind, "message": error.message, "where": error.where, "fix": error.fix}
        told = {key: value for key, value in what.items() if value is not None}
        _print_json({**(error.document or {}), "error": told, "exit_code": error.exit_code})
    else:
        print("\n".join(lines(error)), file=sys.stderr)


def lines(error: LubanError, width: int = 100) -> list[str]:
    """An error as it is printed: what happened, a blank line, the cure; at most 8 lines.

    >>> lines(UsageError("no such file.", where="dta.csv", fix="check the path"))
    ['error: dta.csv: no such file.', '', 'hint: check the path']
    """
    hint = list(_wrapped(f"hint: {error.fix}", width))[: MOST_LINES - 2] if error.fix else []
    told = list(_wrapped(f"error: {error}", width))
    room = MOST_LINES - (len(hint) + 1 if hint else 0)
    if len(told) > room:
        told = [*told[: room - 1], told[room - 1][: width - 4] + " ..."]
    return [*told, "", *hint] if hint else told


def _wrapped(text: str, width: int) -> Iterator[str]:
    # A path or a command must stay whole, so that it can be copied.
    for line in text.splitlines():
        yield from textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


def _print_json(document: Mapping[str, Any]) -> None:
    from luban.core.files import to_json

    print(to_json(document), end="")
