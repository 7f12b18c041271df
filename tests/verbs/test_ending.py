"""The time that is kept for what follows the search."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import luban
from luban.core.deadline import Deadline
from luban.recipe.recipe import Candidate, Recipe
from luban.training.limits import limits
from luban.training.unit import WHOLE, Unit
from luban.training.work_folder import WorkFolder
from luban.training.worker import fit_unit
from luban.verbs import documents, encoding, ending, standing
from luban.verbs.making import _search_until
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given


@pytest.mark.parametrize(("slowness", "kept"), [(1.0, 15.0), (1.5, 15.0), (3.0, 30.0), (50.0, 40.0)])
def test_more_time_is_kept_for_the_end_where_the_machine_is_busy(slowness: float, kept: float) -> None:
    allowed = replace(limits(time="100s", memory="1G", threads=1), deadline=Deadline(1000.0))
    assert _search_until(allowed, slowness).at == pytest.approx(1000.0 - kept)


def test_without_a_time_nothing_is_kept() -> None:
    assert _search_until(limits(memory="1G", threads=1), 9.0) == Deadline.NEVER


def test_the_ending_is_what_was_measured_with_some_to_spare_and_never_most_of_the_time() -> None:
    found = ending.foretold(ending.of_some(200, 40_000, [100, 300], 0.1), 4.0, 500_000_000, 1e8)
    assert [step.seconds for step in found.steps] == pytest.approx([10.0, 4.0, 15.0, ending.DRAWN])
    assert found.seconds == pytest.approx(ending.SURE * (29.0 + ending.DRAWN))
    assert found.within(90.0) == found.seconds and found.within(20.0) == ending.MOST * 20.0
    assert "as 400 of 40,000 tokens took 0.1 s" in found.told(90.0) and "476.8 MB" in found.told(90.0)
    told = found.to_json(31.4159)
    assert told["became"] == 31.42 and told["seconds"] == round(found.seconds, 2) and len(told["steps"]) == 4


def test_a_small_model_keeps_the_least() -> None:
    assert ending.foretold(ending.of_all(3, 0.0), 0.0, 1_000, 1e9).seconds == ending.LEAST


def test_how_fast_weights_are_written_is_by_the_clock_and_leaves_nothing(tmp_path: Path) -> None:
    clock = iter([100.0, 102.0])
    assert ending.pace_of_writing(tmp_path, lambda: next(clock), 1 << 20) == (1 << 20) / 2.0
    assert not list(tmp_path.iterdir())


def ground(tmp_path: Path, ticks: float, **others: Any) -> standing.Ground:
    """Held-out texts of a small corpus, by a clock that goes on by so much each time it is asked."""
    frame = pl.DataFrame({"text": [f"the cat of number {n} sat on the mat in the house" for n in range(40)]})
    asked = Recipe(task="causal-lm", features={"vocabulary": 300})  # type: ignore[arg-type]
    prepared = prepare(documents.opened(frame, asked), Given(), asked)
    folder = WorkFolder(tmp_path / "run")
    folder.claim({})
    training = encoding.encode(prepared, folder, "main")
    simple = Candidate(model="kneser-ney")
    fit_unit(folder, training, Unit(simple, WHOLE), threads=1)
    beats = itertools.count(0.0, ticks)
    return standing.Ground(prepared, training, folder, simple, None, None, clock=lambda: next(beats))


def test_all_texts_take_as_long_as_some_of_them_did(tmp_path: Path) -> None:
    small = {"width": 16, "layers": 1, "heads": 2, "context": 16}
    found = {}
    for ticks in (1.0, 4.0):
        here = ground(tmp_path / str(ticks), ticks)
        stood = here.stood(Deadline.NEVER, 90.0)
        assert stood.weights == 0 and stood.kept is None and stood.seconds == ticks
        found[ticks] = here.foretold(Candidate(model="gpt", settings=small), stood)
    answering, writing, drawn = found[4.0].steps
    assert answering.what == f"to answer {len(here.training.test)} held-out texts"
    # Some of the texts take a beat of the clock, and all of them as many times as long as they are.
    assert len(here.training.test) > standing.SOME and answering.seconds > 4.0
    assert answering.seconds == pytest.approx(4 * found[1.0].steps[0].seconds) and drawn.seconds == ending.DRAWN
    assert writing.seconds == pytest.approx(4 * found[1.0].steps[1].seconds) and writing.seconds > 0


def test_the_estimate_and_what_became_of_it_are_evidence_where_time_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = pl.DataFrame({"text": [f"the cat of number {n} sat on the mat in the house" for n in range(40)]})
    few: dict[str, Any] = {"features.vocabulary": 300, "train.epochs": 1, "model.gpt.context": 16}
    small = few | {"model.gpt.width": 16, "model.gpt.layers": 1, "model.gpt.heads": 2}
    limited = luban.fit(texts, task="causal-lm", set=small, out="limited.luban", time="300s", threads=1)
    told = limited.stored.evidence["ending"]
    assert told["became"] > 0 and told["seconds"] >= ending.LEAST and len(told["steps"]) == 3
    free = luban.fit(texts, task="causal-lm", set=small, out="free.luban", threads=1)
    assert "ending" not in free.stored.evidence
    assert [each.value for each in free.measurements] == [each.value for each in limited.measurements]
