"""The manifest: what lies in a bundle, and the one number that says which model it is.

    {"format": 1, "luban": "0.1.0", "parent": null, "runtime": "runtime/model.onnx",
     "content_sha256": "...", "files": {"schema.json": {"sha256": "...", "bytes": 1204}, ...},
     "signature": {"inputs": [{"name", "kind", "dtype"}, ...], "task": "binary", "classes": ["benign", "malignant"]},
     "cpu": {"machine": "x86_64", "flags": ["avx2", ...]}}

`content_sha256` is the sha256 of the JSON list of [path, sha256], sorted, without spaces, over the files that decide
what the bundle answers and how well. None of them holds a time, a path or a machine's name: equal models, equal hash.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.bundle.bundle import Stored
from luban.core import fingerprint
from luban.core.errors import BundleError
from luban.core.strict_json import parse, shown
from luban.core.version import VERSION

NAME = "manifest.json"
MOST_BYTES = 16 << 20
CONTENT = ("model/", "preprocessing/", "runtime/", "schema.json", "recipe.yaml", "evidence/evaluation.json")
"""The files and folders that `content_sha256` covers."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}")
_KEYS = {"format", "luban", "parent", "runtime", "content_sha256", "files", "signature", "cpu"}
_FLAGS = frozenset(
    {"sse4_2", "avx", "avx2", "fma", "avx512f", "avx512bw", "avx_vnni", "avx512_vnni", "avx512_bf16"}
    | {"amx_int8", "amx_bf16", "asimd", "sve", "bf16", "i8mm"}
)
"""What decides which kernels run; small differences between machines come from here."""


@dataclass(frozen=True)
class Listed:
    """One file of a bundle: its fingerprint and its size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """See above. luban: the version that wrote it. runtime: the file that answers. files: all but the manifest."""

    format: int
    luban: str
    parent: str | None
    runtime: str
    content_sha256: str
    files: Mapping[str, Listed]
    signature: Mapping[str, Any]
    cpu: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "files": {path: vars(listed) for path, listed in self.files.items()}}


def describe(stored: Stored, files: Mapping[str, Listed], *, format: int, runtime: str) -> Manifest:
    """The manifest of a bundle that this luban writes now, on this machine. files: as they were written."""
    listed = dict(sorted(files.items()))
    return Manifest(
        format=format,
        luban=VERSION,
        parent=stored.parent,
        runtime=runtime,
        content_sha256=content_sha256(listed),
        files=listed,
        signature=signature(stored),
        cpu={"machine": platform.machine(), "flags": cpu_flags()},
    )


def signature(stored: Stored) -> dict[str, Any]:
    """What goes in and what comes out: the input columns, the task and its classes."""
    inputs = [{"name": column.name, "kind": column.kind, "dtype": column.dtype} for column in stored.schema.inputs]
    return {"inputs": inputs, "task": stored.facts["task"], "classes": list(stored.facts["classes"])}


def content_sha256(files: Mapping[str, Listed]) -> str:
    """The fingerprint of what the bundle answers and how well, as defined above.

    >>> content_sha256({"report.html": Listed("a" * 64, 1)}) == content_sha256({})
    True
    """
    return fingerprint.of_json([[path, files[path].sha256] for path in sorted(files) if path.startswith(CONTENT)])


def parse_document(data: bytes) -> Any:
    """The JSON value of a manifest, of whatever format; BundleError when it is not plain JSON."""
    try:
        return parse(data)
    except ValueError as error:
        raise BundleError(f"the manifest cannot be read: {error}.", where=NAME) from None


def read(document: Any) -> Manifest:
    """The manifest in a JSON value. Raises BundleError for one that luban never writes."""
    if not isinstance(document, dict) or set(document) != _KEYS:
        raise BundleError(f"the manifest must have the keys {', '.join(sorted(_KEYS))}.", where=NAME)
    if not isinstance(document["files"], dict):
        raise BundleError("the manifest lists no files.", where=NAME)
    _check_text(document, "luban", _VERSION)
    _check_text(document, "content_sha256", _SHA256)
    if document["parent"] is not None:
        _check_text(document, "parent", _SHA256)
    files = {path: _listed(path, entry) for path, entry in document["files"].items()}
    answers = document["runtime"]
    if not isinstance(answers, str) or answers not in files or not answers.startswith(("model/", "runtime/")):
        raise BundleError(f"the manifest lets {shown(document['runtime'])} answer, which no bundle does.", where=NAME)
    if document["content_sha256"] != content_sha256(files):
        raise BundleError("content_sha256 is not the fingerprint of the files that the manifest lists.", where=NAME)
    if not isinstance(document["signature"], dict) or not isinstance(document["cpu"], dict):
        raise BundleError("signature and cpu must be JSON objects.", where=NAME)
    return Manifest(**{**document, "files": files})


def cpu_flags() -> list[str]:
    """What the processor can do that matters to arithmetic; empty where the system does not say."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return sorted(_FLAGS & set(found[1].split())) if found else []


def _listed(path: str, entry: Any) -> Listed:
    match entry:
        case {"sha256": str(sha256), "bytes": int(size), **rest} if not rest and not isinstance(size, bool):
            if _SHA256.fullmatch(sha256) and size >= 0:
                return Listed(sha256, size)
    raise BundleError(f"the manifest must give {shown(path)} a sha256 and a number of bytes.", where=NAME)


def _check_text(document: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> None:
    value = document[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise BundleError(f"the manifest says {shown(value)} for {key}.", where=NAME)
