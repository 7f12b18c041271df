"""Beginning from a pretrained encoder-decoder: what the recipe says of it, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from luban.core.errors import UsageError
from luban.core.suggest import fold
from luban.models._begun import UNTOUCHED
from luban.models._rewriting import NAME as MODEL
from luban.models._rewriting import TASK, Writing
from luban.recipe.recipe import Recipe
from luban.verbs import refusing

_LONGEST = 512
"""Tokens of a text that are looked at where the recipe leaves it to the rows."""


def place(origin: str, task: str | None, *, online: bool) -> Path | None:
    """The folder of the encoder-decoder of this name; None for any other model, or none.

    Raises UsageError where one is asked for another task, or a language model for this one.
    """
    from luban.origins import configs, encoder_decoders, layout, naming

    wants = task is not None and fold(task) == TASK
    found = encoder_decoders.place(origin, online=online)
    if found is not None and task is not None and not wants:
        raise UsageError(
            f"this model writes texts for texts, and does not do {fold(task)}.",
            where=f"--from {origin}",
            fix=f"--task {TASK}; or begin from an encoder, such as --from minilm",
        )
    if found is None and wants and not origin.startswith(layout.BY_CONTENT):
        path = naming.place(origin, online=online)
        file = path / layout.CONFIG
        decoder = file.is_file() and configs.family(layout.read_json(file)) == "decoder"
        if decoder or path.suffix.lower() == ".gguf":
            raise UsageError(
                "this is a language model, which answers: what is read is asked, what is written is its answer.",
                where=f"--from {origin}",
                fix=f"the same table with --task chat: luban fit DATA --target COLUMN --task chat --from {origin}",
            )
    return found


def asked(
    path: Path, names: tuple[str, ...], start: Recipe, changes: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The models that are tried, and what the recipe says of them: the encoder-decoder, itself as it was, and others.

    Raises UsageError for texts longer than it reads or writes, and for another tokenizer.
    """
    from luban.origins import encoder_decoders, naming

    refusing.tokenizer(changes)
    origin = encoder_decoders.opened(path)
    naming.note(origin.sha256, origin.path)
    given = dict(start.model.settings().get(MODEL, {}))
    how = {name: changes.get(f"model.{MODEL}.{name}", given.get(name)) for name in Writing.model_fields}
    if how["prefix"] is None and origin.prefix:
        how["prefix"] = origin.prefix
    told = {name: value for name, value in how.items() if value is not None}
    most = encoder_decoders.context(origin.config)
    _refuse_long(told.get("longest"), most, len(origin.starts))
    values: dict[str, Any] = {"task": TASK, "features.tokenizer": str(origin.tokenizer)}
    for model in (MODEL, UNTOUCHED):
        values |= {f"model.{model}.origin": origin.settings()}
        values |= {f"model.{model}.{name}": value for name, value in told.items()}
    if most is not None:
        values |= _reading(changes, start, most - _tokens(origin, str(told.get("prefix", ""))))
    if not {MODEL, UNTOUCHED} & set(names):
        names = (MODEL, UNTOUCHED, *names)
    return names, values


def _reading(changes: Mapping[str, Any], start: Recipe, most: int) -> dict[str, Any]:
    """How long texts are read, where a network has so many places for them."""
    wanted = changes.get("features.longest", start.features.longest)
    if isinstance(wanted, int):
        refusing.longer("texts", wanted, "tokens", most)
    return {"features.longest": most} if wanted == "auto" and most < _LONGEST else {}


def _refuse_long(longest: Any, most: int | None, starts: int) -> None:
    if isinstance(longest, int) and most is not None and longest > most - starts:
        raise UsageError(
            f"texts of {longest:,} tokens are longer than the {most - starts:,} that the pretrained model writes.",
            where=f"--set model.{MODEL}.longest",
            fix=f"--set model.{MODEL}.longest={most - starts}",
        )


def _tokens(origin: Any, prefix: str) -> int:
    """How many tokens stand before each text."""
    from luban.features import _given as given

    if not prefix:
        return 0
    (found,) = given.cut(given.of_content(given.read(str(origin.tokenizer))).tokenizer, [prefix])
    return len(found.ids)
