"""TensorBoard: an event file for each unit of work, in a folder that `tensorboard --logdir` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from luban.core import files
from luban.core.lazy import require
from luban.protocols import Point

_PURPOSE = "--track tensorboard"


@final
class Folder:
    """What one run writes for TensorBoard. place: the folder, with one of its own for each part."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._writers: dict[str, Any] = {}
        module = "tensorboard.summary.writer.event_file_writer"
        self._writer = require(module, extra="track", purpose=_PURPOSE).EventFileWriter
        self._proto = require("tensorboard.compat.proto.event_pb2", extra="track", purpose=_PURPOSE)
        self._summary = require("tensorboard.compat.proto.summary_pb2", extra="track", purpose=_PURPOSE).Summary
        with files.storage_errors(place):
            place.mkdir(parents=True, exist_ok=True)

    def describe(self, part: str, values: Mapping[str, str], seconds: float) -> None:
        """The values as a table of texts, as TensorBoard's text page shows them."""
        from tensorboard.plugins.text.metadata import create_summary_metadata
        from tensorboard.util.tensor_util import make_tensor_proto

        rows = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items())])
        value = self._summary.Value(
            tag="choices",
            metadata=create_summary_metadata(display_name="choices", description=""),
            tensor=make_tensor_proto([rows]),
        )
        self._write(part, self._proto.Event(wall_time=seconds, summary=self._summary(value=[value])))

    def add(self, points: Sequence[Point]) -> None:
        together: dict[tuple[str, int], list[Point]] = {}
        for point in points:
            together.setdefault((point.part, point.step), []).append(point)
        for (part, step), some in together.items():
            values = [self._summary.Value(tag=point.name, simple_value=point.value) for point in some]
            event = self._proto.Event(wall_time=some[0].seconds, step=step, summary=self._summary(value=values))
            self._write(part, event)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, part: str, event: Any) -> None:
        if part not in self._writers:
            self._writers[part] = self._writer(str(self.place / part))
        self._writers[part].add_event(event)


@final
class TensorBoard:
    """Writes into `<bundle>.tensorboard`, or the folder that is named."""

    def open(self, run: str, where: str, beside: Path, known: dict[str, str]) -> Folder:
        return Folder(Path(where) if where else beside.with_name(f"{beside.name}.tensorboard"))


tracker = TensorBoard()
