"""Similarity of pairs of texts: how alike the two texts of a row are, as a number of which larger means more alike.

The number is on any scale; 1 and 0, or true and false, say which pairs belong together and which do not. What answers
reads each text by itself, so that its vector can be kept and searched, and compares the two vectors (Reimers and
Gurevych, 2019).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, final

from luban.core.errors import UsageError
from luban.tasks import _values

if TYPE_CHECKING:
    from luban.schema.schema import Schema

MOST_LISTED = 8
"""Columns that an error lists."""


@final
class Similarity(_values.OfValues):
    """One number a pair. Models are compared by the order into which they put pairs."""

    name: ClassVar[str] = "similarity"
    metrics: ClassVar[tuple[str, ...]] = ("spearman", "pearson", "rmse")
    compared_by: ClassVar[str] = "spearman"
    baseline: ClassVar[str] = "shared-words"

    def pair(self, schema: Schema) -> Schema:
        """The columns with the two of texts as the only inputs. Raises UsageError unless there are exactly two.

        Of few rows, or short ones, texts may look like names of categories, or like names of rows.
        """
        able = [column for column in schema.columns if column.dtype == "String" and column.role in ("input", "id")]
        inputs = [column for column in able if column.role == "input"]
        texts = [column for column in able if column.kind == "text"]
        two = next((some for some in (texts, inputs, able) if len(some) == 2), able)
        if len(two) != 2:
            told = ", ".join(f"'{column.name}' ({column.kind})" for column in schema.columns[:MOST_LISTED])
            named = ", ".join(column.name for column in able[2:]) or "COLUMN"
            raise UsageError(
                f"{self.name} compares two columns of texts, and there are {len(two)}. The columns are: {told}.",
                where=f"--task {self.name}",
                fix=f"leave out what is no text of the pair: --set drop={named}",
            )
        names = {column.name for column in two}
        return schema.changed(
            replace(column, kind="text", role="input", reason="it is one text of the pair")
            if column.name in names
            else replace(column, role="ignored", reason="pairs are compared by their texts alone")
            for column in schema.columns
            if column.name in names or column.role == "input"
        )


task = Similarity()
