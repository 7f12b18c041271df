"""The work folder: one question each, units written whole, and which rows a unit sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from luban.batch import Batch, Ragged
from luban.core.errors import UsageError
from luban.forms.constant import Constant
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training import search
from luban.training.unit import EVERYTHING, HELD_BACK, WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder

LINEAR, KNN = Candidate(model="linear"), Candidate(model="linear", settings={"C": 0.1})
KEY = {"recipe": "r", "data": "d", "version": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> WorkFolder:
    made = WorkFolder(tmp_path / "x.run")
    assert made.claim(KEY) is False
    return made


def training(*folds: int) -> Training:
    rows = len(folds)
    batch = Batch(np.zeros((rows, 1), np.float32), np.zeros(rows, np.int64), None)
    return Training(batch, np.array([folds]), Work("binary", outputs=2, rows=rows, width=1), 0)


def seen(given: Training, part: int) -> tuple[list[int], list[int]]:
    fitted, answered = given.rows(Unit(LINEAR, part))
    return np.flatnonzero(fitted).tolist(), np.flatnonzero(answered).tolist()


def test_a_fold_is_answered_by_what_did_not_see_it() -> None:
    given = training(0, 1, 0, 1, HELD_BACK)
    assert seen(given, 0) == ([1, 3], [0, 2])
    assert seen(given, 1) == ([0, 2], [1, 3])
    assert seen(given, WHOLE) == ([0, 1, 2, 3], [])
    assert seen(given, EVERYTHING) == ([0, 1, 2, 3, 4], []), "test rows train only where that is asked for"


def test_folds_of_time_never_see_what_comes_later() -> None:
    given = training(-1, -1, 0, 0, 1, 1, HELD_BACK)
    assert seen(given, 0) == ([0, 1], [2, 3])
    assert seen(given, 1) == ([0, 1, 2, 3], [4, 5])
    assert given.held_out(0).tolist() == [2, 3, 4, 5]
    assert given.test.tolist() == [6]


def test_every_fit_has_a_name_of_its_own() -> None:
    units = [Unit(c, p, r) for c in (LINEAR, KNN) for p in (0, 1, WHOLE, EVERYTHING) for r in (0, 1)]
    assert len({unit.name for unit in units}) == len(units)
    assert [Unit.from_json(unit.to_json()) for unit in units] == units


def test_the_same_question_continues_and_another_is_refused(folder: WorkFolder) -> None:
    folder.fail(Unit(LINEAR, 0), "it was not to be")
    assert WorkFolder(folder.path).claim(KEY) is True
    with pytest.raises(UsageError, match="another recipe") as raised:
        WorkFolder(folder.path).claim({**KEY, "recipe": "other"})
    assert "--force" in str(raised.value.fix)
    assert WorkFolder(folder.path).claim({**KEY, "recipe": "other"}, force=True) is False
    assert not folder.finished(Unit(LINEAR, 0)), "nothing of the old question is left"


def test_a_key_that_was_cut_short_starts_over(folder: WorkFolder) -> None:
    (folder.path / "key.json").write_text('{"recipe": "r", ')
    assert WorkFolder(folder.path).claim(KEY) is False


def test_units_come_back_as_they_were(folder: WorkFolder) -> None:
    unit, whole = Unit(LINEAR, 0), Unit(LINEAR, WHOLE)
    assert not folder.finished(unit)
    outputs = np.array([[0.25, 0.75]])
    folder.write_outputs(unit, outputs)
    folder.write_form(whole, Constant(np.array([0.4, 0.6]), width=3))
    assert folder.finished(unit) and folder.finished(whole)
    assert folder.failure(unit) is None
    assert np.array_equal(folder.outputs(unit), outputs)
    assert folder.form(whole).outputs(np.zeros((1, 3), np.float32)).tolist() == [[0.4, 0.6]]


def test_a_unit_that_failed_is_finished_and_says_why(folder: WorkFolder) -> None:
    folder.fail(Unit(LINEAR, 0), "the matrix is singular")
    assert folder.finished(Unit(LINEAR, 0))
    assert folder.failure(Unit(LINEAR, 0)) == "the matrix is singular"


def test_a_line_of_history_that_was_cut_short_is_left_out(folder: WorkFolder) -> None:
    folder.tell({"unit": "a"})
    with (folder.path / "history.jsonl").open("a") as file:
        file.write('{"unit": "b", "cpu')
    assert folder.history() == [{"unit": "a"}]


def test_a_folder_is_left_only_where_nothing_is_finished(folder: WorkFolder) -> None:
    folder.write_outputs(Unit(LINEAR, 0), np.zeros((1, 2)))
    folder.leave()
    assert folder.path.exists()
    folder.remove()
    WorkFolder(folder.path).claim(KEY)
    folder.leave()
    assert not folder.path.exists()


def test_targets_and_outputs_may_be_sequences(folder: WorkFolder) -> None:
    target = Ragged.of_texts(["un", "", "deux"])
    work = Work("regression", outputs=1, rows=3, width=1)
    inputs = np.zeros((3, 1), np.float32)
    folder.encoded("main").mkdir(parents=True)
    np.save(folder.encoded("main") / "inputs.npy", inputs)
    folder.write_training("main", target, None, np.array([[0, 1, 0]]), work)
    training = folder.training("main", 0)
    assert isinstance(training.batch.target, Ragged)
    assert training.batch.target.texts() == ["un", "", "deux"]
    for fold, said in ((0, ["un", "zwei"]), (1, ["trois"])):
        unit = Unit(LINEAR, fold)
        folder.write_outputs(unit, Ragged.of_texts(said))
        assert folder.finished(unit)
    found = search.held_out_outputs(folder, training, LINEAR, repeat=0)
    assert isinstance(found, Ragged)
    assert found.texts() == ["un", "trois", "zwei"]
