"""From what was asked to a recipe: defaults, then a recipe file, then `--set`, then options; the last word counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core import registry
from luban.core.errors import UsageError
from luban.core.suggest import fold
from luban.data import chats
from luban.models._begun import UNTOUCHED
from luban.models._causal import ADAPTED
from luban.recipe import document, edit
from luban.recipe.recipe import Recipe
from luban.verbs import coding, continuing, refusing, rewriting

if TYPE_CHECKING:
    from luban.origins.layout import Origin

PATHS = {
    "task": "task",
    "positive": "positive",
    "weight": "weight",
    "group": "split.group",
    "order": "split.order",
    "folds": "split.folds",
    "metric": "train.metric",
    "repair": "repair",
    "seed": "seed",
}
"""Where an option lies in the recipe."""
FROM = ("pretrained-features", "pretrained-text", "pretrained-image", "pretrained-sound")
"""The models that begin from a pretrained one: the cheaper one, and those that fine-tune."""
WRITING, WRITES = "pretrained-encoder-decoder", "sequence-to-sequence"
"""The one that begins from an encoder where texts are written, and the task that asks for that."""
LONGEST_FROM = 128
"""Tokens that they read of a text where nothing is said: what a text is about it mostly says first, and the time of a
step grows with its length."""


def recipe_of(
    recipe: Recipe | str | Path | None,
    changes: Mapping[str, Any] | None,
    *,
    model: str | Sequence[str] | None = None,
    column: Mapping[str, str] | None = None,
    origin: str | None = None,
    online: bool = False,
    **options: Any,
) -> Recipe:
    """The recipe that was asked for. Raises UsageError that names the option, key or file, and the near name.

    origin: the pretrained model that is begun from. online: whether the hub may be asked for it.

    >>> recipe_of(None, {"split.test": 0.3}, model="svm,linear", target="y").model.names
    ('svm', 'linear')
    """
    start = _start(recipe)
    asked = options.pop("target", None)
    targets = (asked,) if isinstance(asked, str) else tuple(asked or ())
    values = {PATHS[name]: value for name, value in options.items() if value is not None}
    if targets:
        values |= {"target": targets[0], "also": list(targets[1:])}
    if options.get("group") is not None:
        values["split.kind"] = "group"
    elif options.get("order") is not None:
        values["split.kind"] = "time"
    names = _names(model)
    if origin is not None:
        about = options.get("task") or (changes or {}).get("task") or start.task
        names, told = _begun(origin, about, names, start, changes or {}, online=online)
        values |= told
    if names and (names != ("auto",) or recipe is None):
        values["model.names"] = list(names)
        if names != start.model.names:
            values["model.candidates"] = None
    values |= {f"columns\x00{name}": kind for name, kind in (column or {}).items()}
    return _changed(_changed(start, dict(changes or {}), "--set"), values, "options")


def _begun(
    origin: str, task: str | None, names: tuple[str, ...], start: Recipe, changes: Mapping[str, Any], *, online: bool
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The models where a pretrained one is begun from, and what the recipe says of it. names: those that were named.

    Which way it is begun from follows from the task, and from what it is.
    """
    from luban.bundle import store
    from luban.origins import hub, naming

    store.check(origin)
    if task is not None and continuing.asks(task):
        return continuing.asked(origin, task, names, start, changes, online=online)
    asked = _asked(names, start)
    if chats.asks(task):
        if hub.is_name(origin) and not Path(origin).exists():
            origin = str(hub.folder(origin, online=online))
        return (ADAPTED,) if _open(names) else names, _speaking(origin, start, changes)
    if (place := rewriting.place(origin, task, online=online)) is not None:
        return rewriting.asked(place, asked, start, changes)
    if _is_coded(origin):
        return asked if coding.MODEL in asked else (coding.MODEL, *asked), _coding(origin)
    found = naming.find(origin, online=online)
    return _competing(names, start, found, task), _beginning(found, start, changes, task)


def _open(names: tuple[str, ...]) -> bool:
    """Whether nobody named a model."""
    return names in ((), ("auto",))


def _asked(names: tuple[str, ...], start: Recipe) -> tuple[str, ...]:
    """The models that were asked for: by name, else by the recipe that is begun with."""
    return start.model.names if _open(names) else names


def _start(recipe: Recipe | str | Path | None) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if recipe is None:
        return Recipe()
    path = Path(recipe)
    if path.is_dir() and (path / "recipe.yaml").exists():
        path = path / "recipe.yaml"
    if not path.is_file():
        raise UsageError("there is no recipe file of this name.", where=str(recipe), fix="--recipe recipe.yaml")
    return document.from_yaml(path.read_bytes(), where=str(path))


def _competing(names: tuple[str, ...], start: Recipe, origin: Origin, task: str | None) -> tuple[str, ...]:
    """The models that begin from a pretrained one and do this task, and those that were asked for beside them.

    A recipe that has such models already, and whoever names one, is taken at their word.
    """
    asked = _asked(names, start)
    if set(asked) & {*FROM, WRITING}:
        return asked
    begin = _begin(origin, task)
    if task is not None and fold(task) in registry.names("tasks"):
        begin = tuple(name for name in begin if fold(task) in registry.find("models", name).tasks)
        if not begin:
            raise UsageError(
                f"no model that begins from a pretrained one does {fold(task)}.",
                where="--from",
                fix="leave it out: a network of its own learns; from a language model chats and raw text are learned",
            )
    return (*begin, *asked)


