"""JSON from a stranger: parsed only when it is small, shallow, unambiguous and plain. `json` alone allows far more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NoReturn

MOST_DEEP = 64
MOST_VALUES = 2_000_000
"""A value costs up to 120 bytes of memory, so this bounds what a small file can blow up to."""

# The closing quote is optional so that an open string is passed over once, not once for each quote in it.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(set(range(256)) - set(_STEPS))


def parse(data: bytes) -> Any:
    """The JSON value in the bytes: UTF-8, every key once, every number finite, no lone surrogates, within the limits.

    Raises ValueError that says in a few words what is wrong; it never shows more than a short piece of the data.

    >>> parse(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> parse(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: the key 'a' stands there twice
    """
    structure = _STRING.sub(b"", data)
    if _count(structure) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    brackets = structure.translate(None, delete=_NOT_BRACKETS)
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MOST_DEEP:
        raise ValueError(f"it is nested more than {MOST_DEEP} deep")
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_a_number,
            parse_float=_finite,
            parse_int=_whole,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg.lower()} in line {error.lineno}, column {error.colno}") from None
    if _SURROGATE.search(data):
        _check_text(value)
    return value


def count_values(data: bytes) -> int:
    """At least as many as there are values in the bytes, should they be JSON; several documents are bounded by it.

    >>> count_values(b'{"a, b": [1, 2]}')
    3
    """
    return _count(_STRING.sub(b"", data))


def shown(text: object, limit: int = 60) -> str:
    """Text of a stranger, fit for a message: quoted, without control characters, cut short.

    >>> shown("\\x1b[2J")
    "'\\\\x1b[2J'"
    """
    quoted = ascii(str(text)[: limit + 1])
    return quoted if len(str(text)) <= limit else f"{quoted[:limit]}...'"


def _count(structure: bytes) -> int:
    # Every value but the first follows a comma or an opening bracket.
    return structure.count(b",") + structure.count(b"[") + structure.count(b"{")


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} stands there twice")
        found[key] = value
    return found


def _not_a_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {shown(text, 20)} is too large")
    return value


def _whole(text: str) -> int:
    # 19 digits and a sign: what does not fit into 64 bits would overflow in code that counts on it.
    value = int(text) if len(text) <= 20 else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise ValueError(f"the number {shown(text, 20)} is too large")
    return value


def _check_text(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it is not Unicode (a lone surrogate)") from None
