"""`luban predict`: answers for rows, in their order, a slice at a time, so that memory stays flat."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from luban.core import files
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.verbs.blank import Blank
from luban.verbs.bundle import Bundle, opened

if TYPE_CHECKING:
    import polars as pl

    from luban.data.dataset import Dataset
    from luban.runtime.quantizing import Precision
    from luban.verbs.answering import Answerer
    from luban.verbs.known_labels import Known

Format = Literal["csv", "jsonl", "parquet"]
FORMATS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}

COMPARED = 64
"""Rows that are answered in float32 as well, where int8 is asked for."""


@dataclass(frozen=True)
class Predicted:
    """What was answered. predictions: only where they were not written elsewhere.

    known: what known labels say, where a pretrained model chose labels beside some. blank: rows that hold nothing of
    what is read.
    """

    rows: int
    out: str | None
    predictions: list[dict[str, Any]] | None
    known: Known | None = None
    blank: Blank | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"rows": self.rows}
        if self.known is not None:
            document["measurements"] = [figure.to_json() for figure in self.known.measurements]
            document["calibration"] = self.known.calibration.to_json()
        if self.blank is not None and self.blank.rows:
            document["blank"] = self.blank.to_json()
        if self.out is not None:
            document["out"] = self.out
        if self.predictions is not None:
            document["predictions"] = self.predictions
        return document


def predict(
    bundle: Bundle | str | Path | None,
    data: Any,
    *,
    from_: str | None = None,
    labels: Sequence[str] = (),
    text: str | None = None,
    target: str | None = None,
    out: str | Path | None = None,
    format: Format | None = None,
    stream: IO[bytes] | None = None,
    threads: int | None = None,
    online: bool = False,
    precision: Precision = "float32",
    console: Console = SILENT,
) -> Predicted:
    """Answers each row of `data`, in its order.

    Columns: `row` from 0, or the id column; `prediction`; `probability_<class>` for classes; `low` and `high`, the
    bounds of a 90% conformal interval, for values. A forecast answers the next steps of each series: `row`, the time of
    the step, the series' group, `prediction`, `low` and `high`. An answer that is a piece of a text is followed by
    `begin`, its first character in the context, from 0 on, and `probability`.
    from_, labels: instead of a bundle, a pretrained encoder, and the labels that it chooses from without a single
        labelled row: `name` or `name=description` (`unlabelled`). text: the column that it reads. target: a column
        that holds the labels of some rows, by which its answers are measured and calibrated (`known_labels`).
        online: whether the hub may be asked for the encoder.
    out: a file to write, whole or not at all. stream: where bytes go instead. Without either they are returned.
    precision: int8 answers faster, and not quite the same; how far the first rows differ is told.
    format: csv, jsonl or parquet; as `out` ends where nothing is said, else csv.

    Rows that hold nothing of what is read are answered too, and told.

    Raises UsageError, DataError that names file, column and row, BundleError, ResourceError.
    """
    known: Known | None = None
    if from_ is None and not labels and text is None and target is None:
        answerer, dataset = _by_bundle(bundle, data, threads, precision, console)
    else:
        answerer, dataset, known = _by_labels(
            bundle, data, from_, labels, text, target, threads, online, precision, console
        )
    blank = Blank([column.name for column in answerer.schema.inputs])
    answered = _answered(_tables(answerer, dataset, blank, console), out, format, stream)
    told = blank.told()
    if told is not None:
        console.say(told)
    return replace(answered, known=known, blank=blank)


def _answered(
    tables: Iterator[pl.DataFrame], out: str | Path | None, format: Format | None, stream: IO[bytes] | None
) -> Predicted:
    """Writes the answers where they are wanted, or lists them."""
    if out is not None:
        return into_file(tables, Path(out), format)
    if stream is not None:
        if format == "parquet":
            raise UsageError("parquet needs a file.", where="--format", fix="--out answers.parquet")
        return Predicted(write(tables, stream, format or "csv"), None, None)
    listed = [_listed(row) for table in tables for row in table.iter_rows(named=True)]
    return Predicted(len(listed), None, listed)


def _by_bundle(
    bundle: Bundle | str | Path | None, data: Any, threads: int | None, precision: Precision, console: Console
) -> tuple[Answerer, Dataset]:
    """A bundle as what answers, and the rows, opened once: stdin can be read no more often."""
    from luban.verbs import documents

    if bundle is None:
        raise UsageError("there is no bundle.", where="luban predict", fix="luban predict BUNDLE DATA")
    found = opened(bundle)
    plain = threads is None and precision == "float32"
    answerer = found.answerer if plain else found.answering(threads or 1, precision)
    dataset = documents.opened(data, found.recipe, like=answerer.schema, console=console)
    if precision == "int8" and answerer.windows is None:
        console.say(_difference(answerer, found.answerer, dataset))
    return answerer, dataset


def _by_labels(
    bundle: Bundle | str | Path | None,
    data: Any,
    from_: str | None,
    labels: Sequence[str],
    text: str | None,
    target: str | None,
    threads: int | None,
    online: bool,
    precision: Precision,
    console: Console,
) -> tuple[Answerer, Dataset, Known | None]:
    """A pretrained model as what answers, the rows, and what known labels say of it.

    Raises UsageError where a bundle is named too, and where the model or the labels are not.
    """
    from luban.verbs import known_labels, unlabelled

    if precision != "float32":
        raise UsageError("int8 is for a bundle.", where="--precision", fix="luban predict BUNDLE DATA --precision int8")
    if bundle is not None or from_ is None or not labels:
        raise UsageError(
            "labels are chosen from by a pretrained model, in the place of a bundle.",
            where="--from, --labels",
            fix="luban predict --from minilm --labels A,B,C DATA; luban evaluate BUNDLE DATA measures a bundle",
        )
    if threads is not None:
        require("torch", extra="nets", purpose="answering by a pretrained model").set_num_threads(threads)
    unlabelled.described(labels)
    unlabelled.found(from_, online=online, console=console)
    dataset = unlabelled.opened(from_, data, console)
    read = dataset if target is None else known_labels.unread(dataset, target)
    answerer = unlabelled.answerer(from_, labels, read, text)
    if target is None:
        return answerer, dataset, None
    known = known_labels.known(answerer, dataset, target, console)
    return known.answerer, dataset, known


def _difference(answerer: Answerer, exact: Answerer, dataset: Dataset) -> str:
    """How far the answers for the first rows differ from those in float32, in words."""
    import numpy as np

    from luban.batch import Ragged

    rows = dataset.frame.head(COMPARED).collect()
    few, same = (each.answers(rows, where=dataset.where) for each in (answerer, exact))
    said, wanted = (answerer.named(found.prediction) for found in (few, same))
    if not answerer.classes:
        moved = max((abs(one - two) for one, two in zip(said, wanted, strict=True)), default=0.0)
        return f"int8: of the first {len(rows)} rows no answer differs from float32 by more than {moved:.3g}"
    other = sum(one != two for one, two in zip(said, wanted, strict=True))
    told = f"int8: {other} of the first {len(rows)} rows get another answer than in float32"
    if few.probabilities is None or same.probabilities is None or not len(rows):
        return told
    # Of words that are tagged each has probabilities of its own.
    shares = [found.values if isinstance(found, Ragged) else found for found in (few.probabilities, same.probabilities)]
    moved = float(np.abs(np.asarray(shares[0]) - np.asarray(shares[1])).max(initial=0.0))
    return f"{told}; no probability differs by more than {moved:.3f}"


def _tables(answerer: Answerer, dataset: Dataset, blank: Blank, console: Console) -> Iterator[pl.DataFrame]:
    """The answers as tables, one for each slice of rows. blank: counts those that hold nothing."""
    import numpy as np
    import polars as pl

    from luban.data import loader

    if answerer.windows is not None:
        from luban.verbs import forecasts

        yield forecasts.ahead(answerer, dataset.frame.collect(), where=dataset.where)
        return
    key = _key(answerer, dataset)
    first = 0
    with console.progress("answering rows", dataset.rows) as advance:
        for rows, answers in answerer.stream(loader.slices(dataset.frame, size=answerer.at_once), where=dataset.where):
            called = pl.Series("row", np.arange(first, first + len(rows))) if key is None else rows[key]
            yield pl.DataFrame([called, *(pl.Series(n, v) for n, v in answerer.columns(answers).items())])
            first += len(rows)
            blank.see(rows)
            advance(first, "")


def _key(answerer: Answerer, dataset: Dataset) -> str | None:
    """The column that rows are called by: the identifier, or the files that they are; None where numbers do."""
    from luban.data.dataset import FILE

    named = answerer.schema.one("id")
    if named is not None and named.name in dataset.frame.collect_schema().names():
        return named.name
    return FILE if dataset.of_files else None


def into_file(tables: Iterator[pl.DataFrame], target: Path, format: Format | None) -> Predicted:
    """Writes tables into a file, whole or not at all; as it ends where no format is said."""
    kind = format or FORMATS.get(target.suffix.lower(), "csv")
    if target.is_dir():
        raise UsageError("a folder lies here.", where=str(target), fix="--out answers.csv")
    if not target.parent.is_dir():
        raise UsageError("there is no such folder.", where=str(target.parent), fix=f"mkdir -p {target.parent}")
    with files.new_file(target) as path:
        if kind == "parquet":
            return Predicted(_write_parquet(tables, path), str(target), None)
        with path.open("wb") as file:
            return Predicted(write(tables, file, kind), str(target), None)


def write(tables: Iterator[pl.DataFrame], stream: IO[bytes], kind: Format) -> int:
    """Writes tables one behind the other; how many rows they have."""
    rows = 0
    write = _WRITERS[kind]
    for table in tables:
        stream.write(write(table, rows == 0))
        rows += len(table)
    stream.flush()
    return rows


def _csv(table: pl.DataFrame, first: bool) -> bytes:
    buffer = io.BytesIO()
    table.write_csv(buffer, include_header=first)
    return buffer.getvalue()


def _jsonl(table: pl.DataFrame, first: bool) -> bytes:
    del first
    buffer = io.BytesIO()
    table.write_ndjson(buffer)
    return buffer.getvalue()


_WRITERS: dict[Format, Callable[[pl.DataFrame, bool], bytes]] = {"csv": _csv, "jsonl": _jsonl}


def _write_parquet(tables: Iterator[pl.DataFrame], path: Path) -> int:
    """Slices are written apart and then joined, so that no more than a slice is in memory."""
    import polars as pl

    parts = path.with_name(f"{path.name}.parts")
    parts.mkdir()
    try:
        rows = 0
        for number, table in enumerate(tables):
            table.write_parquet(parts / f"{number:08}.parquet")
            rows += len(table)
        pl.scan_parquet(parts / "*.parquet").sink_parquet(path)
        return rows
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table as `--json` has it: probabilities by class in one mapping."""
    start = "probability_"
    probabilities = {name[len(start) :]: value for name, value in row.items() if name.startswith(start)}
    plain = {name: value for name, value in row.items() if not name.startswith(start)}
    return {**plain, "probabilities": probabilities} if probabilities else plain
