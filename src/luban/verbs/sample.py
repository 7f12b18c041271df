"""`luban sample`: real data to try things on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core import files
from luban.core.console import SILENT, Console
from luban.core.errors import UsageError


@dataclass(frozen=True)
class Sampled:
    """The list of samples, or where one of them lies."""

    document: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Where the sample lies. UsageError for the list of samples."""
        if "path" not in self.document:
            raise UsageError("which sample?", where="luban.sample()", fix='luban.sample("iris")')
        return Path(self.document["path"])

    def to_json(self) -> dict[str, Any]:
        return dict(self.document)


def sample(
    name: str | None = None, *, out: str | Path | None = None, fetch: bool = False, console: Console = SILENT
) -> Sampled:
    """Lists the samples, or prepares one and says where it lies.

    out: where a copy goes. fetch: whether data that no installed package carries may be got from the network.
    Raises UsageError for an unknown sample, and for one that must be fetched first.
    """
    from luban.core import registry
    from luban.data.catalogue import sample_path, samples

    if name is None:
        if out is not None or fetch:
            raise UsageError("which sample?", where="luban sample", fix="luban sample NAME; luban sample lists them")
        return Sampled({"samples": [listed.to_json() for listed in samples()]})
    found = registry.find("data.samples", name)
    path = sample_path(name, fetch=fetch)
    if out is not None:
        target = Path(out)
        if target.exists():
            raise UsageError("something lies here already.", where=str(target), fix="choose another --out")
        if not target.parent.is_dir():
            raise UsageError("there is no such folder.", where=str(target.parent), fix=f"mkdir -p {target.parent}")
        if path.is_dir():
            with files.new_folder(target) as staging:
                shutil.copytree(path, staging, dirs_exist_ok=True)
        else:
            with files.new_file(target) as staging:
                shutil.copyfile(path, staging)
        path = target
    return Sampled({"sample": name, "title": found.title, "target": found.target, "path": str(path)})
