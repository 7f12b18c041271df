"""Hostile bundles, made from any good one. Each attack has a name, a change of a copy, and what the refusal must say.

`reading`: the bundle must not open. `using`: it may open, and is refused when its parts are rebuilt.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from luban import states
from luban.bundle.manifest import Listed, content_sha256
from luban.core import fingerprint
from luban.protocols import State

Stage = Literal["reading", "using"]
Change = Callable[[Path], object]
GIB = 1 << 30
FORM, PREPROCESSOR, RUNTIME = "model/form.safetensors", "preprocessing/state.safetensors", "runtime/model.onnx"


class NotPossible(Exception):  # noqa: N818 - no error: this bundle or machine has nothing to attack in this way
    """Raised by a change that does not apply to the bundle it was given."""


@dataclass(frozen=True)
class Attack:
    """One way to do harm.

    change: what is done to a copy. tells: a regular expression that the refusal matches; None where the change may do
    no harm at all. sealed: afterwards the manifest is made to fit, so that no checksum stops it.
    """

    name: str
    change: Change
    tells: str | None
    sealed: bool
    stage: Stage = "reading"


def hostile_bundles(good: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every attack that applies to this bundle, as (name, path of a new hostile bundle in the folder)."""
    for attack in ATTACKS:
        path = hostile_bundle(attack, good, folder)
        if path is not None:
            yield attack.name, path


def hostile_bundle(attack: Attack, good: Path, folder: Path) -> Path | None:
    """A copy of the good bundle with the attack in it; None where the attack does not apply."""
    # What an attack needs beside the bundle lies beside it, so each has a folder of its own.
    path = folder / attack.name / good.name
    shutil.copytree(good, path)
    try:
        attack.change(path)
    except NotPossible:
        return None
    if attack.sealed:
        reseal(path)
    return path


def reseal(path: Path) -> None:
    """Makes the manifest fit the files that lie there: their list, sizes, fingerprints and `content_sha256`."""
    files = {
        file.relative_to(path).as_posix(): Listed(fingerprint.of_file(file), file.stat().st_size)
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.relative_to(path).as_posix() != "manifest.json"
    }
    with edited(path / "manifest.json") as manifest:
        manifest["files"] = {name: vars(listed) for name, listed in files.items()}
        manifest["content_sha256"] = content_sha256(files)


