"""Real bundles that many tests share: each is fitted once, even where several processes run the tests."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import luban

WORDS = ("pain in the chest", "no complaint at all", "some fever since monday", "a cough at night")


def patients(rows: int = 90) -> str:
    """A table with a column of every data type that a person meets: CSV text."""
    lines = ["age,town,smokes,seen,notes,stage"]
    for i in range(rows):
        stage = ("early", "late")[(i * 7 % 10) > 4]
        age = "" if i % 11 == 0 else str(40 + i * 13 % 30 + (8 if stage == "late" else 0))
        town = ("Ulm", "Bonn", "Kiel")[i % 3]
        words = f"{WORDS[i % 4]} {WORDS[(i * 3) % 4]} {'much' if stage == 'late' else 'little'} {i % 5}"
        lines.append(
            f"{age},{town},{'yes' if i * 5 % 7 > 3 else 'no'},2024-{1 + i % 12:02}-{1 + i % 28:02},{words},{stage}"
        )
    return "\n".join(lines) + "\n"


ASKED: dict[str, dict[str, Any]] = {
    "iris": {"data": "sample:iris", "target": "species", "model": "linear,svm,gradient-boosting"},
    "cancer": {"data": "sample:breast-cancer", "target": "diagnosis", "model": "linear"},
    "diabetes": {"data": "sample:diabetes", "target": "progression", "model": "linear"},
    "wide": {
        "data": "sample:iris",
        "target": "species",
        "model": "mlp",
        "set": {"model.mlp.units": [128, 128], "train.epochs": 2, "train.repeats": 1, "split.folds": 2},
        "repair": "off",
    },
    "patients": {"data": "patients.csv", "target": "stage", "model": "gradient-boosting"},
}


@dataclass(frozen=True)
class Fitted:
    """The folder of the shared bundles. Nobody changes them: a test that changes one makes a copy."""

    folder: Path

    @property
    def patients(self) -> Path:
        """A table of every data type."""
        path = self.folder / "patients.csv"
        if not path.exists():
            path.write_text(patients())
        return path

    def bundle(self, name: str) -> Path:
        """The path of a bundle in `ASKED`; fitted where nobody has done so yet."""
        path = self.folder / f"{name}.luban"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                asked = dict(ASKED[name])
                data = asked.pop("data")
                luban.fit(self.patients if data == "patients.csv" else data, out=path, threads=1, **asked)
        return path
