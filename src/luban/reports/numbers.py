"""Numbers and words as people read them: as many digits as are known, thousands apart, texts cut short."""

from __future__ import annotations

import math
from typing import Any

from luban.evidence.measurement import Measurement

TITLES = {
    "adjusted-rand": "adjusted Rand",
    "bic": "BIC",
    "brier": "Brier score",
    "f1": "F1",
    "mae": "MAE",
    "r2": "R²",
    "rmse": "RMSE",
    "roc-auc": "ROC AUC",
}
"""Metrics that are not written as their name."""

NOTHING = "–"
"""What stands where there is no number."""


def headed(measurement: Measurement) -> str:
    """The metric of a figure as people write it, and of which target where there are several.

    >>> headed(Measurement("roc-auc", 0.9, 0.8, 1.0, "higher", 50, "test", "BCa", target="survived"))
    'ROC AUC of survived'
    """
    of = "" if measurement.target is None else f" of {text(measurement.target, 40)}"
    return title(measurement.metric) + of


def title(metric: str) -> str:
    """A metric as it is written.

    >>> title("roc-auc"), title("log-loss")
    ('ROC AUC', 'log loss')
    """
    return TITLES.get(metric, metric.replace("-", " "))


def number(value: Any, decimals: int | None = None) -> str:
    """A number with these decimals, or else with four significant digits; thousands are apart.

    One that is longer than anybody counts its digits is told by its power of ten, whatever decimals are asked for.

    >>> number(1234567.8), number(0.97368, 3), number(0.00012345), number(12.0), number(None)
    ('1,234,568', '0.974', '0.0001234', '12', '–')
    >>> number(-1e300, 3)
    '−1e+300'
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 1e15:
        return _signed(f"{value:.3g}")
    if decimals is not None:
        return _signed(f"{value:,.{decimals}f}")
    if float(value).is_integer():
        return _signed(f"{value:,.0f}")
    if abs(value) < 1e-5:
        return _signed(f"{value:.3g}")
    return _signed(f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}".rstrip("0").rstrip("."))


def decimals(low: Any, high: Any) -> int:
    """How many decimals an interval deserves: two significant digits of half its width, at most six.

    >>> decimals(0.926, 0.993), decimals(49.1, 60.2), decimals(0, 0)
    (3, 1, 3)
    """
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return 3
    half = abs(high - low) / 2
    if not 0 < half < math.inf:
        return 3
    return min(6, max(0, 1 - math.floor(math.log10(half))))


def interval(low: Any, high: Any, digits: int | None = None) -> str:
    """An interval.

    >>> interval(0.9263, 0.9932), interval(-12.4, 3.06)
    ('0.926 to 0.993', '−12.4 to 3.1')
    """
    digits = decimals(low, high) if digits is None else digits
    return f"{number(low, digits)} to {number(high, digits)}"


def percent(share: Any) -> str:
    """A share in per cent; never 0 % for something, never 100 % for less than all.

    >>> percent(0.9737), percent(0.0001), percent(0), percent(0.9999)
    ('97.4 %', '< 0.1 %', '0 %', '> 99.9 %')
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def count(many: Any, noun: str) -> str:
    """A count with its noun.

    >>> count(1, "row"), count(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number(many)} {noun}" if many == 1 else f"{number(many)} {noun}s"


def text(value: Any, limit: int = 60) -> str:
    """A value as one short line of text, whatever is in it.

    >>> text("a\\nb\\tc" + "x" * 100, 10)
    'a b cxxxx…'
    """
    line = printable(" ".join(str(value)[: 8 * limit].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def printable(value: Any) -> str:
    """A text without what would command a terminal; a path stays whole.

    >>> printable("a\x1b[31m")
    'a�[31m'
    """
    return "".join(character if character.isprintable() else "�" for character in str(value))


def _signed(written: str) -> str:
    """With a true minus sign; nothing is minus nothing."""
    if not any(digit in written for digit in "123456789"):
        return written.removeprefix("-")
    return written.replace("-", "−", 1) if written.startswith("-") else written
