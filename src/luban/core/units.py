"""Durations and sizes as people type them, and as people read them."""

from __future__ import annotations

import re

from luban.core.errors import UsageError

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def seconds(text: str | float) -> float:
    """Seconds from '90', '30s', '5m' or '2h'.

    >>> seconds("5m"), seconds(30)
    (300.0, 30.0)
    """
    if isinstance(text, int | float):
        value, unit = float(text), ""
    else:
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", text.lower())
        if not found:
            raise UsageError(f"'{text}' is not a time.", where="--time", fix="write seconds, or 30s, 5m, 2h")
        value, unit = float(found[1]), found[2]
    if not 0 < value < float("inf"):
        raise UsageError(f"a time must be above zero, not '{text}'.", where="--time", fix="for example --time 60s")
    return value * _SECONDS[unit]


def size(text: str | int) -> int:
    """Bytes from '600M', '4G', '1.5g' or a number of bytes.

    >>> size("600M"), size("1.5k")
    (629145600, 1536)
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)i?b?\s*", str(text).lower())
    if not found or not 0 < float(found[1]) < float("inf"):
        raise UsageError(f"'{text}' is not an amount of memory.", where="--memory", fix="for example --memory 4G")
    return int(float(found[1]) * _BYTES[found[2]])


def read_size(amount: float) -> str:
    """Bytes as a person reads them.

    >>> read_size(1536)
    '1.5 KB'
    """
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("the loop returns at GB")


def read_seconds(amount: float) -> str:
    """Seconds as a person reads them.

    >>> read_seconds(75), read_seconds(4.25)
    ('1 min 15 s', '4.2 s')
    """
    if amount < 60:
        return f"{amount:.1f} s"
    minutes, rest = divmod(round(amount), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
