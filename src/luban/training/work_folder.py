"""The folder of a run: encoded rows, and the units of work that are finished. It makes a run continue after any kill.

    <out>.run/
      key.json           what was asked, of which data: only the same question continues here
      lock               held while a run is at work
      encoded/           the rows as numbers, memory-mapped
      units/             one finished unit a file: the outputs for held-out rows, or the fitted form
      networks/          what trainings of networks leave (`networks_folder`)
      vectors/           what frozen bodies made of the rows
      history.jsonl      one line a finished unit

A unit is written whole or not at all, and depends only on its name, so whoever finishes it writes the same bytes.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np

from luban import states
from luban.batch import Array, Batch, PerRow, Ragged, Tensors
from luban.core import files, registry
from luban.core.errors import UsageError
from luban.data import encoded
from luban.evidence.fits import Remarks
from luban.protocols import Form, Work
from luban.recipe.recipe import Train
from luban.training.networks_folder import NetworksFolder
from luban.training.unit import OPEN, Repairing, Training, Unit

TENSORS = "tensors"
"""The folder within that of the encoded rows that holds them as tensors."""
VECTORS = "vectors"
"""The folder for what frozen bodies made of the rows."""
TRACKED = "tracked.json"
"""The file that says how far a tracker was told."""


@final
class WorkFolder:
    """Reads and writes the folder of a run. Final. networks: what trainings of networks leave there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.units = path / "units"
        self.networks = NetworksFolder(path / "networks")

    def claim(self, key: Mapping[str, Any], *, force: bool = False) -> bool:
        """Makes the folder this question's own. True when an earlier run left work here that continues.

        Raises UsageError when the folder holds an unfinished run of another question.
        """
        with files.storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        found = self._key()
        if found is not None and found != dict(key) and not force:
            differs = ", ".join(sorted(name for name in key if found.get(name) != key[name])) or "its question"
            raise UsageError(
                f"an unfinished run with another {differs} lies here.",
                where=str(self.path),
                fix="choose another --out, or start over with --force",
            )
        continues = found == dict(key) and not force
        if not continues:
            self._clear()
            files.write_json(self.path / "key.json", dict(key))
        with files.storage_errors(self.path):
            self.units.mkdir(exist_ok=True)
        return continues

    def _key(self) -> dict[str, Any] | None:
        try:
            return dict(files.read_json(self.path / "key.json"))
        except (FileNotFoundError, ValueError):
            return None

    def _clear(self) -> None:
        for name in ("units", "encoded", "networks", VECTORS):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("key.json", "history.jsonl", TRACKED):
            (self.path / name).unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def leave(self) -> None:
        """Removes the folder where nothing is finished: then nothing continues, and it would be in the way."""
        if not any(file for name in ("units", "networks") for file in (self.path / name).rglob("*")):
            self.remove()

    # What is trained on

    def write_training(
        self,
        name: str,
        target: PerRow | None,
        weight: Array | None,
        folds: Array,
        work: Work,
        train: Train = OPEN,
        tensor_work: Work | None = None,
        reach: Array | None = None,
        repair: Repairing = "off",
    ) -> None:
        """Writes all that belongs to the encoded rows of `encoded/<name>`; workers read it."""
        folder = self.path / "encoded" / name
        self._write_array(folder / "folds.npy", folds)
        for part, values in (("target", target), ("weight", weight), ("reach", reach)):
            if values is not None:
                self._write_array(folder / f"{part}.npy", values)
        works = {"matrix": work.to_json(), "tensors": None if tensor_work is None else tensor_work.to_json()}
        files.write_json(folder / "work.json", {**works, "train": train.model_dump(mode="json"), "repair": repair})

    def has_training(self, name: str) -> bool:
        """Whether `write_training` was finished; the description is its last file."""
        return (self.encoded(name) / "work.json").exists()

    def training(self, name: str, seed: int) -> Training:
        """The training rows, memory-mapped."""
        folder = self.path / "encoded" / name
        described = files.read_json(folder / "work.json")
        batch = Batch(encoded.open_inputs(folder), _array(folder / "target.npy"), _array(folder / "weight.npy"))
        tensors = None
        if described["tensors"] is not None:
            inputs = encoded.open_inputs(folder / TENSORS)
            assert isinstance(inputs, Tensors), "tensors lie where they were written"
            tensors = (inputs, Work.from_json(described["tensors"]))
        return Training(
            batch=batch,
            folds=np.load(folder / "folds.npy"),
            work=Work.from_json(described["matrix"]),
            seed=seed,
            train=Train.model_validate(described["train"]),
            tensors=tensors,
            reach=_array(folder / "reach.npy"),
            repair=described["repair"],
        )

    def encoded(self, name: str) -> Path:
        return self.path / "encoded" / name

    # Units

    def actual(self, unit: Unit) -> Unit:
        """The unit that is fitted in the place of this one: of the repaired candidate, where there is one."""
        return replace(unit, candidate=self.networks.actual(unit.candidate))

    def finished(self, unit: Unit) -> bool:
        unit = self.actual(unit)
        return any((self.units / f"{unit.name}{end}").exists() for end in (".npy", ".form", ".failed.json"))

    def failure(self, unit: Unit) -> str | None:
        """Why the unit failed, or None."""
        path = self.units / f"{self.actual(unit).name}.failed.json"
        return str(files.read_json(path)["reason"]) if path.exists() else None

    def fail(self, unit: Unit, reason: str) -> None:
        """Writes down why this very unit failed: see `write_outputs`."""
        files.write_json(self.units / f"{unit.name}.failed.json", {"reason": reason})

    def outputs(self, unit: Unit) -> PerRow:
        """(held-out rows, outputs) float64, or a sequence for each of them."""
        found = _array(self.units / f"{self.actual(unit).name}.npy", mmap=False)
        assert found is not None, "a unit whose outputs are asked for has some"
        return found

    def write_outputs(self, unit: Unit, outputs: PerRow) -> None:
        """Writes the outputs of this very unit: what is fitted in its place may be another one by now."""
        self._write_array(self.units / f"{unit.name}.npy", outputs)

    def form(self, unit: Unit) -> Form:
        kind, state = states.mapped(self.units / f"{self.actual(unit).name}{_form_ending(unit)}")
        return registry.find("forms", kind).rebuild(state)

    def write_form(self, unit: Unit, form: Form) -> None:
        """Writes the form. That of a unit with outputs as well is written before these, which finish the unit."""
        states.write(self.units / f"{unit.name}{_form_ending(unit)}", form.kind, form.state())

    def write_remarks(self, unit: Unit, remarks: Remarks) -> None:
        """Writes what the fit of a unit told of itself, before its result, which finishes the unit."""
        files.write_json(self.units / f"{unit.name}.remarks.json", remarks.to_json())

    def remarks(self, unit: Unit) -> Remarks:
        """What the fit of a unit told of itself; nothing where it told nothing."""
        path = self.units / f"{unit.name}.remarks.json"
        return Remarks.from_json(files.read_json(path)) if path.exists() else Remarks()

    # History

    def tell(self, line: Mapping[str, Any]) -> None:
        """Appends a line to the history."""
        with (self.path / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, sort_keys=True) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """The lines of the history; a line that a kill cut short is left out."""
        path = self.path / "history.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _write_array(self, path: Path, values: PerRow) -> None:
        if isinstance(values, Ragged):
            # The values are written last: whoever finds them finds where rows begin.
            self._write_array(_offsets(path), values.offsets)
            values = values.values
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        files.write(path, buffer.getvalue())


def _form_ending(unit: Unit) -> str:
    # A unit is finished by its outputs, or by its form where it has none.
    return ".form" if unit.part < 0 else ".model"


def _offsets(path: Path) -> Path:
    """Where the rows of ragged values begin is in a file beside them."""
    return path.with_name(f"{path.stem}-offsets.npy")


def _array(path: Path, *, mmap: bool = True) -> Any:
    """What `_write_array` wrote, memory-mapped where that is asked; None where it wrote nothing."""
    if not path.exists():
        return None
    values = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    begins = _offsets(path)
    return Ragged(values, np.load(begins, allow_pickle=False)) if begins.exists() else values