class edited:  # noqa: N801 - reads as a word at its use
    """The JSON document of a file, written back when the block ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Any:
        self.document = json.loads(self.path.read_text())
        return self.document

    def __exit__(self, *_: object) -> None:
        self.path.write_text(json.dumps(self.document))


ATTACKS: list[Attack] = []


def attack(tells: str | None, *, sealed: bool = False, stage: Stage = "reading") -> Callable[[Change], Change]:
    """Adds a change to the attacks, under its own name with hyphens."""

    def add(change: Change) -> Change:
        name = change.__name__.replace("_", "-")  # type: ignore[attr-defined]
        ATTACKS.append(Attack(name, change, tells, sealed, stage))
        return change

    return add


def replaced(name: str, file: str, data: bytes, tells: str, *, sealed: bool = True, stage: Stage = "reading") -> None:
    """Adds an attack that puts other bytes in the place of a file."""

    def change(path: Path) -> None:
        if not (path / file).exists():
            raise NotPossible
        (path / file).write_bytes(data)

    ATTACKS.append(Attack(name, change, tells, sealed, stage))


# The folder itself


@attack("this is a file; a bundle is a folder")
def bundle_is_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_bytes(b"PK\x03\x04")


@attack("there is no manifest.json")
def empty_folder(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


@attack("there is no manifest.json")
def manifest_missing(path: Path) -> None:
    (path / "manifest.json").unlink()


@attack("not a plain file")
def manifest_is_a_folder(path: Path) -> None:
    (path / "manifest.json").unlink()
    (path / "manifest.json").mkdir()


@attack("is a link")
def manifest_is_a_link(path: Path) -> None:
    (path / "manifest.json").rename(path.parent / "outside.json")
    (path / "manifest.json").symlink_to(path.parent / "outside.json")


@attack("not a plain file")
def manifest_is_a_pipe(path: Path) -> None:
    (path / "manifest.json").unlink()
    os.mkfifo(path / "manifest.json")


@attack("is a link")
def link_to_the_passwords(path: Path) -> None:
    """Size and fingerprint are those of the file it leads to."""
    (path / "README.md").unlink()
    (path / "README.md").symlink_to("/etc/passwd")
    reseal(path)


@attack("is a link")
def link_within_the_bundle(path: Path) -> None:
    (path / "README.md").unlink()
    (path / "README.md").symlink_to("report.html")
    reseal(path)


@attack("model: this is not a plain folder")
def linked_folder(path: Path) -> None:
    (path / "model").rename(path.parent / "elsewhere")
    (path / "model").symlink_to(path.parent / "elsewhere")


@attack("hard link")
def hard_link(path: Path) -> None:
    os.link(path / "README.md", path.parent / "second name")


@attack("not a plain file")
def pipe(path: Path) -> None:
    (path / "README.md").unlink()
    os.mkfifo(path / "README.md")


@attack("not a plain file")
def socket_file(path: Path) -> None:
    (path / "README.md").unlink()
    os.mknod(path / "README.md", 0o666 | stat.S_IFSOCK)


@attack("not a plain file")
def device(path: Path) -> None:
    (path / "README.md").unlink()
    try:
        os.mknod(path / "README.md", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        raise NotPossible from None


@attack("not a plain file")
def folder_in_the_place_of_a_file(path: Path) -> None:
    (path / "README.md").unlink()
    (path / "README.md").mkdir()


@attack("not a plain folder")
def file_in_the_place_of_a_folder(path: Path) -> None:
    shutil.rmtree(path / "evidence")
    (path / "evidence").write_text("")


@attack("report.html: this file is missing")
def missing_file(path: Path) -> None:
    (path / "report.html").unlink()


@attack("model/.*: this file is missing")
def missing_folder(path: Path) -> None:
    shutil.rmtree(path / "model")


@attack("'model/extra.pkl' lies in it")
def file_that_is_not_listed(path: Path) -> None:
    (path / "model" / "extra.pkl").write_bytes(b"\x80\x04.")


@attack(r"'\.hidden' lies in it")
def hidden_file(path: Path) -> None:
    (path / ".hidden").write_text("")


@attack("'code' lies in it")
def folder_that_is_not_listed(path: Path) -> None:
    (path / "code").mkdir()


@attack(r"lies in it")
def name_that_is_not_text(path: Path) -> None:
    Path(os.fsdecode(os.fsencode(path) + b"/\xff\xfe")).write_text("")


@attack(r"'\\x1b\[2J\\x1b\[31m' lies in it")
def name_that_commands_the_terminal(path: Path) -> None:
    (path / "\x1b[2J\x1b[31m").write_text("")


# The manifest

replaced("manifest-empty", "manifest.json", b"", "is not JSON", sealed=False)
replaced("manifest-cut-short", "manifest.json", b'{"format": 1, "files": {', "is not JSON", sealed=False)
replaced("manifest-is-a-pickle", "manifest.json", b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "not UTF-8", sealed=False)
replaced("manifest-is-a-list", "manifest.json", b"[1]", "for its format", sealed=False)
replaced("manifest-nested", "manifest.json", b"[" * 1_000_000, "nested more than", sealed=False)
replaced("manifest-key-twice", "manifest.json", b'{"format": 1, "format": 1}', "stands there twice", sealed=False)
replaced("manifest-nan", "manifest.json", b'{"format": NaN}', "NaN is not a JSON number", sealed=False)
replaced("manifest-infinite", "manifest.json", b'{"format": 1e999}', "is too large", sealed=False)
replaced(
    "manifest-long-number", "manifest.json", b'{"format": ' + b"9" * 1_000_000 + b"}", "is too large", sealed=False
)
replaced(
    "manifest-value-bomb", "manifest.json", b"[" + b"[]," * 4_000_000 + b"[]]", "more than 2,000,000", sealed=False
)
replaced("manifest-open-string", "manifest.json", b'"' + b'\\"' * 4_000_000, "is not JSON", sealed=False)
replaced("manifest-surrogate", "manifest.json", b'{"format": "\\ud800"}', "lone surrogate", sealed=False)
replaced("manifest-too-large", "manifest.json", b" " * (17 << 20), "at most 16,777,216 are read", sealed=False)


def in_manifest(name: str, change: Callable[[dict[str, Any]], object], tells: str) -> None:
    """Adds an attack that changes the manifest's document."""

    def apply(path: Path) -> None:
        with edited(path / "manifest.json") as manifest:
            change(manifest)

    ATTACKS.append(Attack(name, apply, tells, sealed=False))


