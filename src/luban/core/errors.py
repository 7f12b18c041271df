"""The errors luban raises on purpose: what happened, where, and what to do. Nothing here prints.

    LubanError           abstract: everything a caller may want to catch
      UsageError         exit 2: an option, a recipe, a path or an extra is wrong
      DataError          exit 3: the data is at fault
      BundleError        exit 3: the bundle is at fault
      GateError          exit 4: a `--require` gate or `verify` was not met
      Interrupted        exit 5: stopped, and the same command continues
      TrainingError      exit 6: training failed and no repair was accepted
        TrainingFault    the same, seen by `luban.watch` in a loop of one's own
      ResourceError      exit 7: no disk, memory or permission

Any other exception that reaches the command line is a defect of luban: exit 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LubanError(Exception):
    """Abstract. One fact, its place and its cure.

    message: what happened, with the value, and what was expected.
    where: the file, column, row or option, as a person would point at it.
    fix: the command or change that cures it.
    document: what was done all the same, as the verb's JSON document; a gate that is not met still shows its figures.

    >>> print(DataError("column 'age' has no value", where="people.csv", fix="leave it out: --set drop=age"))
    people.csv: column 'age' has no value
    >>> UsageError("no such option").exit_code
    2
    """

    exit_code: ClassVar[int]
    kind: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix
        self.document = document

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.where, self.fix, self.document))


def _rebuild(
    kind: type[LubanError], message: str, where: str | None, fix: str | None, document: Mapping[str, Any] | None
) -> LubanError:
    return kind(message, where=where, fix=fix, document=document)


class UsageError(LubanError):
    """An option, a recipe, a missing path or a missing extra."""

    exit_code = 2
    kind = "usage"


class DataError(LubanError):
    """The data cannot be read, or does not fit what was asked."""

    exit_code = 3
    kind = "data"


class BundleError(LubanError):
    """The bundle is damaged, hostile, or newer than this luban."""

    exit_code = 3
    kind = "bundle"


class GateError(LubanError):
    """A gate that the user set was not met."""

    exit_code = 4
    kind = "gate"


class Interrupted(LubanError):  # noqa: N818 - not an error of anybody
    """Stopped by the user or the system; the same command continues."""

    exit_code = 5
    kind = "interrupted"


class TrainingError(LubanError):
    """Training failed and no repair was accepted."""

    exit_code = 6
    kind = "training"


class TrainingFault(TrainingError):  # noqa: N818 - a fault of the training, not of the one who raises it
    """A training that is watched has a fault for which it was to be stopped."""


class ResourceError(LubanError):
    """The machine has no disk, memory or permission for it."""

    exit_code = 7
    kind = "resource"


class StorageError(ResourceError):
    """A disk that is full, or a place that may not be written: there whatever comes next fails as well."""
