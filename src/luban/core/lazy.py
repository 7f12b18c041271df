"""Names that are imported on first use, and libraries that may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from luban.core.errors import UsageError


def attributes(package: str, table: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package whose public names load on first use (PEP 562).

    table: public name -> module that defines it.
    """

    def load(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(table[name]), name)

    return load, lambda: sorted(table)


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """The module, or a UsageError that says what it is for and the pip command.

    >>> require("json", extra="none", purpose="reading").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name is None or not module.startswith(missing.name):
            raise
        raise UsageError(
            f"{purpose} needs the package '{missing.name}', which is not installed.",
            fix=f"pip install 'luban[{extra}]'",
        ) from None
