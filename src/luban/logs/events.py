"""TensorBoard: a folder with event files, or one such file; read by TensorBoard's own reader, in the extra `track`.

Each folder that holds event files is a training of its own, but for pairs such as `train` and `validation`. Numbers
whose names begin with `epoch/` count epochs beside others that count steps, as luban writes them: a training by epochs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from luban.core.lazy import require
from luban.logs._columns import Row

PATTERN = "events.out.tfevents*"
_DEPTH = 3
"""How many folders down event files are looked for."""
_SIDES = {"train": "", "training": "", "validation": "val_", "val": "val_", "valid": "val_", "eval": "val_"}
"""Folders of one training: what stands before the names of their numbers."""


@final
class Events:
    """Reads the scalars of event files, in both of the forms that they come in."""

    certain = True

    def fits(self, path: Path) -> bool:
        return (path.is_file() and path.match(PATTERN)) or next(_files(path), None) is not None

    def read(self, path: Path) -> Mapping[str, Sequence[Row]]:
        module = "tensorboard.backend.event_processing.event_file_loader"
        loader = require(module, extra="track", purpose="reading TensorBoard's event files").EventFileLoader
        steps: dict[str, dict[int, dict[str, float]]] = {}
        for file in [path] if path.is_file() else sorted(_files(path)):
            side = _SIDES.get(file.parent.name.lower()) if file.parent != path else None
            place = file.parent if side is None else file.parent.parent
            name = "" if place == path or path.is_file() else str(place.relative_to(path))
            for step, tag, value in _scalars(loader(str(file))):
                training = f"{name} by epoch".strip() if tag.startswith("epoch/") else name
                steps.setdefault(training, {}).setdefault(step, {})[f"{side or ''}{tag}"] = value
        return {name: [{**some[step], "step": float(step)} for step in sorted(some)] for name, some in steps.items()}


def _files(folder: Path) -> Iterator[Path]:
    for depth in range(_DEPTH):
        yield from (file for file in folder.glob("*/" * depth + PATTERN) if file.is_file())


def _scalars(loader: Any) -> Iterator[tuple[int, str, float]]:
    """(step, tag, value) of each scalar. What a tag is stands only at its first value."""
    from tensorboard.util.tensor_util import make_ndarray

    plugins: dict[str, str] = {}
    for event in loader.Load():
        for value in event.summary.value:
            plugin = plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
            if plugin == "scalars" and value.HasField("tensor"):
                yield event.step, value.tag, float(make_ndarray(value.tensor).reshape(-1)[0])


log = Events()
