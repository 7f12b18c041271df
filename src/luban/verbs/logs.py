"""What the log of a training says: how it is told from data, and what conditions find in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.evidence.attribution import attributed
from luban.evidence.finding import WORST_FIRST, Finding
from luban.evidence.looking import look
from luban.logs._tracing import Read, read
from luban.protocols import Condition, Log

_MOST_NAMES = 20


def log_at(place: object, asked: Mapping[str, Any]) -> Log | None:
    """The kind of log that lies at a place; None where it is none. asked: what was said of rows, by option.

    A table whose columns are those of a history is a log where nothing was said of rows. Raises UsageError where
    something was said of the rows of a log that can be nothing else.
    """
    if not isinstance(place, str | Path) or not Path(place).exists():
        return None
    given = [option for option, value in asked.items() if value is not None and value != () and value != {}]
    for name in registry.names("logs"):
        log: Log = registry.find("logs", name)
        if (given and not log.certain) or not log.fits(Path(place)):
            continue
        if given:
            raise UsageError(
                "this is the log of a training, which has no rows and no target.",
                where=f"{given[0]}, {place}",
                fix=f"luban diagnose {place}",
            )
        return log
    return None


def examined(log: Log, path: Path) -> tuple[list[Finding], list[tuple[str, str]], dict[str, Any]]:
    """What was found, the primary one first; which conditions could not look, and why; and what the log is.

    Of several trainings in one log each is looked at by itself. A condition that is seen in several is told once, for
    the one where it is worst, and says in how many more.
    """
    rows = log.read(path)
    trainings = {name: training for name, some in rows.items() if (training := read(some)) is not None}
    if not trainings:
        raise _without_loss(path, rows)
    seen: list[tuple[str, Finding]] = []
    unseen: list[dict[str, str]] = []
    for name, training in trainings.items():
        found, not_run = look(training.trace)
        seen += [(name, finding) for finding in attributed(found)]
        unseen.append(dict(not_run))
    seen.sort(key=lambda one: WORST_FIRST.index(one[1].severity))
    conditions = list(dict.fromkeys(finding.condition for _, finding in seen))
    told = [_told([one for one in seen if one[1].condition == condition]) for condition in conditions]
    nowhere = [(name, why) for name, why in unseen[0].items() if all(name in others for others in unseen)]
    return told, sorted(nowhere), _about(path, list(trainings.values()), told)


def _told(same: Sequence[tuple[str, Finding]]) -> Finding:
    """One finding for those of a condition in several trainings."""
    name, finding = same[0]
    also = f" So it is in {len(same) - 1} more of the trainings." if len(same) > 1 else ""
    return replace(finding, text=f"{f'{name}: ' if name else ''}{finding.text}{also}")


def _about(path: Path, trainings: Sequence[Read], found: Sequence[Finding]) -> dict[str, Any]:
    """log: its place. trainings, losses, checks: how many. counted: what the numbers of steps count. columns: those
    that were understood. cures: the line of code that cures what was found.
    """
    cures = []
    for finding in found:
        condition: Condition = registry.find("conditions", finding.condition)
        cures.append({"condition": condition.id, "code": condition.code})
    return {
        "log": str(path),
        "trainings": len(trainings),
        "losses": sum(training.trace.steps for training in trainings),
        "checks": sum(len(training.trace.checks) for training in trainings),
        "counted": trainings[0].counted,
        "columns": list(dict.fromkeys(name for training in trainings for name in training.used)),
        "cures": cures,
    }


def _without_loss(path: Path, rows: Mapping[str, Sequence[Mapping[str, float]]]) -> DataError:
    there = list(dict.fromkeys(name for some in rows.values() for row in some for name in row))
    more = f" and {len(there) - _MOST_NAMES} more" if len(there) > _MOST_NAMES else ""
    known = f"It has {', '.join(there[:_MOST_NAMES])}{more}." if there else "It has no number at all."
    return DataError(
        f"no column of this log is a loss. {known}",
        where=str(path),
        fix="call it loss, train_loss or val_loss; or, where these are rows to learn from: --target COLUMN",
    )
