"""The bundle as people use it in Python: opened, asked, evaluated. What lies on disk is in `luban.bundle`."""

from __future__ import annotations

import copy
import functools
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from luban.bundle import folder, store
from luban.bundle.bundle import Stored
from luban.core.errors import BundleError
from luban.evidence.finding import Finding
from luban.evidence.measurement import Measurement
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

if TYPE_CHECKING:
    from torch import nn

    from luban.evidence.overview import Overview
    from luban.forms.network import Network
    from luban.runtime.outline import Outline
    from luban.runtime.quantizing import Precision
    from luban.verbs.answering import Answerer
    from luban.verbs.explaining import Explained

SHOWN = ("task", "target", "classes", "positive", "split", "candidates", "chosen", "calibration", "threshold")
"""Parts of the evaluation that `luban fit --json` prints beside the figures."""


@final
@dataclass(frozen=True, eq=False)
class Bundle:
    """A model that carries its evidence. Final; nothing changes one in place.

    stored: what it holds. path: where it lies, or None while it is only in memory.
    seconds, resumed: of the `fit` that made it: its wall time, and whether earlier work was continued or reused.
    """

    stored: Stored = field(repr=False)
    path: Path | None
    content_sha256: str | None = None
    seconds: float | None = field(default=None, repr=False)
    resumed: bool = field(default=False, repr=False)

    @property
    def recipe(self) -> Recipe:
        return self.stored.recipe

    @property
    def schema(self) -> Schema:
        return self.stored.schema

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; empty for values."""
        return tuple(self.stored.facts["classes"])

    @property
    def measurements(self) -> list[Measurement]:
        """What was measured when the bundle was made."""
        return [Measurement.from_json(m) for m in self.stored.evidence["evaluation"]["measurements"]]

    @property
    def findings(self) -> list[Finding]:
        """What was found in the data and the training, the primary one first."""
        return [Finding.from_json(f) for f in self.stored.evidence.get("findings", {}).get("findings", [])]

    @functools.cached_property
    def network(self) -> nn.Module:
        """The network that was trained, as a torch module that is ready to answer; it standardises rows by itself.

        Raises UsageError for a bundle whose model is no network, or several.
        """
        # Whoever trains it on leaves the bundle as it is.
        module: nn.Module = copy.deepcopy(self._network().module)
        return module

    def outline(self) -> Outline:
        """The layers of the network, their parameters, and the shape of what each gives; `print` shows them as a table.

        Raises UsageError for a bundle whose model is no network, or several.
        """
        from luban.runtime.outline import outline, rows_for

        return outline(self.network, rows_for(self._network().work))

    def _network(self) -> Network:
        from luban.core.errors import UsageError
        from luban.forms.network import Network

        kind, state = self.stored.form_kind, self.stored.form
        while kind != Network.kind and len(state.parts) == 1:
            # What corrects or rescales the answers of a network lies around it.
            kind, state = state.parts[0]
        if kind != Network.kind:
            label = self.stored.evidence["evaluation"]["chosen"]["label"]
            raise UsageError(f"the model of this bundle, {label}, is not one network.", fix="fit with --model cnn, say")
        return Network.rebuild(state)

    @functools.cached_property
    def answerer(self) -> Answerer:
        """What answers rows; made at the first question."""
        return self.answering()

    def answering(self, threads: int = 1, precision: Precision = "float32") -> Answerer:
        """What answers rows on this many threads, in float32 or in int8.

        Raises UsageError where nothing of the model can be int8, and BundleError, naming the bundle, for a model that
        cannot answer."""
        from luban.verbs.answering import Answerer

        try:
            return Answerer.of(self.stored, threads=threads, precision=precision)
        except BundleError as error:
            where = " ".join(str(part) for part in (self.path, error.where) if part is not None)
            raise BundleError(error.message, where=where or None, fix=error.fix or folder.AGAIN) from None

    def predict(self, x: Any) -> Any:
        """The predictions for the rows of `x`: a series or array of the library that `x` came from.

        x: a polars, pandas or pyarrow table (or anything with an Arrow C stream), a dictionary of columns, a list
            of dictionaries, or a 2-d array in the order of the input columns.

        Of several targets it is a table with a column for each; a dictionary of lists where `x` is no table.
        Of a forecast `x` holds the past, and the predictions are the next steps of each series, one after the other.
        """
        from luban.verbs import documents, tables

        rows = documents.rows(tables.to_polars(x, self.schema), self.recipe)
        if self.answerer.windows is not None:
            from luban.verbs import forecasts

            return tables.like(x, "prediction", forecasts.ahead(self.answerer, rows)["prediction"].to_list())
        answers = self.answerer.answers(rows)
        if answers.parts:
            return tables.columns_like(x, self.answerer.of_targets(answers))
        return tables.like(x, "prediction", self.answerer.named(answers.prediction))

    def predict_proba(self, x: Any) -> Any:
        """(rows, classes) probabilities, in the order of `classes`: a table of the library of `x`, or an array.

        Of tags a list with (words, classes) for each row.

        Raises UsageError for a bundle that answers with values.
        """
        import numpy as np

        from luban.batch import Ragged
        from luban.core.errors import UsageError
        from luban.verbs import tables

        answers = self.answerer.answers(tables.to_polars(x, self.schema))
        if answers.probabilities is None:
            what = "has several targets" if answers.parts else "answers with values, which have no probabilities"
            raise UsageError(f"this bundle {what}.", fix="bundle.predict(x)")
        if isinstance(answers.probabilities, Ragged):
            return np.split(answers.probabilities.values, answers.probabilities.offsets[1:-1])
        return tables.table_like(x, self.classes, answers.probabilities)

    def evaluate(self, data: Any) -> list[Measurement]:
        """The metrics of the task on other rows, each with its 95% interval."""
        from luban.verbs.evaluate import evaluate

        return list(evaluate(self, data).measurements)

    def explain(self, rows: Any, method: str = "auto", output: str | None = None, **more: Any) -> Explained:
        """Why each of some rows is answered as it is: `luban.verbs.explain.explain`, which tells what else can be said.

        rows: a table, dictionary or array as `predict` takes it; all of them are explained.
        """
        from luban.verbs import tables
        from luban.verbs.explain import explain

        frame = tables.to_polars(rows, self.schema)
        return explain(self, frame, rows=range(len(frame)), method=method, output=output, **more)

    def explain_overall(self, data: Any, **asked: Any) -> Overview:
        """What the model looks at over many rows: `luban.verbs.overall.explain_overall` tells what can be asked."""
        from luban.verbs.overall import explain_overall

        return explain_overall(self, data, **asked)

    def to_json(self) -> dict[str, Any]:
        """What `luban fit --json` prints."""
        evidence = self.stored.evidence
        document: dict[str, Any] = {
            "measurements": evidence["evaluation"]["measurements"],
            "findings": evidence.get("findings", {}).get("findings", []),
            "not_run": evidence.get("findings", {}).get("not_run", []),
            "repairs": evidence.get("repairs", {}).get("repairs", []),
            "resumed": self.resumed,
            **_plain(evidence["evaluation"], SHOWN),
        }
        if "candidates" in document:
            # Those that did not finish, and why, behind those that did.
            document["candidates"] = [*document["candidates"], *evidence.get("search", {}).get("candidates", [])]
        if "importance" in evidence:
            document["importance"] = evidence["importance"]["importance"]
        if evidence.get("footprint", {}).get("trainings"):
            document["trainings"] = evidence["footprint"]["trainings"]
        if self.path is not None:
            document["bundle"] = str(self.path)
        if self.content_sha256 is not None:
            document["content_sha256"] = self.content_sha256
        if self.seconds is not None:
            document["seconds"] = round(self.seconds, 3)
        return document

    def _repr_html_(self) -> str:
        """The bundle as a small card in a notebook."""
        evaluation = self.stored.evidence["evaluation"]
        rows = "".join(
            f"<tr><td>{html.escape(m.name)}</td><td>{m.value:.4g}</td><td>{m.low:.4g} to {m.high:.4g}</td></tr>"
            for m in self.measurements
        )
        title = html.escape(str(self.path.name if self.path else "a bundle in memory"))
        chosen = html.escape(str(evaluation.get("chosen", {}).get("label", "")))
        return (
            f"<div><b>{title}</b> &middot; {html.escape(str(evaluation['task']))} &middot; {chosen}"
            f"<table><tr><th>metric</th><th>value</th><th>95% interval</th></tr>{rows}</table></div>"
        )


def load(path: str | Path) -> Bundle:
    """The bundle in a folder, after every file was checked against its manifest.

    Raises UsageError when nothing lies there, and BundleError for what luban would not have written.
    """
    opened = store.read(path)
    return Bundle(opened.stored, opened.path, opened.manifest.content_sha256)


def opened(bundle: Bundle | str | Path) -> Bundle:
    """The bundle itself, or the one that lies at a path."""
    return bundle if isinstance(bundle, Bundle) else load(bundle)


def is_bundle(place: object) -> bool:
    """Whether a place looks like a bundle: a folder with a manifest."""
    return isinstance(place, Bundle) or (isinstance(place, str | Path) and (Path(place) / "manifest.json").is_file())


def _plain(document: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: document[key] for key in keys if key in document}
