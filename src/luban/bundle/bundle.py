"""What a bundle holds, in memory. How it lies on disk is in `store`; what can be done with it is in `luban.verbs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from luban.arrays import Content
from luban.core import registry
from luban.core.errors import BundleError
from luban.core.strict_json import shown
from luban.protocols import Form, State
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema


@dataclass(frozen=True)
class Stored:
    """All of a bundle. Every value is plain data: JSON values, arrays, text.

    recipe, schema: what was asked, and what the columns mean.
    preprocessor: what was learned about encoding rows.
    form_kind, form: the name and the state of the fitted estimator, a plugin of `forms`.
    facts: what answering needs besides: `task` and `classes` (always), threshold, conformal parameters, ...
    evidence: JSON documents by name; `evaluation` holds no time, path or machine's name.
    history: one finished unit of work a line.
    card, report: README.md and report.html.
    runtime: the ONNX graph that answers, where it was shown to agree with the form.
    layout: files of a language model by name, as the library `transformers` reads them in the folder `model/`.
    parent: the `content_sha256` of the bundle that this one was made from.
    """

    recipe: Recipe
    schema: Schema
    preprocessor: State
    form_kind: str
    form: State
    facts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]] = ()
    card: str = ""
    report: str = ""
    runtime: bytes | None = None
    layout: Mapping[str, Content] = field(default_factory=dict)
    parent: str | None = None


def rebuild_form(stored: Stored) -> Form:
    """The fitted estimator of a bundle.

    Only forms of this package are rebuilt: a bundle decides which data is read, never which code is imported.
    Raises BundleError for another kind, and for a state that the form would not have written.
    """
    if stored.form_kind not in registry.names("forms"):
        raise BundleError(
            f"the model is of the kind {shown(stored.form_kind)}, which this luban does not know.",
            fix="pip install -U luban",
        )
    form: type[Form] = registry.find("forms", stored.form_kind)
    return form.rebuild(stored.form)
