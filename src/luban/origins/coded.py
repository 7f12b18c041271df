"""An autoencoder that learned rows without labels, as a bundle holds it: how it read them, and what it learned.

    preprocessing/state.safetensors   how rows become numbers
    model/form.safetensors            the network

Its name in recipes is the sha256 of both. Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from luban import states
from luban.core import fingerprint
from luban.core.errors import BundleError
from luban.data import encoders
from luban.forms.network import Network
from luban.origins import naming
from luban.origins.layout import BY_CONTENT
from luban.protocols import Encoder, State

MODEL = "autoencoder"
OTHERS = "model/config.json"
"""What the bundle of a language model has beside its form."""
READ, LEARNED = "preprocessing/state.safetensors", "model/form.safetensors"


@final
@dataclass(frozen=True, eq=False)
class Coded:
    """path: of the bundle. sha256: of what it is. reads, learned: how rows are read, and the network, as states."""

    path: Path
    sha256: str
    reads: State
    learned: State

    @property
    def content(self) -> str:
        """Its name in recipes."""
        return BY_CONTENT + self.sha256

    def settings(self) -> dict[str, Any]:
        """What the settings of a model that begins from it say of it."""
        return {"content": self.content, "config": dict(self.learned.values["settings"])}

    def encoder(self) -> Encoder:
        """What reads rows as it did."""
        return encoders.rebuild(self.reads)

    def network(self) -> Network:
        """The autoencoder. Raises BundleError for a state that luban would not have written."""
        return Network.rebuild(self.learned)


def is_one(path: Path) -> bool:
    """Whether this folder is the bundle of an autoencoder."""
    if not (path / "manifest.json").is_file() or not (path / LEARNED).is_file() or (path / OTHERS).exists():
        # Of a language model, which may be large, nothing is read.
        return False
    kind, state = states.from_bytes((path / LEARNED).read_bytes())
    return kind == Network.kind and state.values.get("model") == MODEL


def opened(path: Path) -> Coded:
    """The autoencoder of this bundle, and a note in the cache of where it lies.

    Raises BundleError for files that are none of it.
    """
    files = [(path / name).read_bytes() for name in (READ, LEARNED)]
    (_, reads), (kind, learned) = (states.from_bytes(data) for data in files)
    if kind != Network.kind or learned.values.get("model") != MODEL:
        raise BundleError("this bundle holds no autoencoder.", where=str(path))
    sha256 = fingerprint.of_json([fingerprint.of_bytes(data) for data in files])
    naming.note(sha256, path.absolute())
    return Coded(path, sha256, reads, learned)


def find(content: str) -> Coded:
    """The autoencoder that a recipe names by its content. Raises UsageError where it is not where it was."""
    path = naming.noted(content)
    if not is_one(path):
        raise naming.lost(content)
    found = opened(path)
    if found.content != content:
        raise naming.lost(content)
    return found
