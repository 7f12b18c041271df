"""The samples: real data to try things on. Those that scikit-learn carries need nothing, others come by pip."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from luban.core import files, registry
from luban.core.errors import UsageError
from luban.core.suggest import fold
from luban.data import cache


@dataclass(frozen=True)
class Listed:
    """A sample in the list. fetch: it comes over the network; here: it lies in the cache, or needs nothing."""

    name: str
    target: str
    title: str
    rows: int
    fetch: bool
    here: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def samples() -> list[Listed]:
    """All samples by name.

    >>> [sample.target for sample in samples() if sample.name == "iris"]
    ['species']
    """
    found = []
    for name in registry.names("data.samples"):
        sample = registry.find("data.samples", name)
        here = not sample.fetch or _place(name).exists()
        found.append(Listed(name, sample.target, sample.title, sample.rows, sample.fetch, here))
    return found


def sample_path(name: str, fetch: bool = False) -> Path:
    """Where the CSV of a sample lies; it is written into the cache when it is first asked for.

    fetch: the network may be used. Raises UsageError for a name that is unknown, or a sample that must be fetched.
    """
    sample = registry.find("data.samples", name)
    place = _place(fold(name))
    if place.exists():
        return place
    if sample.fetch and not fetch:
        raise UsageError(
            f"the sample '{fold(name)}' is not here yet, and luban opens no connection by itself.",
            where=f"sample:{fold(name)}",
            fix=f"luban sample {fold(name)} --fetch",
        )
    with cache.storage_errors(place):
        files.write(place, sample.csv())
    return place


def _place(name: str) -> Path:
    return cache.folder("samples") / f"{name}.csv"
