"""Format 1 of the bundle: which files it has, and what is in them.

    recipe.yaml  schema.json  README.md  report.html
    preprocessing/state.safetensors      what was learned about encoding
    model/form.safetensors  facts.json   the fitted estimator, and what answering needs besides
    model/config.json  model.safetensors  tokenizer.json ...   a language model as `transformers` reads it, beside it
    runtime/model.onnx                   its graph, where it agrees with the form
    evidence/NAME.json  history.jsonl

A released format never changes; a new one gets a file beside this, and this file stays to read the old.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from dataclasses import fields
from typing import Any, get_args

from luban import states
from luban.arrays import Buffer, Content
from luban.bundle.bundle import Stored
from luban.core.errors import BundleError, UsageError
from luban.core.files import to_json
from luban.core.strict_json import MOST_VALUES, count_values, parse, shown
from luban.protocols import State
from luban.recipe import document as recipes
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Role, Schema

NUMBER = 1
FOLDERS = frozenset({"preprocessing", "model", "runtime", "evidence"})
FORM, RUNTIME = "model/form.safetensors", "runtime/model.onnx"

_MB, _GB = 1 << 20, 1 << 30
LIMITS = {
    "recipe.yaml": recipes.MOST_BYTES,
    "schema.json": 32 * _MB,
    "README.md": 8 * _MB,
    "report.html": 64 * _MB,
    "preprocessing/state.safetensors": 1 * _GB,
    FORM: 2 * _GB,
    "model/facts.json": 8 * _MB,
    RUNTIME: 2 * _GB,
    "evidence/history.jsonl": 8 * _MB,
    "model/config.json": 8 * _MB,
    "model/model.safetensors": 2 * _GB,
    "model/tokenizer.json": 64 * _MB,
    "model/tokenizer_config.json": 1 * _MB,
    "model/generation_config.json": 1 * _MB,
}
"""The fixed files and the most bytes each may have. ONNX itself allows no more than 2 GiB."""
MOST_EVIDENCE = 64 * _MB
MOST_FILES = 100
MOST_BYTES = 4 * _GB
WHOLE = frozenset({"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
"""Files of a language model that the library `transformers` reads; they lie in `model/`, all or none."""
LAYOUT = WHOLE | {"generation_config.json"}
"""The same with what some of them have beside: how they write."""
REQUIRED = frozenset(LIMITS) - {RUNTIME} - {f"model/{name}" for name in LAYOUT}

_EVIDENCE = re.compile(r"evidence/([a-z][a-z0-9_-]{0,63})\.json")
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_COLUMN = {field.name for field in fields(Column)}


def limit(path: str) -> int | None:
    """The most bytes that the file may have; None when a bundle has no such file.

    >>> limit("schema.json"), limit("../schema.json"), limit("evidence/findings.json") == MOST_EVIDENCE
    (33554432, None, True)
    """
    return LIMITS.get(path, MOST_EVIDENCE if _EVIDENCE.fullmatch(path) else None)


def runtime(paths: Container[str]) -> str:
    """The file that answers."""
    return RUNTIME if RUNTIME in paths else FORM


def write(stored: Stored) -> dict[str, Content]:
    """What every file but the manifest is to hold, by path. Equal bundles give equal bytes."""
    evidence = {f"evidence/{name}.json": to_json(document) for name, document in stored.evidence.items()}
    history = [json.dumps(line, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n" for line in stored.history]
    text = {
        "recipe.yaml": recipes.to_yaml(stored.recipe),
        "schema.json": to_json(stored.schema.to_json()),
        "README.md": stored.card,
        "report.html": stored.report,
        "model/facts.json": to_json(dict(stored.facts)),
        "evidence/history.jsonl": "".join(history),
        **evidence,
    }
    binary = {
        "preprocessing/state.safetensors": states.content("preprocessor", stored.preprocessor),
        FORM: states.content(stored.form_kind, stored.form),
    }
    runtime = {} if stored.runtime is None else {RUNTIME: stored.runtime}
    layout = {f"model/{name}": content for name, content in stored.layout.items()}
    return {**{path: content.encode() for path, content in text.items()}, **binary, **runtime, **layout}


def read(files: Mapping[str, Buffer]) -> Stored:
    """What `write` wrote, from the bytes of files that all belong to this format. `parent` is the manifest's to say.

    Raises BundleError that names the file.
    """
    values = sum(count_values(bytes(data)) for path, data in files.items() if path.endswith((".json", ".jsonl")))
    if values > MOST_VALUES:
        raise BundleError(f"its JSON files hold {values:,} values; at most {MOST_VALUES:,} are read.")
    preprocessor_kind, preprocessor = _state(files, "preprocessing/state.safetensors")
    if preprocessor_kind != "preprocessor":
        raise BundleError("this is not the state of a preprocessor.", where="preprocessing/state.safetensors")
    form_kind, form = _state(files, FORM)
    layout = {name: files[f"model/{name}"] for name in sorted(LAYOUT) if f"model/{name}" in files}
    if layout and WHOLE - set(layout):
        missing = min(WHOLE - set(layout))
        raise BundleError("a language model lacks this file of its layout.", where=f"model/{missing}")
    evidence = {found[1]: _object(files, path) for path in files if (found := _EVIDENCE.fullmatch(path))}
    return Stored(
        recipe=_recipe(bytes(files["recipe.yaml"])),
        schema=_schema(_object(files, "schema.json")),
        preprocessor=preprocessor,
        form_kind=form_kind,
        form=form,
        facts=_facts(_object(files, "model/facts.json")),
        evidence=evidence,
        history=_history(bytes(files["evidence/history.jsonl"])),
        card=_text(files, "README.md"),
        report=_text(files, "report.html"),
        runtime=bytes(files[RUNTIME]) if RUNTIME in files else None,
        layout=layout,
    )


def _state(files: Mapping[str, Buffer], path: str) -> tuple[str, State]:
    try:
        return states.from_bytes(files[path])
    except BundleError as error:
        raise BundleError(error.message, where=path) from None


def _recipe(data: bytes) -> Recipe:
    try:
        return recipes.from_yaml(data, where="recipe.yaml")
    except UsageError as error:
        raise BundleError(error.message, where=error.where) from None


def _schema(document: Any) -> Schema:
    columns = document.get("columns")
    if set(document) != {"columns"} or not isinstance(columns, list):
        raise BundleError("a schema is a list of columns.", where="schema.json")
    wrong = next((place for place, column in enumerate(columns) if not _is_column(column)), None)
    if wrong is not None:
        raise BundleError(f"column {wrong} of the schema is not one that luban writes.", where="schema.json")
    schema = Schema.from_json(document)
    if len(set(schema.names)) < len(schema.names):
        raise BundleError("two columns of the schema have the same name.", where="schema.json")
    return schema


def _is_column(column: Any) -> bool:
    return (
        isinstance(column, dict)
        and set(column) == _COLUMN
        and all(isinstance(column[key], str) for key in ("name", "kind", "role", "reason", "dtype"))
        and _KIND.fullmatch(column["kind"]) is not None
        and column["role"] in get_args(Role)
        and _is_number(column["missing"])
        and 0 <= column["missing"] <= 1
        and isinstance(column["distinct"], int)
        and column["distinct"] >= 0
        and isinstance(column["missing_words"], list)
        and all(isinstance(word, str) for word in column["missing_words"])
    )


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    task, classes, threshold = facts.get("task"), facts.get("classes"), facts.get("threshold")
    if not isinstance(task, str) or not _KIND.fullmatch(task):
        raise BundleError(f"{shown(task)} is not the name of a task.", where="model/facts.json")
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise BundleError("classes must be a list of names.", where="model/facts.json")
    if len(set(classes)) < len(classes):
        raise BundleError("two classes have the same name.", where="model/facts.json")
    if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
        raise BundleError(f"the threshold cannot be {shown(threshold)}.", where="model/facts.json")
    return facts


def _object(files: Mapping[str, Buffer], path: str) -> dict[str, Any]:
    value = _json(bytes(files[path]), path)
    if not isinstance(value, dict):
        raise BundleError("this file must hold a JSON object.", where=path)
    return value


def _history(data: bytes) -> list[dict[str, Any]]:
    path = "evidence/history.jsonl"
    lines = [_json(line, path) for line in data.split(b"\n") if line]
    if not all(isinstance(line, dict) for line in lines):
        raise BundleError("every line must hold a JSON object.", where=path)
    return lines


def _json(data: bytes, path: str) -> Any:
    try:
        return parse(data)
    except ValueError as error:
        raise BundleError(f"this file cannot be read: {error}.", where=path) from None


def _text(files: Mapping[str, Buffer], path: str) -> str:
    try:
        return bytes(files[path]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"this file is not text: byte {error.start} is not UTF-8.", where=path) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
