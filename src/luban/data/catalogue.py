"""The samples: real data to try things on. Those that scikit-learn carries need nothing, others are fetched."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from luban.core import files, registry
from luban.core.errors import UsageError
from luban.core.suggest import fold
from luban.data import cache
from luban.protocols import Sample


@dataclass(frozen=True)
class Listed:
    """A sample in the list. fetch: it comes over the network; here: it lies in the cache, or needs nothing."""

    name: str
    target: str
    title: str
    rows: int
    fetch: bool
    here: bool

    @property
    def kind(self) -> Literal["data", "model"]:
        """A pretrained model has no rows."""
        return "data" if self.rows else "model"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "kind": self.kind}


def samples() -> list[Listed]:
    """All samples by name.

    >>> [sample.target for sample in samples() if sample.name == "iris"]
    ['species']
    """
    found = []
    for name in registry.names("data.samples"):
        sample = registry.find("data.samples", name)
        here = not sample.fetch or _place(name, sample.ending).exists()
        found.append(Listed(name, sample.target, sample.title, sample.rows, sample.fetch, here))
    return found


WRITING = ".gguf"
"""How the file of a language model ends, which goes on with a text."""


def is_model(name: str) -> bool:
    """Whether a sample is a pretrained model. UsageError for a name that is unknown."""
    return not registry.find("data.samples", name).rows


def models() -> list[str]:
    """The names of those that are pretrained models."""
    return [name for name in registry.names("data.samples") if is_model(name)]


def language_models() -> list[str]:
    """The names of those that write texts.

    >>> language_models()
    ['smollm2']
    """
    return [name for name in models() if registry.find("data.samples", name).ending == WRITING]


def sample_path(name: str, fetch: bool = False) -> Path:
    """Where a sample lies, a CSV or a folder; it is written into the cache when it is first asked for.

    fetch: the network may be used. Raises UsageError for a name that is unknown, or a sample that must be fetched.
    """
    sample: Sample = registry.find("data.samples", name)
    place = _place(fold(name), sample.ending)
    if place.exists():
        return place
    if sample.fetch and not fetch:
        raise UsageError(
            f"the sample '{fold(name)}' is not here yet, and luban opens no connection by itself.",
            where=f"sample:{fold(name)}",
            fix=f"luban sample {fold(name)} --fetch",
        )
    new = files.new_file if sample.ending else files.new_folder
    with cache.storage_errors(place), new(place) as written:
        sample.write(written)
    return place


def _place(name: str, ending: str) -> Path:
    return cache.folder("samples") / f"{name}{ending}"
