"""A translation memory: what was written for the training text that is most like the one that is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Answers, Batch, Ragged, joined
from luban.core import registry
from luban.models import _texts
from luban.protocols import Entry, Form, Metric, Work
from luban.recipe.recipe import Candidate, Section

MOST_ROWS = 100_000
"""Every answer looks at all of them."""
TRIED = 300
"""Training texts by which it is found how like one must be; each is looked for among the others."""
LEASTS = (0.0, 0.2, 0.4, 0.6, 0.8)


class Settings(Section):
    """What can be set about the nearest text."""

    least: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = Field("auto", union_mode="left_to_right")
    """How like the nearest text must be, from 0 to 1; else what is read is copied. `auto` tries some on the rows."""


@final
class NearestText:
    """The target of the nearest source, by the cosine of weighted pieces of 2 to 4 letters (Nagao, 1984, who called it
    translation by analogy). It learns no language, and is good where texts come in families.
    """

    name: ClassVar[str] = "nearest-text"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = frozenset({"sequence-to-sequence"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        # Before networks: it takes seconds, and is there whatever the time allows.
        return () if self.declines(work) else (Entry(0, Candidate(model=self.name)),)

    def declines(self, work: Work) -> str | None:
        if work.rows > MOST_ROWS:
            return f"each answer looks at all of its rows; {MOST_ROWS:,} is the most, here are {work.rows:,}."
        return _texts.no_letters(work)

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        assert isinstance(batch.target, Ragged), f"{work.task} has texts to write"
        sources = registry.find("forms", "copied")().outputs(batch.inputs)
        targets = joined([batch.target])
        least = 0.0 if settings.least == "auto" else settings.least
        form: Any = registry.find("forms", "remembered")(sources, targets, least)
        found: Form = form.with_least(_least(form)) if settings.least == "auto" else form
        return found


def _least(form: Any) -> float:
    """With which of `LEASTS` some of the stored texts are answered best by the others; of equal ones the first."""
    rows = len(form.sources)
    if rows < 2:
        return 0.0
    tried = np.linspace(0, rows - 1, min(rows, TRIED)).astype(np.int64)
    read, wanted = form.sources[tried], form.targets[tried]
    nearest = form.nearest(read, own=tried)
    chrf: Metric = registry.find("metrics", "chrf")
    scores = [chrf.score(wanted, Answers(form.with_least(least).said(read, *nearest))) for least in LEASTS]
    return LEASTS[int(np.argmax(scores))]


model = NearestText()