def suited(recipe: Recipe, task: str) -> tuple[Recipe, str]:
    """The recipe for a task that nobody named, and what of it that says: of the models that begin from a pretrained one
    those stay that do it, where some do.
    """
    names = recipe.model.names
    others = [name for name in names if name in FROM and task not in registry.find("models", name).tasks]
    if recipe.task is not None or not others or set(names) & set(FROM) == set(others):
        return recipe, ""
    stay = tuple(name for name in names if name not in others)
    model = recipe.model.model_copy(update={"names": stay})
    return recipe.model_copy(update={"model": model}), f"; {', '.join(others)} does not do that"


def _begin(origin: Origin, task: str | None) -> tuple[str, ...]:
    """The models that can begin from it, the cheaper one first."""
    from luban.models import _pretrained
    from luban.origins import configs

    if task is not None and fold(task) == WRITES:
        kind = configs.reads(origin.config)
        if kind != "tokens":
            raise UsageError(
                f"texts are written from texts, and this model reads {'images' if kind == 'image' else 'sounds'}.",
                where="--from",
                fix="--from minilm, or leave it out",
            )
        return (WRITING,)
    return FROM[0], _pretrained.fine_tuner(origin.config)


def _beginning(origin: Origin, start: Recipe, changes: Mapping[str, Any], task: str | None) -> dict[str, Any]:
    """What the recipe says of a pretrained model, which is named by its content: a path is of one machine."""
    from luban.origins import configs

    values: dict[str, Any] = {f"model.{model}.origin": origin.settings() for model in _begin(origin, task)}
    if configs.reads(origin.config) == "image":
        if "features.image_most" not in changes:
            values["features.image_most"] = max(start.features.image_most, origin.config["image_size"])
        return values
    if configs.reads(origin.config) == "sequence":
        return values | _hearing(origin, start, changes)
    values["features.tokenizer"] = str(origin.tokenizer)
    asked, most = changes.get("features.longest", start.features.longest), configs.longest(origin.config)
    if asked == "auto":
        values["features.longest"] = min(LONGEST_FROM, most)
    elif isinstance(asked, int):
        refusing.longer("texts", asked, "tokens", most)
    return values


def _hearing(origin: Origin, start: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the recipe says of how a pretrained encoder hears sounds: as it learned, and not longer than it can."""
    from luban.origins import sounds

    most = sounds.frames(origin.config)
    wanted = {"spectrogram": "whisper", "mel_bands": origin.config["num_mel_bins"], "sample_rate": sounds.RATE}
    for name, value in wanted.items():
        asked = changes.get(f"features.{name}", value)
        if asked not in (value, "auto"):
            raise UsageError(
                f"the pretrained model hears sounds with {name} {value}, and not {asked}.",
                where=f"--set features.{name}",
                fix=f"leave it out, or --set features.{name}={value}",
            )
    asked = changes.get("features.longest", start.features.longest)
    if isinstance(asked, int):
        refusing.longer("sounds", asked, "frames", most)
    return {f"features.{name}": value for name, value in wanted.items()}


def _is_coded(name: str) -> bool:
    from luban.origins import coded

    return coded.is_one(Path(name))


def _coding(name: str) -> dict[str, Any]:
    """What the recipe says of an autoencoder that is begun from: which, and that its columns are what they were."""
    from luban.bundle import store
    from luban.origins import coded

    schema = store.read(name).stored.schema
    kinds = {f"columns\x00{column.name}": column.kind for column in schema.inputs}
    return {f"model.{coding.MODEL}.origin": coded.opened(Path(name)).settings(), **kinds}


def _speaking(name: str, start: Recipe, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the recipe says of a language model that is adapted, and of how it reads chats."""
    from luban.features.chat import MOST, template
    from luban.origins import causal, layout, naming

    origin = causal.find(name)
    naming.note(origin.sha256, origin.path)
    values: dict[str, Any] = {f"model.{model}.origin": origin.settings() for model in (UNTOUCHED, ADAPTED)}
    values["features.tokenizer"] = str(origin.path / layout.TOKENIZER)
    if origin.template is not None and changes.get("features.template", start.features.template) is None:
        values["features.template"] = template.with_marks(origin.template, origin.marks)
    asked = changes.get("features.longest", start.features.longest)
    if asked == "auto":
        values["features.longest"] = min(MOST, origin.context)
    elif isinstance(asked, int) and asked > origin.context:
        raise UsageError(
            f"chats of {asked:,} tokens are longer than the context of the model, {origin.context:,}.",
            where="--set features.longest",
            fix=f"--set features.longest={origin.context}",
        )
    return values


def _names(model: str | Sequence[str] | None) -> tuple[str, ...]:
    if model is None:
        return ()
    parts = model.split(",") if isinstance(model, str) else model
    return tuple(part.strip().lower().replace("_", "-") for part in parts if part.strip())


def _changed(recipe: Recipe, values: dict[str, Any], where: str) -> Recipe:
    if not values:
        return recipe
    # A column's name may hold dots, so columns are set by themselves rather than by path.
    columns = {path.split("\x00")[1]: kind for path, kind in values.items() if "\x00" in path}
    by_path = {path: value for path, value in values.items() if "\x00" not in path}
    try:
        changed = edit.with_values(recipe.model_dump(mode="json"), by_path)
    except (TypeError, AttributeError):
        raise UsageError(f"one of {', '.join(by_path)} leads into a value, not a part.", where=where) from None
    changed["columns"] = {**changed["columns"], **columns}
    return document.checked(changed, where=where)
