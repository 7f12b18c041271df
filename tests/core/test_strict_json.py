"""JSON of a stranger is parsed only when it is small, shallow, unambiguous and plain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luban.core import strict_json
from luban.core.strict_json import count_values, parse, shown

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(PLAIN, st.booleans())
def test_what_json_writes_comes_back(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(data) == value
    assert count_values(data) >= _count(value) - 1


def _count(value: Any) -> int:
    """How many values there are, by walking them."""
    if isinstance(value, list):
        return 1 + sum(map(_count, value))
    return 1 + sum(map(_count, value.values())) if isinstance(value, dict) else 1


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused_in_words(data: bytes) -> None:
    try:
        parse(data)
    except ValueError as error:
        assert str(error)
        assert len(str(error)) < 200


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON: .* line 1, column 2"),
        (b'{"a": 1,\n "b": }', "line 2"),
        (b'{"a": 1} {"b": 2}', "extra data"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[Infinity]", "Infinity is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"9223372036854775808", "too large"),
        (b"9" * 100_000, "too large"),
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' stands there twice"),
        (b'{"a": 1, "\\u0061": 2}', "the key 'a' stands there twice"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udc00": 1}', "lone surrogate"),
        (b"\xef\xbb\xbf{}", "BOM|not JSON"),
        (b"[" * 65 + b"]" * 65, "nested more than 64 deep"),
        (b"[" * 1_000_000, "nested more than 64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested more than 64 deep"),
    ],
    ids=lambda part: repr(part[:24]),
)
def test_what_is_not_plain_is_refused_with_the_reason(data: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"[" * 64 + b"]" * 64, None),
        (b'"' + b"[" * 5_000 + b'"', "[" * 5_000),
        (b'"a \\" [[[ b"', 'a " [[[ b'),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"9223372036854775807", (1 << 63) - 1),
        (b"-9223372036854775808", -(1 << 63)),
        (b"1e-999", 0.0),
    ],
)
def test_what_is_plain_is_let_through(data: bytes, value: Any) -> None:
    parsed = parse(data)
    assert value is None or parsed == value


def test_more_values_than_the_limit_are_refused_before_any_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_json, "MOST_VALUES", 10)
    assert len(parse(b"[" + b"0," * 8 + b"0]")) == 9
    monkeypatch.setattr(strict_json.json, "loads", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(ValueError, match="more than 10 values"):
        parse(b"[" + b"0," * 10 + b"0]")


@given(st.text(), st.integers(5, 60))
def test_text_of_a_stranger_is_shown_short_and_without_control_characters(text: str, limit: int) -> None:
    said = shown(text, limit)
    assert len(said) <= max(limit + 4, 10 * len(text) + 2)
    assert said.isascii() and said.isprintable()
