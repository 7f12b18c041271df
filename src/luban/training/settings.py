"""The settings of a candidate, checked against what its model takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from luban.core import registry
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.recipe.recipe import Candidate, Section

_WANTED = "Input should be "
"""How pydantic begins to say what a field takes."""


def settings(candidate: Candidate) -> Section:
    """The settings of a candidate, validated; UsageError names the wrong key or value and the right ones."""
    from pydantic import ValidationError

    kind = registry.find("models", candidate.model).Settings
    try:
        return kind.model_validate(candidate.settings)
    except ValidationError as invalid:
        raise UsageError(_explain(invalid.errors(), kind), where=f"model.{candidate.model}") from None


def _explain(problems: Sequence[Any], kind: type[Section]) -> str:
    """The first wrong setting. What may be one of several things has a problem with each of them."""
    # A key that there is not is told before one that is missing: it may be the same, written wrong.
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        return f"there is no setting '{key}'. {did_you_mean(key, kind.model_fields)}"
    said = [problem["msg"] for problem in problems if problem["loc"][0] == key]
    wanted = [message.removeprefix(_WANTED) for message in said if message.startswith(_WANTED)]
    what = f"it should be {', or '.join(wanted)}" if wanted else first["msg"]
    return f"the setting '{key}' cannot be {first['input']!r}: {what}."