def set_value(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.update({key: value})


def listing(name: str) -> Callable[[dict[str, Any]], object]:
    """The manifest lists another path, with what it says of the card."""
    return lambda manifest: manifest["files"].update({name: manifest["files"]["README.md"]})


def saying(name: str, key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    """The manifest says something else of a file, under a fitting `content_sha256`."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][name][key] = value
        if key == "sha256" and isinstance(value, str):
            files = {path: Listed(**entry) for path, entry in manifest["files"].items()}
            manifest["content_sha256"] = content_sha256(files)

    return change


in_manifest("format-newer", set_value("format", 2), "this luban reads up to 1")
in_manifest("format-far-newer", set_value("format", 1 << 62), "this luban reads up to 1")
in_manifest("format-zero", set_value("format", 0), "there never was")
in_manifest("format-negative", set_value("format", -1), "there never was")
in_manifest("format-true", set_value("format", True), "for its format")
in_manifest("format-text", set_value("format", "1"), "for its format")
in_manifest("key-missing", lambda manifest: manifest.pop("files"), "must have the keys")
in_manifest("key-unknown", set_value("hook", "os.system"), "must have the keys")
in_manifest("version-commands-the-terminal", set_value("luban", "\x1b[2J"), r"'\\x1b\[2J' for luban")
in_manifest("parent-is-a-path", set_value("parent", "../../other.luban"), "for parent")
in_manifest("files-is-a-list", set_value("files", []), "lists no files")
in_manifest("files-empty", set_value("files", {}), "which no bundle does")
in_manifest("content-hash-false", set_value("content_sha256", "0" * 64), "content_sha256 is not")
in_manifest("content-hash-no-hash", set_value("content_sha256", "zero"), "for content_sha256")
in_manifest("runtime-elsewhere", set_value("runtime", "/usr/lib/libevil.so"), "lets '/usr/lib/libevil.so' answer")
in_manifest("runtime-is-a-list", set_value("runtime", ["model"]), "lets .* answer")
in_manifest("runtime-is-the-card", set_value("runtime", "README.md"), "lets 'README.md' answer")
in_manifest("signature-lies", set_value("signature", {"inputs": [], "task": "x", "classes": []}), "signature is not")
in_manifest("signature-is-text", set_value("signature", "none"), "must be JSON objects")
in_manifest("size-negative", saying("README.md", "bytes", -1), "a number of bytes")
in_manifest("size-true", saying("README.md", "bytes", True), "a number of bytes")
in_manifest("size-broken", saying("README.md", "bytes", 2.5), "a number of bytes")
in_manifest(
    "size-wrong", saying("README.md", "bytes", 3), r"README.md: this file has [\d,]+ bytes; the manifest says 3"
)
in_manifest("size-of-ten-gigabytes", saying(FORM, "bytes", 10 * GIB), "announces 10,737,418,240 bytes; at most")
in_manifest("hash-no-hash", saying("README.md", "sha256", "../../x"), "a sha256")
in_manifest("hash-false", saying(FORM, "sha256", "0" * 64), f"{FORM}: this file was changed")
in_manifest("entry-is-text", lambda manifest: manifest["files"].update({"README.md": "x"}), "a sha256")

for name, listed in {
    "absolute": "/etc/passwd",
    "climbing-out": "../../../../etc/passwd",
    "climbing-inside": "model/../recipe.yaml",
    "backslash": "model\\form.safetensors",
    "drive": "C:/windows/system.ini",
    "nul": "recipe.yaml\0.png",
    "dot": "./recipe.yaml",
    "two-slashes": "model//form.safetensors",
    "slash-at-the-end": "model/",
    "empty": "",
    "case-clash": "Recipe.YAML",
    "not-composed": "evidence/re\u0301sume\u0301.json",
    "full-width": "evidence/\uff41.json",
    "right-to-left": "evidence/\u202egnp.json",
    "new-line": "evidence/a\n.json",
    "too-long": "evidence/" + "a" * 300 + ".json",
    "deep": "evidence/a/b.json",
    "pickle": "model/model.pkl",
    "python": "model/__init__.py",
}.items():
    in_manifest(f"path-{name}", listing(listed), "no bundle has such a file|content_sha256 is not")


@attack("at most 100 of")
def too_many_files(path: Path) -> None:
    for number in range(100):
        (path / "evidence" / f"more-{number}.json").write_text("{}")
    reseal(path)


@attack("files of .* bytes; at most")
def too_large_together(path: Path) -> None:
    """Each file is as large as it may be; nothing of them is on the disk, for the files are all holes."""
    with edited(path / "manifest.json") as manifest:
        for number in range(80):
            name = f"evidence/more-{number}.json"
            (path / name).touch()
            os.truncate(path / name, 60 << 20)
            manifest["files"][name] = {"sha256": "0" * 64, "bytes": 60 << 20}


@attack("announces 10,737,418,240 bytes; at most")
def ten_gigabytes_that_are_there(path: Path) -> None:
    os.truncate(path / FORM, 10 * GIB)
    with edited(path / "manifest.json") as manifest:
        manifest["files"][FORM]["bytes"] = 10 * GIB


@attack("this file was changed")
def changed_byte(path: Path) -> None:
    data = bytearray((path / FORM).read_bytes())
    data[-1] ^= 1
    (path / FORM).write_bytes(data)


# The text files: these are sealed, so that only their readers can refuse them

ALIASES = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 107)
)
for name, data, tells in [
    ("python-object", b"target: !!python/object/apply:os.system ['true']", "tags .* are not read"),
    ("python-name", b"target: !!python/name:os.system", "tags .* are not read"),
    ("own-tag", b"target: !luban x", "tags .* are not read"),
    ("alias-bomb", ALIASES, "anchors and aliases"),
    ("alias-to-itself", b"target: &a [*a]", "anchors and aliases"),
    ("merge-key", b"<<: {target: x}", "no recipe has the key"),
    ("nested", b"target: " + b"[" * 100_000, "nested more than"),
    ("value-bomb", b"drop: [" + b"a," * 400_000 + b"a]", "holds more than"),
    ("key-twice", b"target: a\ntarget: b", "stands there twice"),
    ("key-no-text", b"{[a]: b}", "is not text"),
    ("two-documents", b"target: a\n---\ntarget: b", "another document"),
    ("not-text", b"target: \xff", "not UTF-8"),
    ("nul", b"target: \x00", "not text"),
    ("unknown-key", b"plugin: os.system", "no recipe has the key 'plugin'"),
    ("wrong-value", b"split: {test: 7}", "less than 1"),
    ("a-list", b"- target", "a recipe is a mapping"),
    ("empty", b"", "a recipe is a mapping"),
]:
    replaced(f"recipe-{name}", "recipe.yaml", data, f"recipe.yaml: .*{tells}")
replaced("recipe-too-large", "recipe.yaml", b"#" * (9 << 20), "at most 8,388,608 are read")


def column(**changes: Any) -> bytes:
    """A schema of one column, with these changes."""
    plain = {"name": "a", "kind": "number", "role": "input", "reason": "", "dtype": "Float64"}
    return json.dumps({"columns": [{**plain, "missing": 0, "distinct": 1, "missing_words": [], **changes}]}).encode()


for name, data, tells in [
    ("a-list", b"[]", "must hold a JSON object"),
    ("no-columns", b"{}", "a list of columns"),
    ("columns-is-a-number", b'{"columns": 7}', "a list of columns"),
    ("column-is-text", b'{"columns": ["a"]}', "column 0"),
    ("column-with-more", column(converter="eval"), "column 0"),
    ("kind-climbs-out", column(kind="../../../evil"), "column 0"),
    ("kind-is-a-module", column(kind="os.path"), "column 0"),
    ("role-unknown", column(role="admin"), "column 0"),
    ("missing-too-large", column(missing=7), "column 0"),
    ("distinct-is-text", column(distinct="1"), "column 0"),
    ("name-is-a-list", column(name=["a"]), "column 0"),
    ("name-twice", json.dumps({"columns": json.loads(column())["columns"] * 2}).encode(), "the same name"),
]:
    replaced(f"schema-{name}", "schema.json", data, f"schema.json: .*{tells}")

for name, data, tells in [
    ("no-task", b'{"classes": []}', "not the name of a task"),
    ("task-climbs-out", b'{"task": "../evil", "classes": []}', "not the name of a task"),
    ("classes-is-text", b'{"task": "binary", "classes": "ab"}', "a list of names"),
    ("class-is-a-number", b'{"task": "binary", "classes": [1, 2]}', "a list of names"),
    ("class-twice", b'{"task": "binary", "classes": ["a", "a"]}', "the same name"),
    ("threshold-is-text", b'{"task": "binary", "classes": [], "threshold": "x"}', "threshold cannot be"),
    ("threshold-too-large", b'{"task": "binary", "classes": [], "threshold": 2}', "threshold cannot be"),
    ("nan", b'{"task": "binary", "classes": [], "threshold": NaN}', "NaN is not"),
]:
    replaced(f"facts-{name}", "model/facts.json", data, f"facts.json: .*{tells}")

replaced("evidence-is-a-list", "evidence/evaluation.json", b"[]", "must hold a JSON object")
replaced("evidence-nested", "evidence/evaluation.json", b'{"a":' * 100_000, "nested more than")
replaced("evidence-nan", "evidence/evaluation.json", b'{"value": -Infinity}', "not a JSON number")
replaced("history-of-numbers", "evidence/history.jsonl", b"1\n2\n", "every line must hold a JSON object")
replaced("history-cut-short", "evidence/history.jsonl", b'{"a": 1}\n{"a"', "is not JSON")
replaced("card-not-text", "README.md", b"\xff\xfe", "README.md: this file is not text")
replaced("report-not-text", "report.html", b"\xff\xfe", "report.html: this file is not text")


@attack("JSON files hold .* values", sealed=True)
def many_evidence_value_bombs(path: Path) -> None:
    for number in range(3):
        (path / "evidence" / f"more-{number}.json").write_bytes(b'{"a": [' + b"[]," * 999_000 + b"[]]}")


# The states: safetensors files with arrays and JSON


def safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def tensor(dtype: str = "F32", shape: tuple[int, ...] = (1,), offsets: tuple[int, int] = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def described(*arrays: str, kind: Any = "affine", state: Any = None) -> dict[str, str]:
    state = {"values": {}, "arrays": sorted(arrays), "parts": []} if state is None else state
    return {"luban": json.dumps({"kind": kind, "state": state})}


NESTED: dict[str, Any] = {"values": {}, "arrays": [], "parts": []}
for _ in range(12):
    NESTED = {"values": {}, "arrays": [], "parts": [["a", NESTED]]}
META = {"__metadata__": described("a")}
for name, data, tells in [
    ("empty", b"", "cut short"),
    (
        "is-a-pickle",
        b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.",
        "cut short",
    ),
    ("header-too-long", (1 << 62).to_bytes(8, "little") + b"{}", "larger than the file"),
    ("header-no-json", safetensors(b"}{"), "is not JSON"),
    ("header-key-twice", safetensors(b'{"a": 1, "a": 2}'), "stands there twice"),
    ("no-metadata", safetensors({"a": tensor()}, bytes(4)), "__metadata__"),
    ("metadata-is-text", safetensors({"__metadata__": "x"}), "cannot be read"),
    ("json-is-a-number", safetensors({"__metadata__": {"luban": 7}}), "cannot be read"),
    ("json-nan", safetensors({"__metadata__": {"luban": '{"kind": NaN}'}}), "NaN"),
    ("kind-is-a-list", safetensors({"__metadata__": described(kind=["os"])}), "what it is the state of"),
    ("half-precision", safetensors({**META, "a": tensor("F16", (2,))}, bytes(4)), "holds float16"),
    ("truth-values", safetensors({**META, "a": tensor("BOOL", (4,))}, bytes(4)), "holds bool"),
    ("unknown-type", safetensors({**META, "a": tensor("PY", (4,))}, bytes(4)), "cannot be read"),
    ("overlapping", safetensors({**META, "a": tensor(), "b": tensor()}, bytes(4)), "cannot be read"),
    ("hole", safetensors({**META, "a": tensor(offsets=(4, 8))}, bytes(8)), "cannot be read"),
    ("bytes-at-the-end", safetensors({**META, "a": tensor()}, bytes(64)), "cannot be read"),
    ("beyond-the-end", safetensors({**META, "a": tensor(shape=(1 << 20,), offsets=(0, 1 << 22))}), "cannot be read"),
    ("shape-overflow", safetensors({**META, "a": tensor(shape=(1 << 32, 1 << 32), offsets=(0, 0))}), "cannot be read"),
    ("shape-lies", safetensors({**META, "a": tensor(shape=(1 << 40,))}, bytes(4)), "cannot be read"),
    ("shape-negative", safetensors({**META, "a": tensor(shape=(-1,))}, bytes(4)), "cannot be read"),
    ("shape-of-1000-axes", safetensors({**META, "a": tensor(shape=(1,) * 1000)}, bytes(4)), "cannot be read"),
    (
        "huge-without-content",
        safetensors({**META, "a": tensor(shape=(0, 1 << 62, 8), offsets=(0, 0))}),
        "cannot be read",
    ),
    ("array-missing", safetensors(META), "the array 'a' is missing"),
    ("array-of-nobody", safetensors({**META, "a": tensor(), "b": tensor(offsets=(4, 8))}, bytes(8)), "no part"),
    ("nested", safetensors({"__metadata__": described(state=NESTED)}), "parts within parts"),
    ("parts-is-a-number", safetensors({"__metadata__": described(state={**NESTED, "parts": 7})}), "wrong type"),
    ("part-is-a-number", safetensors({"__metadata__": described(state={**NESTED, "parts": [7]})}), "must be a name"),
    ("state-is-a-list", safetensors({"__metadata__": described(state=[])}), "must hold values"),
]:
    replaced(f"form-{name}", FORM, data, f"{FORM}: .*{tells}")
    replaced(f"preprocessor-{name}", PREPROCESSOR, data, f"{PREPROCESSOR}: .*{tells}")
replaced(
    "preprocessor-is-a-form", PREPROCESSOR, safetensors({"__metadata__": described()}), "not the state of a preproc"
)


def in_state(
    name: str, file: str, change: Callable[[State], State], tells: str | None, kind: str | None = None
) -> None:
    """Adds an attack on the state in a file, and perhaps on the kind that it names; it must fail when used."""

    def apply(path: Path) -> None:
        old_kind, state = states.from_bytes((path / file).read_bytes())
        changed = change(state)
        if changed is state and kind is None:
            raise NotPossible
        (path / file).write_bytes(states.to_bytes(old_kind if kind is None else kind, changed))

    ATTACKS.append(Attack(name, apply, tells, sealed=True, stage="using"))


def first_array(kinds: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[State], State]:
    """Changes the first array of these kinds (`f`, `i`) that is not empty, in the state or its parts; else nothing."""

    def apply(state: State) -> State:
        for name in sorted(state.arrays):
            array = state.arrays[name]
            if array.dtype.kind in kinds and array.size:
                return replace(state, arrays={**state.arrays, name: change(array)})
        for place, (name, part) in enumerate(state.parts):
            changed = apply(part)
            if changed is not part:
                return replace(state, parts=(*state.parts[:place], (name, changed), *state.parts[place + 1 :]))
        return state

    return apply


def filled(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.full_like(array, value)


def without_one_value(state: State) -> State:
    if not state.values:
        return replace(state, values={"nobody": 1})
    return replace(state, values={key: state.values[key] for key in sorted(state.values)[1:]})


def with_one_value_of_another_type(state: State) -> State:
    first = next(iter(sorted(state.values)), "nobody")
    return replace(state, values={**state.values, first: {"$": [None]}})


for kind in ("os.system", "../../evil", "_checked", "__init__", "\x1b[2J"):
    label = "".join(letter if letter.isalnum() else "-" for letter in kind)
    in_state(f"form-kind-{label}", FORM, lambda state: state, "which this luban does not know", kind)
for file, what in ((FORM, "form"), (PREPROCESSOR, "preprocessor")):
    in_state(f"{what}-index-too-large", file, first_array("iu", filled(2**31 - 1)), None)
    in_state(f"{what}-index-negative", file, first_array("i", filled(-(2**31) + 5)), None)
    in_state(f"{what}-not-a-number", file, first_array("f", filled(float("nan"))), None)
    in_state(f"{what}-infinite", file, first_array("f", filled(float("inf"))), None)
    in_state(f"{what}-of-another-type", file, first_array("fiu", lambda array: array.astype(np.uint8)), None)
    in_state(f"{what}-of-another-shape", file, first_array("fiu", lambda array: np.stack([array] * 2)), None)
    in_state(f"{what}-without-rows", file, first_array("fiu", lambda array: array[:0]), None)
    in_state(f"{what}-too-wide", file, first_array("fiu", lambda array: np.tile(array, 1000)), None)
    in_state(f"{what}-without-a-value", file, without_one_value, None)
    in_state(f"{what}-with-a-strange-value", file, with_one_value_of_another_type, None)
    in_state(f"{what}-without-parts", file, lambda state: replace(state, parts=()) if state.parts else state, None)


# The graph, which native code is going to read


def in_graph(name: str, change: Callable[[Any], object]) -> None:
    """Adds an attack that changes the ONNX graph, given as a ModelProto; using it must be refused."""

    def apply(path: Path) -> None:
        import onnx

        if not (path / RUNTIME).exists():
            raise NotPossible
        model = onnx.load_model_from_string((path / RUNTIME).read_bytes())
        change(model)
        (path / RUNTIME).write_bytes(model.SerializeToString())

    ATTACKS.append(Attack(name, apply, ".", sealed=True, stage="using"))


def outside(location: str) -> Callable[[Any], object]:
    """The first constant of the graph lies in another file."""

    def change(model: Any) -> None:
        import onnx

        tensor = next(iter(model.graph.initializer), None)
        if tensor is None:
            raise NotPossible
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    return change


def node_before(operator: str, domain: str = "", **attributes: Any) -> Callable[[Any], object]:
    """One more node, whose output nobody reads."""

    def change(model: Any) -> None:
        import onnx

        if domain:
            model.opset_import.add(domain=domain, version=1)
        inputs = [model.graph.input[0].name]
        model.graph.node.insert(0, onnx.helper.make_node(operator, inputs, ["spare"], domain=domain, **attributes))

    return change


def memory_bomb(model: Any) -> None:
    """A constant of 2**40 numbers that the graph makes itself."""
    import onnx

    shape = onnx.helper.make_tensor("bomb_shape", onnx.TensorProto.INT64, [2], [1 << 20, 1 << 20])
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, onnx.helper.make_node("ConstantOfShape", ["bomb_shape"], ["bomb"]))
    model.graph.node.insert(1, onnx.helper.make_node("ReduceSum", ["bomb"], ["spare"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("spare", onnx.TensorProto.FLOAT, None))


def endless_loop(model: Any) -> None:
    import onnx

    make, info, boolean = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto.BOOL
    body = onnx.helper.make_graph(
        [make("Identity", ["go"], ["again"])],
        "body",
        [info("turn", onnx.TensorProto.INT64, []), info("go", boolean, [])],
        [info("again", boolean, [])],
    )
    model.graph.initializer.append(onnx.helper.make_tensor("true", boolean, [], [True]))
    model.graph.node.insert(0, make("Loop", ["", "true"], [], body=body))


def own_function(model: Any) -> None:
    import onnx

    body = [onnx.helper.make_node("Identity", ["a"], ["b"])]
    opsets = [onnx.helper.make_opsetid("", 17)]
    model.functions.append(onnx.helper.make_function("", "Relu", ["a"], ["b"], body, opsets))


def another_width(model: Any) -> None:
    width = model.graph.input[0].type.tensor_type.shape.dim[1]
    width.dim_value = width.dim_value + 7


def one_more_input(model: Any) -> None:
    model.graph.input.append(model.graph.input[0])
    model.graph.input[-1].name = "second"


def tensor_that_says_too_much(model: Any) -> None:
    if not model.graph.initializer:
        raise NotPossible
    model.graph.initializer[0].dims[:] = [1 << 30, 1 << 30]


def trees_that_lead_nowhere(model: Any) -> None:
    trees = [node for node in model.graph.node if node.op_type.startswith("TreeEnsemble")]
    if not trees:
        raise NotPossible
    for attribute in trees[0].attribute:
        if attribute.name in ("nodes_truenodeids", "nodes_featureids", "target_ids"):
            attribute.ints[:] = [1 << 40] * len(attribute.ints)


replaced("graph-empty", RUNTIME, b"", ".", stage="using")
replaced("graph-of-zeros", RUNTIME, bytes(1000), ".", stage="using")
replaced("graph-is-a-pickle", RUNTIME, b"\x80\x04\x8c\x02os\x8c\x06system\x93.", ".", stage="using")
replaced("graph-is-a-library", RUNTIME, b"\x7fELF" + bytes(1000), ".", stage="using")
replaced("graph-nested", RUNTIME, b"\x3a\xff\xff\xff\xff\x07" * 100_000, ".", stage="using")
in_graph("graph-reads-the-passwords", outside("/etc/passwd"))
in_graph("graph-reads-above", outside("../../../../../../etc/passwd"))
in_graph("graph-reads-its-bundle", outside("../README.md"))
in_graph("graph-of-another-domain", node_before("Evil", "com.evil"))
in_graph("graph-of-microsofts-domain", node_before("Tokenizer", "com.microsoft.extensions"))
in_graph("graph-with-an-unknown-operator", node_before("NoSuchOperator"))
in_graph("graph-with-a-memory-bomb", memory_bomb)
in_graph("graph-with-an-endless-loop", endless_loop)
in_graph("graph-with-a-function", own_function)
in_graph("graph-of-another-width", another_width)
in_graph("graph-with-two-inputs", one_more_input)
in_graph("graph-with-a-lying-tensor", tensor_that_says_too_much)
in_graph("graph-with-trees-that-lead-nowhere", trees_that_lead_nowhere)


@attack(".", sealed=True, stage="using")
def graph_cut_short(path: Path) -> None:
    if not (path / RUNTIME).exists():
        raise NotPossible
    data = (path / RUNTIME).read_bytes()
    (path / RUNTIME).write_bytes(data[: len(data) * 2 // 3])


@attack(None, sealed=True, stage="using")
def vocabulary_of_a_million_terms(path: Path) -> None:
    kind, state = states.from_bytes((path / PREPROCESSOR).read_bytes())

    def grown(state: State) -> State:
        values = {
            key: [f"term{number}" for number in range(1_000_000)] if isinstance(value, list) else value
            for key, value in state.values.items()
        }
        return replace(state, values=values, parts=tuple((name, grown(part)) for name, part in state.parts))

    (path / PREPROCESSOR).write_bytes(states.to_bytes(kind, grown(state)))
