"""One `.ts` file of the UCR/UEA archive (Bagnall and others, 2018): its header, and its rows.

    @problemName BasicMotions
    @univariate false
    @dimensions 2
    @classLabel true Standing Running
    @data
    0.07,0.07,-0.90:1.11,1.63,1.00:Standing          two channels of three steps each, then the class

A value that is not known is written as `?`. Rows may differ in length, but not in their number of channels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from luban.batch import Array
from luban.core.errors import DataError
from luban.data.sources import _plain

LONGEST = 1 << 28
"""Characters of a line."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself. target: what ends a row. classes: its words; empty where none are listed.

    channels: None where the file does not say it. line: the number of the last line before the rows.
    """

    target: Literal["class", "number", "none"]
    classes: frozenset[str]
    channels: int | None
    line: int


@dataclass(frozen=True)
class Row:
    """values: (steps, channels) float64; NaN where a value is not known. line: the number of its line."""

    values: Array
    target: str | None
    line: int


def header(path: Path) -> Header:
    """Everything before `@data`. Raises DataError for a file without it, and for series with time stamps."""
    said: dict[str, list[str]] = {}
    for number, line in _lines(path):
        if not line or line[0] in "#%":
            continue
        if not line.startswith("@"):
            raise DataError(
                f"'{line[:40]}' is no line of a header: it starts with neither '@' nor '#', and '@data' is to come.",
                where=f"{path}, line {number}",
                fix="add the header, or give another format its own ending",
            )
        name, *words = line[1:].split()
        if name.lower() == "data":
            return _header(said, number, path)
        said[name.lower()] = words
    raise DataError("it has no line '@data', so no rows.", where=str(path), fix="download the file again")


def rows(path: Path, about: Header) -> Iterator[Row]:
    """The rows, one after the other. Raises DataError that names the line of a row that cannot be read."""
    channels = about.channels
    for number, line in _lines(path):
        if number <= about.line or not line or line[0] in "#%":
            continue
        parts = line.split(":")
        target = parts.pop().strip() if about.target != "none" else None
        where = f"{path}, line {number}"
        if channels is None:
            channels = len(parts)
        if len(parts) != channels or not parts:
            raise DataError(
                f"this row has {len(parts)} channels, and {channels} are expected.", where=where, fix=_fix(about)
            )
        if about.classes and target not in about.classes:
            raise DataError(
                f"'{target:.40}' is none of the classes that the header lists.", where=where, fix="correct the row"
            )
        if about.target == "number" and not _is_number(target):
            raise DataError(f"the target '{target:.40}' is no number.", where=where, fix="correct the row")
        values = [_values(part, where, channel) for channel, part in enumerate(parts)]
        lengths = {len(each) for each in values}
        if len(lengths) > 1:
            raise DataError(
                f"the channels of this row have different lengths: {', '.join(map(str, sorted(lengths)))}.",
                where=where,
                fix="give every channel of a row the same number of steps",
            )
        yield Row(np.stack(values, axis=1), target, number)


def _header(said: dict[str, list[str]], line: int, path: Path) -> Header:
    if said.get("timestamps", ["false"])[0].lower() == "true":
        raise DataError(
            "its values carry time stamps, which luban does not read.",
            where=str(path),
            fix="write the values alone, with '@timeStamps false'",
        )
    labelled = said.get("classlabel", ["false"])
    numbered = said.get("targetlabel", ["false"])
    channels: int | None = 1 if said.get("univariate", ["?"])[0].lower() == "true" else None
    if channels is None and "dimensions" in said:
        word = (said["dimensions"] or [""])[0]
        if not word.isdecimal() or int(word) < 1:
            raise DataError(
                f"'@dimensions {word:.20}' is no number of channels.", where=str(path), fix="correct the header"
            )
        channels = int(word)
    if labelled[:1] == ["true"]:
        return Header("class", frozenset(labelled[1:]), channels, line)
    return Header("number" if numbered[:1] == ["true"] else "none", frozenset(), channels, line)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines without spaces around them, and their numbers from 1."""
    with _plain.opened(path) as file:
        number = 0
        while line := file.readline(LONGEST):
            number += 1
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                # Comments of old files name authors in other encodings; values are plain.
                yield number, line.decode("cp1252", "replace").strip()


def _values(part: str, where: str, channel: int) -> Array:
    words = part.split(",")
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        pass
    found = np.empty(len(words))
    for step, word in enumerate(words):
        if word.strip() == "?":
            found[step] = np.nan
        elif _is_number(word):
            found[step] = float(word)
        else:
            raise DataError(
                f"'{word.strip():.40}' is no number (channel {channel + 1}, step {step + 1}).",
                where=where,
                fix="correct the row; write '?' for a value that is not known",
            )
    return found


def _is_number(word: str | None) -> bool:
    try:
        float(word or "")
    except ValueError:
        return False
    return True


def _fix(about: Header) -> str:
    return "give each row the same channels, with ':' between them" + (
        ", and the class last" if about.target == "class" else ""
    )
