"""What the layouts of folders share: the names under which data sets keep their own split."""

from __future__ import annotations

SPLIT = "split"
"""The column that says where a row belongs."""
PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
"""What such a part is called on disk, in lower case, and what it is called here."""
ORDER = ("train", "validation", "test")


def part(name: str) -> str | None:
    """The part that a name stands for.

    >>> part("Val"), part("dogs")
    ('validation', None)
    """
    return PARTS.get(name.lower())
