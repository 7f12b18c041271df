"""From a name to a pretrained model: a folder, a sample that was fetched, or the content that a recipe names."""

from __future__ import annotations

from pathlib import Path

from luban.core import files
from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean, fold
from luban.data import cache, catalogue
from luban.origins import from_ctranslate2, hub, layout
from luban.origins.layout import BY_CONTENT, Origin

FOLDER = "origins"
"""Of the cache: where a model of a content was last seen."""


def find(name: str, *, online: bool = False) -> Origin:
    """The pretrained model of a name, and a note in the cache of where its content lies.

    name: a folder, a bundle of a language model, a sample (`minilm`), a model of the hub (`ORGANISATION/NAME`), or
    `sha256:...` as recipes have it. online: whether the hub may be asked.
    Raises UsageError with the near name, or with the command that fetches it.
    """
    if name.startswith(BY_CONTENT):
        return _known(name)
    path = place(name, online=online)
    if path.suffix.lower() == catalogue.WRITING:
        raise UsageError(
            "this is a language model, which goes on with texts; rows are answered by an encoder.",
            where=f"--from {name}",
            fix=f'luban generate {name} "PROMPT", --task causal-lm or chat to adapt it, or --from minilm',
        )
    origin = layout.opened(_of_bundle(path))
    note(origin.sha256, origin.path)
    return origin


def place(name: str, *, online: bool = False) -> Path:
    """Where the folder of this name, the sample or the model of the hub lies. Raises UsageError with the near name.

    One that CTranslate2 wrote is brought into the layout of `transformers` first, in the cache.
    """
    path = Path(name)
    if not path.exists() and hub.is_name(name):
        return hub.folder(name, online=online)
    if not path.exists():
        known = catalogue.models()
        if fold(name.removeprefix("sample:")) not in known:
            raise UsageError(
                f"no folder and no known model is called '{name}'. {did_you_mean(name, known)}",
                where="--from",
                fix=f"a folder that `transformers` wrote, or one of {', '.join(known)}",
            )
        path = catalogue.sample_path(name.removeprefix("sample:"))
    return from_ctranslate2.folder(path) if from_ctranslate2.is_one(path) else path


def place_of(name: str) -> Path | None:
    """Where the folder of this name lies; None for a model that is named by its content. Raises as `place`."""
    return None if name.startswith(layout.BY_CONTENT) else place(name)


def note(sha256: str, path: Path) -> None:
    """Notes where a model of this content lies."""
    files.write(cache.folder(FOLDER) / f"{sha256}.json", files.to_json({"path": str(path)}))


def noted(name: str) -> Path:
    """The folder in which the model of a content, `sha256:...`, was seen last. UsageError where it is no more."""
    said = cache.folder(FOLDER) / f"{name.removeprefix(BY_CONTENT)}.json"
    try:
        path = Path(files.read_json(said)["path"])
    except (FileNotFoundError, ValueError, KeyError):
        raise lost(name) from None
    if not path.is_dir():
        raise lost(name)
    return path


def lost(name: str) -> UsageError:
    """What is said where the model that a recipe names by its content is not where it was."""
    return UsageError(
        f"the pretrained model that the recipe names by its content ({name:.24}...) is not where it was.",
        where="model",
        fix="say where it lies: --from NAME or --from FOLDER",
    )


def _of_bundle(path: Path) -> Path:
    """The folder of the model, where this is a bundle. Raises UsageError for a bundle of any other model."""
    if not (path / "manifest.json").exists():
        return path
    if not (path / layout.MODEL / layout.CONFIG).exists():
        raise UsageError(
            "this bundle holds no language model and no encoder that was tuned, so nothing is begun from it.",
            where=f"--from {path}",
            fix="learn one: luban fit TEXTS --task masked-lm",
        )
    return path / layout.MODEL


def _known(name: str) -> Origin:
    """The model of this content, where it was seen last."""
    origin = layout.opened(noted(name))
    if origin.content != name:
        raise lost(name)
    return origin
