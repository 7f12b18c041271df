"""Going on with raw text from a pretrained model: what the recipe says of it, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from luban.core.errors import UsageError
from luban.core.suggest import fold
from luban.models._causal import ADAPTED, RAW
from luban.recipe.recipe import Recipe
from luban.verbs import refusing

GOES_ON = {RAW: ADAPTED, "masked-lm": "pretrained-masked"}
"""The model that goes on with raw text, by task."""
MOST_BLOCK = {RAW: 256, "masked-lm": 128}
"""Tokens that it reads at once where nothing is said, unless its context is shorter."""


def asks(task: str | None) -> bool:
    """Whether a task is one of raw text."""
    return task is not None and fold(task) in GOES_ON


def begun(recipe: Recipe) -> bool:
    """Whether what a recipe asks for goes on as a writer of texts, whose earlier ones can be looked at."""
    return recipe.task == RAW and ADAPTED in recipe.model.names


def asked(
    origin: str, task: str, names: Sequence[str], start: Recipe, changes: Mapping[str, Any], *, online: bool
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The model that goes on, and what the recipe says of it. names: of the models that a person named.

    Raises UsageError for a model that cannot do it, and for what contradicts it.
    """
    task = fold(task)
    model = GOES_ON[task]
    _refuse_fresh(names, model)
    refusing.tokenizer(changes)
    told, tokenizer, context = (_writer if task == RAW else _filler)(origin, online)
    key = f"model.{model}.context"
    wanted = changes.get(key, start.model.settings().get(model, {}).get("context"))
    if isinstance(wanted, int) and wanted > context:
        raise UsageError(
            f"blocks of {wanted:,} tokens are longer than the context of the model, {context:,}.",
            where=f"--set {key}",
            fix=f"--set {key}={context}",
        )
    values: dict[str, Any] = {f"model.{model}.origin": told, "features.tokenizer": str(tokenizer)}
    if wanted is None and context < MOST_BLOCK[task]:
        values[key] = context
    return (model,), values


def _writer(name: str, online: bool) -> tuple[dict[str, Any], Path, int]:
    """What is said of a language model that goes on with texts, its tokenizer, and the tokens that it looks back on."""
    from luban.origins import causal, hub, layout, naming

    if hub.is_name(name) and not Path(name).exists():
        name = str(hub.folder(name, online=online))
    origin = causal.find(name)
    naming.note(origin.sha256, origin.path)
    told = {**origin.settings(), "parts": list(origin.parts()), "template": origin.template}
    return told, origin.path / layout.TOKENIZER, origin.context


def _filler(name: str, online: bool) -> tuple[dict[str, Any], Path, int]:
    """What is said of an encoder that fills hidden tokens, its tokenizer, and the tokens that it reads."""
    from luban.origins import configs, layout, naming

    origin = naming.find(name, online=online)
    if configs.reads(origin.config) != "tokens":
        raise UsageError("this model reads no texts.", where=f"--from {name}", fix="name a text encoder: --from minilm")
    if origin.config.get("tie_word_embeddings") is False:
        raise UsageError(
            "its output layer is another one than its embedding, which is not built.",
            where=str(origin.path / layout.CONFIG),
            fix="name another encoder, such as --from minilm",
        )
    if origin.marks[4] == origin.marks[0]:
        raise UsageError(
            "its tokenizer has no token that stands for a hidden one.",
            where=str(origin.path / "tokenizer_config.json"),
            fix="the file should name mask_token; a model that writes goes on with --task causal-lm",
        )
    return origin.settings(), origin.path / layout.TOKENIZER, configs.longest(origin.config)


def _refuse_fresh(names: Sequence[str], model: str) -> None:
    """Raises UsageError for a model that begins from nothing, beside one that is begun from."""
    other = next((name for name in names if name not in (model, "auto")), None)
    if other is not None:
        raise UsageError(
            f"{other} does not begin from a language model, and --from names one.",
            where=f"--model {other}",
            fix=f"--model {model}, or leave out one of both",
        )
