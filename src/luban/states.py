"""How a state is written as one file and read again: safetensors, with the JSON values in its header.

    arrays    0.weights  0.bias ...          named by the place of their part
    metadata  {"luban": the JSON values of all parts, nested as the parts are}

Reading trusts nothing: sizes, types and names are checked before an array is made.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from luban import arrays
from luban.arrays import Arrays, Buffer
from luban.batch import Array
from luban.core import files
from luban.core.errors import BundleError
from luban.core.strict_json import parse, shown
from luban.protocols import State

_TYPES = {"float32", "float64", "int32", "int64", "uint8"}
_MOST_DEEP = 8
_MOST_PARTS = 100_000


def content(kind: str, state: State) -> Arrays:
    """A state and the kind of its owner, as a safetensors file that can be written. Equal states, equal bytes."""
    named = {name: np.asarray(array, order="C") for name, array in _named(state, "")}
    document = {"kind": kind, "state": _values(state)}
    # The header is ordered by type and name, so equal content gives equal bytes; one metadata key keeps it so.
    return Arrays(named, {"luban": json.dumps(document, sort_keys=True, allow_nan=False, ensure_ascii=False)})


def to_bytes(kind: str, state: State) -> bytes:
    """The bytes of that file."""
    return b"".join(content(kind, state))


def write(path: Path, kind: str, state: State) -> None:
    """Writes that file by way of a temporary sibling, piece by piece."""
    with files.new_file(path) as made, made.open("wb") as file:
        arrays.write(file, content(kind, state))


def mapped(path: Path) -> tuple[str, State]:
    """The kind and the state in a file that nobody else writes to: read from it as they are asked for.

    What is written to its arrays stays in memory. Raises BundleError as `from_bytes`.
    """
    with path.open("rb") as file:
        return from_bytes(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)))


def from_bytes(data: Buffer) -> tuple[str, State]:
    """The kind and the state that `content` wrote. Its arrays are the bytes themselves.

    Raises BundleError when the bytes are not such a file.
    """
    if len(data) < 8 or int.from_bytes(data[:8], "little") > min(len(data) - 8, arrays.MOST_HEADER):
        raise BundleError("a state is cut short, or its header is larger than the file.")
    try:
        metadata, found = arrays.read(data)
        if not metadata:
            raise ValueError(f"it has no {arrays.METADATA}")
        document = parse(metadata["luban"].encode())
        kind, values = document["kind"], document["state"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"a state cannot be read ({type(error).__name__}: {shown(error, 120)}).") from None
    if not isinstance(kind, str):
        raise BundleError("a state does not say what it is the state of.")
    for name, array in found.items():
        if array.dtype.name not in _TYPES:
            raise BundleError(
                f"the array {shown(name)} holds {array.dtype.name}; a state holds {', '.join(sorted(_TYPES))}."
            )
    used: set[str] = set()
    state = _state(values, found, "", 0, used)
    if used != set(found):
        raise BundleError(f"the array {shown(min(set(found) - used))} belongs to no part of the state.")
    return kind, state


def _named(state: State, prefix: str) -> Iterator[tuple[str, Array]]:
    for name, array in state.arrays.items():
        yield f"{prefix}{name}", array
    for place, (_, part) in enumerate(state.parts):
        yield from _named(part, f"{prefix}{place}.")


def _values(state: State) -> dict[str, Any]:
    parts = [[name, _values(part)] for name, part in state.parts]
    return {"values": dict(state.values), "arrays": sorted(state.arrays), "parts": parts}


def _state(document: Any, found: dict[str, Array], prefix: str, depth: int, used: set[str]) -> State:
    if depth > _MOST_DEEP or len(used) > _MOST_PARTS:
        raise BundleError("a state has more parts within parts than luban writes.")
    if not isinstance(document, dict) or set(document) != {"values", "arrays", "parts"}:
        raise BundleError("a part of a state must hold values, arrays and parts.")
    values, names, parts = document["values"], document["arrays"], document["parts"]
    if not isinstance(values, dict) or not _strings(names) or not isinstance(parts, list):
        raise BundleError("a part of a state has values, arrays or parts of the wrong type.")
    missing = [name for name in names if f"{prefix}{name}" not in found]
    if missing:
        raise BundleError(f"the array {shown(prefix + missing[0])} is missing.")
    used.update(f"{prefix}{name}" for name in names)
    children = []
    for place, item in enumerate(parts):
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)):
            raise BundleError("a part of a state must be a name and a state.")
        children.append((item[0], _state(item[1], found, f"{prefix}{place}.", depth + 1, used)))
    return State(values, {name: found[f"{prefix}{name}"] for name in names}, tuple(children))


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
