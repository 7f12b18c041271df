"""`luban fit`: from data to a bundle. Asking, resuming and writing are here; the making itself is in `making`."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from luban.bundle import store
from luban.bundle.bundle import Stored
from luban.core import files, fingerprint
from luban.core.console import SILENT, Console
from luban.core.errors import Interrupted, UsageError
from luban.core.version import VERSION
from luban.data import chats
from luban.data.dataset import Dataset
from luban.features import _given as given_tokenizer
from luban.recipe.recipe import Recipe
from luban.training.limits import Limits, limits
from luban.training.work_folder import WorkFolder
from luban.verbs import asking, continuing, documents, forgetting, gates, licensing, tracking
from luban.verbs.bundle import Bundle, load
from luban.verbs.making import make
from luban.verbs.stacking import Given

Ask = Callable[[str], bool]
"""`ask(question)`: whether an edit may be applied; used with `repair="ask"`."""


def fit(
    data: Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str | None = None,
    model: str | Sequence[str] = "auto",
    from_: str | None = None,
    recipe: Recipe | str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    time: str | float | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    test: Any = None,
    validation: Any = None,
    remember: Any = None,
    metric: str | None = None,
    repair: str | None = None,
    column: Mapping[str, str] | None = None,
    group: str | None = None,
    order: str | None = None,
    weight: str | None = None,
    positive: str | None = None,
    folds: int | None = None,
    memory: str | int | None = None,
    threads: int | None = None,
    workers: int = 1,
    track: str | None = None,
    require: Sequence[str] = (),
    force: bool = False,
    online: bool = False,
    ask: Ask | None = None,
    started: float | None = None,
    console: Console = SILENT,
) -> Bundle:
    """The bundle of a model trained on `data`, with its honest score, what was found, and what was repaired.

    data: a path, `sample:NAME`, `-` for stdin, or a polars, pandas or pyarrow table.
    target: the column to predict, or several that one model predicts; without one, the names of class folders are
        learned, and rows of other data are clustered.
    model: one name, several, or `auto`, a portfolio whose best models are weighed.
    from_: a pretrained model to begin from, `--from` on the command line: a folder as `transformers` writes it, or a
        sample such as `minilm`, a model of the hub such as `org/name`, or a bundle. The other models compete with it.
    online: whether the hub may be asked for it.
    time: wall time for everything, such as "60s"; there is a usable bundle at the end of it.
    started: when that time began, on the clock of `time.monotonic`; now by default.
    workers: how many processes train each network together, on this machine.
    track: the tracker that shows the run as it goes: `tensorboard`, or `mlflow=URI`.
    remember: raw text that a pretrained language model should not forget: its loss on it is told, before and after.
    out: where the bundle goes; `<name of the data>.luban` in the working folder by default.

    The same call again continues an interrupted run, and answers at once when it is done (`resumed`).

    Raises UsageError, DataError, TrainingError, ResourceError; GateError when `require` is not met (the bundle is
    written all the same); Interrupted when the user stops it.
    """
    started = clock.monotonic() if started is None else started
    gates.parse(require)
    allowed = limits(time, memory, threads, workers, started=started)
    asked = asking.recipe_of(
        recipe, set,
        model=model, origin=from_, online=online, column=column, target=target, task=task, seed=seed, metric=metric,
        repair=repair, group=group, order=order, weight=weight, positive=positive, folds=folds,
    )  # fmt: skip
    question = _asked(data, asked, allowed, console, test=test, validation=validation, remember=remember)
    place = _place(out, question.dataset.name)
    folder = WorkFolder(place.with_name(f"{place.name}.run"))
    done = None if force else _finished(place, question.key)
    if done is not None:
        folder.remove()
        files.remove_abandoned(place)
    else:
        with _claimed(folder, question.key, force=force) as continues:
            with tracking.following(folder, track, place, console) as followed:
                stored = _made(question, folder, allowed, ask, console)
                if followed is not None:
                    followed.measured(stored.evidence["evaluation"]["measurements"])
            manifest = store.write(stored, place, replace=force)
            folder.remove()
        seconds = clock.monotonic() - started
        done = Bundle(stored, place, manifest.content_sha256, seconds=seconds, resumed=continues)
    gates.check(require, done.measurements, done.findings, done.to_json())
    return done


@dataclass(frozen=True)
class _Question:
    """What a run answers. begun: the pretrained model that the recipe names, as the evidence states it."""

    dataset: Dataset
    given: Given
    recipe: Recipe
    begun: Mapping[str, Any]

    @cached_property
    def key(self) -> dict[str, str]:
        """It by fingerprints: a run continues, and a bundle stands, where these are the same."""
        key = {
            "recipe": fingerprint.of_json(given_tokenizer.by_content(self.recipe).model_dump(mode="json")),
            "data": fingerprint.of_json([self.dataset.fingerprint, *self.given.fingerprints]),
            "version": VERSION,
        }
        if self.given.remember is not None:
            key["remember"] = fingerprint.of_json(self.given.remember.fingerprint)
        return key


def _asked(
    data: Any, asked: Recipe, allowed: Limits, console: Console, *, test: Any, validation: Any, remember: Any
) -> _Question:
    """The question, with all data opened; the licence of a pretrained model is told before."""
    begun = licensing.begun_from(asked)
    if begun:
        licensing.tell(begun["licence"], console)
    dataset = documents.opened(data, asked, console=console)
    asked = documents.labelled(dataset, asked)
    allowed.check(dataset.rows)
    given = Given(
        test=_alike(test, dataset, asked, console),
        validation=_alike(validation, dataset, asked, console),
        remember=_remembered(remember, asked, console),
    )
    return _Question(dataset, given, asked, begun)


def _made(question: _Question, folder: WorkFolder, allowed: Limits, ask: Ask | None, console: Console) -> Stored:
    """The bundle that answers it, in memory."""
    return make(
        question.dataset, question.given, question.recipe, folder, allowed,
        ask=ask, console=console, key=question.key, begun=question.begun,
    )  # fmt: skip


@contextmanager
def _claimed(folder: WorkFolder, key: Mapping[str, str], *, force: bool) -> Iterator[bool]:
    """Holds the folder of a run, and gives whether the run continues an earlier one.

    What is finished stays in the folder when the user stops the block; a folder with nothing in it goes.
    """
    with files.lock(folder.path / "lock"):
        try:
            yield folder.claim(key, force=force)
        except KeyboardInterrupt:
            raise Interrupted(
                "stopped; what is finished is kept.", where=str(folder.path), fix="type the same command to continue"
            ) from None
        except Exception:
            folder.leave()
            raise


def _alike(data: Any, dataset: Dataset, asked: Recipe, console: Console) -> Dataset | None:
    """Test or validation rows that were given, read as the training rows are; None where none were."""
    return None if data is None else documents.opened(data, asked, like=dataset.schema, console=console)


def _remembered(data: Any, asked: Recipe, console: Console) -> Dataset | None:
    """The raw texts that a language model should not forget. UsageError where none is begun from."""
    if data is None:
        return None
    if not continuing.begun(asked) and not chats.asks(asked.task):
        raise UsageError(
            "only a language model that is begun from is asked what it remembers.",
            where="--remember",
            fix="--task chat --from smollm2, or --task causal-lm --from smollm2, or leave it out",
        )
    return documents.opened(data, Recipe(task=forgetting.TASK), console=console)


def _place(out: str | Path | None, name: str) -> Path:
    """Where the bundle goes."""
    place = Path(out) if out is not None else Path(f"{name}.luban")
    if not place.name:
        raise UsageError("a bundle needs a name of its own.", where=f"--out {out}", fix=f"--out {name}.luban")
    return place


def _finished(place: Path, key: Mapping[str, str]) -> Bundle | None:
    """The bundle of this very question, if it is there. UsageError when the place holds something else."""
    if not place.exists():
        return None
    if not (place / "manifest.json").exists():
        raise UsageError("something that is not a bundle lies here.", where=str(place), fix="choose another --out")
    found = load(place)
    if found.stored.evidence.get("run", {}).get("key") != dict(key):
        raise UsageError(
            "a bundle of another recipe or of other data lies here.",
            where=str(place),
            fix="choose another --out, or replace it with --force",
        )
    return Bundle(found.stored, place, found.content_sha256, seconds=0.0, resumed=True)
