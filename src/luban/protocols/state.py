"""What was learned, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from luban.batch import Array


@dataclass(frozen=True)
class State:
    """What was learned, as data: JSON values, named arrays, and the named states of parts.

    It is all that is written of a feature or a form. Whoever rebuilds from it trusts nothing in it.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    parts: tuple[tuple[str, State], ...] = ()
