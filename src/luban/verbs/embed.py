"""`luban embed`: vectors that a pretrained model makes of texts, images or sounds, those nearest to a question, and how
alike the two texts of each row are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from luban.core import registry
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.verbs import predict

if TYPE_CHECKING:
    import polars as pl

    from luban.batch import Array
    from luban.data.dataset import Dataset
    from luban.verbs.alike import Pair
    from luban.verbs.codes import Codes
    from luban.verbs.halves import Half
    from luban.verbs.towers import Towers
    from luban.verbs.unlabelled import Encoder

AT_ONCE = 1_024
"""Rows whose vectors are made at a time: memory stays flat."""
_FILES = {"image": ("image", "picture.jpg"), "audio": ("sound", "recording.wav")}
"""What is looked for by a file of its kind, and what such a file is called."""
SHOWN = 5
"""Rows that are found where nothing is said."""
MOST_SHOWN = 200
"""Characters of a text that was found."""


@dataclass(frozen=True)
class Embedded:
    """What came of it: where vectors lie, or what was found for each question."""

    document: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return dict(self.document)


def embed(
    data: Any,
    *,
    from_: str,
    text: str | None = None,
    pair: str | None = None,
    find: str | None = None,
    top: int | None = None,
    out: str | Path | None = None,
    format: predict.Format | None = None,
    stream: IO[bytes] | None = None,
    threads: int | None = None,
    online: bool = False,
    console: Console = SILENT,
) -> Embedded:
    """The vectors of the texts, images or sounds in `data`, of length 1, so that a sum of products is their cosine.

    from_: the pretrained model; or the bundle of an autoencoder, whose codes of whole rows are given as they are; or
        one that learned to compare pairs of texts.
    text: the column that it reads; the only one of its kind where nothing is said.
    pair: two columns, `A,B`: instead of vectors, how alike what stands in both is, as `similarity`, their cosine from
        -1 to 1; listed as `pairs` where there is neither `out` nor `stream`.
    find: a question, or the file of an image or a sound: instead of vectors, the `top` rows nearest to it, the nearest
        first; 5 where nothing is said. Two towers (CLIP) find images by words, and texts by an image.
    out: a file with `row`, of a folder of files `file`, and `v0`, `v1`, ...; a parquet file has one column `vector`
        instead of the numbers.
    stream: where CSV goes instead. online: whether the hub may be asked for the model.

    Raises UsageError for an unknown encoder or column, DataError, ResourceError.
    """
    from luban.data.open import open_dataset
    from luban.verbs import alike, codes, halves, towers, unlabelled

    _refuse_what_changes_nothing(find, top, out, format)
    if threads is not None:
        require("torch", extra="nets", purpose="reading rows by a pretrained model").set_num_threads(threads)
    encoder: Encoder | Codes | Half | Towers
    coded = codes.found(from_)
    if coded is not None:
        encoder = coded
        dataset = open_dataset(data, like=encoder.schema, console=console)
        _refuse_questions(text, find, pair)
    else:
        compares = halves.found(from_)
        if compares is None:
            unlabelled.found(from_, online=online, console=console)
        dataset = unlabelled.opened(from_, data, console)
        if pair is not None:
            _refuse_beside_pairs(text, find)
            return _compared(alike.pair_of(from_, compares, dataset, pair), dataset, out, format, stream, console)
        encoder = (
            halves.of(compares, dataset, text)
            if compares is not None
            else towers.of(from_, dataset, text) or _single(from_, dataset, text)
        )
    if find is not None:
        assert not isinstance(encoder, codes.Codes), "an autoencoder is asked nothing"
        most = SHOWN if top is None else top
        return Embedded({"question": find, "found": _nearest(encoder, dataset, find, most, console)})
    if out is None and stream is None:
        raise UsageError("vectors need a place.", where="luban embed", fix="--out vectors.parquet")
    kind = _kind(out, format)
    tables = (_table(rows, first, vectors, kind, dataset) for rows, first, vectors in _parts(encoder, dataset, console))
    return Embedded({"rows": _written(tables, out, stream, kind), "width": encoder.width, **_told_where(out)})


def _kind(out: str | Path | None, format: predict.Format | None) -> predict.Format:
    """What is written. Raises UsageError for parquet without a file."""
    kind = format or ("csv" if out is None else predict.FORMATS.get(Path(out).suffix.lower(), "csv"))
    if out is None and kind == "parquet":
        raise UsageError("parquet needs a file.", where="--format", fix="--out vectors.parquet")
    return kind


def _written(
    tables: Iterator[pl.DataFrame], out: str | Path | None, stream: IO[bytes] | None, kind: predict.Format
) -> int:
    """How many rows were written."""
    if out is not None:
        return predict.into_file(tables, Path(out), kind).rows
    assert stream is not None, "it goes somewhere"
    return predict.write(tables, stream, kind)


def _told_where(out: str | Path | None) -> dict[str, str]:
    return {} if out is None else {"out": str(out)}


def _compared(
    pair: Pair,
    dataset: Dataset,
    out: str | Path | None,
    format: predict.Format | None,
    stream: IO[bytes] | None,
    console: Console,
) -> Embedded:
    """How alike the two texts of each row are, written or listed."""
    tables = _cosines(pair, dataset, console)
    if out is None and stream is None:
        lines = [line for table in tables for line in table.iter_rows(named=True)]
        return Embedded({"rows": len(lines), "pairs": lines})
    return Embedded({"rows": _written(tables, out, stream, _kind(out, format)), **_told_where(out)})


def _cosines(pair: Pair, dataset: Dataset, console: Console) -> Iterator[pl.DataFrame]:
    import polars as pl

    from luban.data import loader

    first = 0
    with console.progress("comparing rows", dataset.rows) as advance:
        for rows in loader.slices(dataset.frame, size=AT_ONCE):
            numbers = pl.Series("row", np.arange(first, first + len(rows)))
            yield pl.DataFrame([numbers, pl.Series("similarity", pair.cosines(rows, first))])
            first += len(rows)
            advance(first, "")


def _single(name: str, dataset: Dataset, text: str | None) -> Encoder:
    """The encoder of this name, of texts, images or sounds."""
    from luban.verbs import one_column, unlabelled

    schema = one_column.column_of(dataset, text, one_column.kind_of(name))
    return unlabelled.encoder(name, schema, one_column.first_rows(dataset, schema))


def _refuse_what_changes_nothing(
    find: str | None, top: int | None, out: str | Path | None, format: predict.Format | None
) -> None:
    """Raises UsageError for what is not looked at beside a question, or without one."""
    if find is None and top is not None:
        raise UsageError(
            "it says how many rows a question shows, and none is asked.", where="--top", fix="--find QUESTION"
        )
    for option, value in (("--out", out), ("--format", format)):
        if find is not None and value is not None:
            raise UsageError(
                "what a question finds is shown, and no vector is written.",
                where=option,
                fix="leave it out, or --find; --json gives what was found to other programs",
            )


def _refuse_beside_pairs(text: str | None, find: str | None) -> None:
    """Raises UsageError for what is not said beside two columns that are compared."""
    for option, value in (("--text", text), ("--find", find)):
        if value is not None:
            raise UsageError("--pair names what is compared.", where=option, fix="leave it out")


def _refuse_questions(text: str | None, find: str | None, pair: str | None) -> None:
    """Raises UsageError for what an autoencoder, which reads whole rows, is not asked."""
    for option, value in (("--text", text), ("--find", find), ("--pair", pair)):
        if value is not None:
            raise UsageError("an autoencoder reads whole rows.", where=option, fix="leave it out")


def _parts(
    encoder: Encoder | Codes | Half | Towers, dataset: Any, console: Console
) -> Iterator[tuple[pl.DataFrame, int, Array]]:
    """Some rows, the number of the first of them, and their vectors."""
    from luban.data import loader

    first = 0
    with console.progress("reading rows", dataset.rows) as advance:
        for rows in loader.slices(dataset.frame, size=AT_ONCE):
            yield rows, first, encoder.of_rows(rows)
            first += len(rows)
            advance(first, "")


def _table(rows: pl.DataFrame, first: int, vectors: Array, kind: str, dataset: Dataset) -> pl.DataFrame:
    import polars as pl

    from luban.data.dataset import FILE

    numbers = [pl.Series("row", np.arange(first, first + len(rows)))]
    if dataset.of_files:
        numbers.append(rows[FILE])
    narrow = vectors.astype(np.float32)
    if kind == "csv":
        return pl.DataFrame([*numbers, *(pl.Series(f"v{place}", values) for place, values in enumerate(narrow.T))])
    return pl.DataFrame([*numbers, pl.Series("vector", narrow)])


def _nearest(
    encoder: Encoder | Half | Towers, dataset: Dataset, question: str, top: int, console: Console
) -> list[dict[str, Any]]:
    """The nearest rows; of equally near ones the first."""
    asked = _asked(encoder, question)
    found: list[tuple[float, int, str, dict[str, str]]] = []
    for rows, first, vectors in _parts(encoder, dataset, console):
        near = vectors @ asked
        best = np.argsort(-near, kind="stable")[:top]
        found += [
            (float(near[at]), first + int(at), _told(rows[encoder.column][int(at)]), _file(dataset, rows, int(at)))
            for at in best
        ]
        found = sorted(found, key=lambda each: (-each[0], each[1]))[:top]
    return [{"row": row, "similarity": value, **file, "text": text[:MOST_SHOWN]} for value, row, text, file in found]


def _file(dataset: Dataset, rows: pl.DataFrame, place: int) -> dict[str, str]:
    """The file that a row is, of a folder of files."""
    from luban.data.dataset import FILE

    return {FILE: rows[FILE][place]} if dataset.of_files else {}


def _asked(encoder: Encoder | Half | Towers, question: str) -> Array:
    """The vector of a question. Raises UsageError where one to images or sounds, by what reads no text, is none."""
    import polars as pl

    from luban.verbs.towers import Towers

    if isinstance(encoder, Towers):
        return encoder.asked(question)
    kind = encoder.schema.inputs[0].kind
    if kind in _FILES:
        word, example = _FILES[kind]
        reason = registry.find("features", kind).problems(pl.Series([question]))[0]
        if reason is not None:
            raise UsageError(
                f"what is looked for among {word}s is {'an' if word == 'image' else 'a'} {word}, and {reason}.",
                where="--find",
                fix=f"--find {example}",
            )
    found: Array = encoder.vectors([question])[0]
    return found


def _told(value: Any) -> str:
    """A text, or the path of a file; pixels have neither."""
    return value if isinstance(value, str) else "" if value is None else "(pixels)"
