"""What page and card are drawn from: a bundle's name, recipe, schema and evidence. Nothing is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

from luban.core.errors import BundleError
from luban.core.version import VERSION
from luban.evidence.finding import Finding
from luban.evidence.measurement import Measurement, Part
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    from luban.bundle.bundle import Stored

Document = Mapping[str, Any]


@final
@dataclass(frozen=True)
class View:
    """A bundle as it is shown. Final.

    name: what it is called; its folder is `NAME.luban`.
    evidence: JSON documents by name; a part that is missing is not shown.
    history: one finished unit of work a line. version: of luban. facts: of the stored bundle.
    """

    name: str
    recipe: Recipe
    schema: Schema
    evidence: Mapping[str, Any]
    history: Sequence[Document]
    version: str
    facts: Document

    @classmethod
    def of(cls, stored: Stored, name: str) -> Self:
        """The view of a stored bundle."""
        return cls(name, stored.recipe, stored.schema, stored.evidence, list(stored.history), VERSION, stored.facts)

    def document(self, name: str) -> Document:
        """A document of the evidence; empty where there is none."""
        return mapping(self.evidence.get(name))

    @property
    def evaluation(self) -> Document:
        return self.document("evaluation")

    @property
    def task(self) -> str:
        return str(self.facts.get("task", ""))

    @property
    def target(self) -> str | list[str] | None:
        """The column that is predicted, or the list of several."""
        targets = self.recipe.targets
        return list(targets) if len(targets) > 1 else next(iter(targets), None)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.facts.get("classes", ()))

    def measurements(self, *splits: Part) -> list[Measurement]:
        """The figures on these parts of the data, in their order. BundleError for what is no measurement."""
        try:
            found = [Measurement.from_json(dict(line)) for line in listed(self.evaluation, "measurements")]
        except (TypeError, KeyError, ValueError):
            raise BundleError("its evaluation holds a measurement that luban would not have written.") from None
        return [measurement for measurement in found if measurement.split in splits]

    @property
    def headline(self) -> Measurement | None:
        """The figure that is told first: the metric that was asked for, else the task's first. None without figures."""
        figures = self.measurements("test", "given") or self.measurements("validation")
        asked = [figure for figure in figures if figure.metric == self.recipe.train.metric]
        return next(iter(asked or figures), None)

    @property
    def findings(self) -> list[Finding]:
        """What was found, the primary one first. BundleError for what is no finding."""
        try:
            return [Finding.from_json(dict(line)) for line in listed(self.document("findings"), "findings")]
        except (TypeError, KeyError, ValueError):
            raise BundleError("its findings hold one that luban would not have written.") from None


def mapping(value: Any) -> Document:
    """The value where it is a mapping, else an empty one: evidence of strangers may hold anything.

    >>> mapping({"a": 1}), mapping([1])
    ({'a': 1}, {})
    """
    return value if isinstance(value, Mapping) else {}


def listed(document: Document, key: str) -> list[Document]:
    """The mappings in a list of a document; empty where there is none.

    >>> listed({"lines": [{"a": 1}, 2]}, "lines")
    [{'a': 1}]
    """
    value = document.get(key)
    return [line for line in value if isinstance(line, Mapping)] if isinstance(value, list) else []
