"""Gates: what is required of a result, such as `accuracy>=0.9` or `no-severe`. A gate that is not met is exit 4."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from luban.core import registry
from luban.core.errors import GateError, UsageError
from luban.core.suggest import did_you_mean, fold
from luban.evidence.finding import Finding
from luban.evidence.measurement import Measurement

_SIGNS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_NO_SEVERE, _NO_WARNING = "no-severe", "no-warning"


def parse(gates: Iterable[str]) -> list[tuple[str, str, float]]:
    """Each gate as (what, sign, bound); UsageError for one that cannot be read.

    >>> parse(["accuracy >= 0.9", "no-severe"])
    [('accuracy', '>=', 0.9), ('no-severe', '', 0.0)]
    """
    parsed = []
    for gate in gates:
        text = gate.strip()
        if fold(text) in (_NO_SEVERE, _NO_WARNING):
            parsed.append((fold(text), "", 0.0))
            continue
        found = re.fullmatch(r"([a-zA-Z][\w.-]*)\s*(>=|<=|>|<)\s*(-?[0-9.]+(?:e-?[0-9]+)?)", text)
        if not found:
            raise UsageError(
                f"'{gate}' is no gate.", where="--require", fix="for example --require 'accuracy>=0.9', or no-severe"
            )
        name, _, end = fold(found[1]).partition(".")
        # A name that no metric has is told at once, not after the training.
        if name not in registry.names("metrics"):
            known = did_you_mean(name, registry.names("metrics"))
            raise UsageError(f"no metric is called '{name}'. {known}", where="--require")
        if end not in ("", "low", "high"):
            raise UsageError(
                f"'{found[1]}' has an unknown end.", where="--require", fix=f"{name}, {name}.low or {name}.high"
            )
        parsed.append((fold(found[1]), found[2], float(found[3])))
    return parsed


def check(
    gates: Sequence[str],
    measurements: Sequence[Measurement],
    findings: Sequence[Finding],
    document: Mapping[str, Any],
) -> None:
    """Raises GateError when a gate is not met; `accuracy.low>=0.9` asks it of the interval's lower end.

    document: what was done all the same; the error carries it.

    Raises UsageError for a metric that was not measured.
    """
    # Of several figures of a metric the first is meant: the one on the test rows.
    by_name = {m.name: m for m in reversed(measurements)}
    for what, sign, bound in parse(gates):
        if not sign:
            worst = ("severe",) if what == _NO_SEVERE else ("severe", "warning")
            seen = [f.condition for f in findings if f.severity in worst]
            if seen:
                found = ", ".join(dict.fromkeys(seen))
                raise GateError(f"required {what}, but found: {found}.", where="--require", document=document)
            continue
        name, _, end = what.partition(".")
        if name not in by_name:
            raise UsageError(f"'{what}' was not measured. {did_you_mean(name, by_name)}", where="--require")
        value = getattr(by_name[name], end or "value")
        if not _SIGNS[sign](value, bound):
            raise GateError(
                f"required {what} {sign} {bound:g}, measured {value:.4g}.", where="--require", document=document
            )
