"""Forms within forms: how their states are parts of a state, and how they are rebuilt.

A part is named by the kind of its form. Which kinds there are is decided by the files of this folder, never by a state.
"""

from __future__ import annotations

from collections.abc import Iterable

from luban.core import registry
from luban.core.errors import BundleError
from luban.protocols import Form, State

MOST_MEMBERS = 10_000
_MOST_DEEP = 8


def pack(members: Iterable[Form]) -> tuple[tuple[str, State], ...]:
    return tuple((member.kind, member.state()) for member in members)


def unpack(state: State) -> tuple[Form, ...]:
    """The members of a state, at least one. Raises BundleError when one is not a form, or they nest too deep."""
    if not 1 <= len(state.parts) <= MOST_MEMBERS:
        raise BundleError(f"a form of {len(state.parts)} members cannot be used; luban writes 1 to {MOST_MEMBERS}.")
    _check_depth(state)
    return tuple(rebuild(kind, part) for kind, part in state.parts)


def rebuild(kind: str, state: State) -> Form:
    """The form of this kind. Raises BundleError when there is no such kind, or its state is odd."""
    if kind not in registry.names("forms"):
        raise BundleError(f"a model of the form {str(kind)[:40]!r} is not known to this luban.", fix="update luban")
    form: Form = registry.find("forms", kind).rebuild(state)
    return form


def _check_depth(state: State) -> None:
    level: list[State] = [state]
    for _ in range(_MOST_DEEP + 1):
        level = [part for above in level for _, part in above.parts]
        if not level:
            return
        if len(level) > MOST_MEMBERS:
            break
    raise BundleError("the model has more parts within parts than luban writes.")
