"""Open sizes: they grow with the time for the rows, are told with the reason, and leave what was asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from luban.batch import Batch, Ragged, Tensors
from luban.core import registry
from luban.models import encoder_decoder
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate
from luban.training.sizing import sized
from luban.training.unit import Training

LENGTH = 50
WIDTHS = sorted(encoder_decoder.PACE)


def texts(rows: int) -> Training:
    """Pairs of texts of `LENGTH` letters each."""
    letters = Ragged(np.full(rows * LENGTH, 70, np.int32), np.arange(rows + 1) * LENGTH)
    written = Ragged(np.full(rows * LENGTH, 70, np.uint8), np.arange(rows + 1) * LENGTH)
    work = Work("sequence-to-sequence", 1, rows, 0, shapes={"read": Shape("tokens", (261,), LENGTH)})
    return Training(Batch(Tensors({"read": letters}), written), np.zeros((1, rows), np.int64), work, seed=0)


def seconds(passes: float, width: int, rows: int) -> float:
    """The time of a run in which a pair of this width sees the rows so many times."""
    return passes * rows * 2 * LENGTH / encoder_decoder.PACE[width] / encoder_decoder.LEARNS


def size(rows: int, time: float | None, **settings: object) -> dict[str, object]:
    return dict(sized(Candidate(model="encoder-decoder", settings=settings), texts(rows), time).choices)


def test_the_widest_pair_is_taken_that_has_time_for_its_passes():
    enough = encoder_decoder.PASSES + 0.1
    found = [size(2_000, seconds(enough, width, 2_000))["width"] for width in WIDTHS]
    assert found == WIDTHS
    assert size(2_000, seconds(enough - 0.2, WIDTHS[1], 2_000))["width"] == WIDTHS[0]
    # Twice as many rows want twice the time.
    assert size(4_000, seconds(enough, WIDTHS[1], 2_000))["width"] == WIDTHS[0]
    assert size(2_000, 0.01)["width"] == WIDTHS[0], "there is always one"


def test_dropout_begins_where_rows_come_often():
    few = encoder_decoder.FEW_PASSES
    found = [size(2_000, seconds(passes, 64, 2_000), width=64)["dropout"] for passes in (1, few - 0.1, few + 0.1)]
    assert found == [0.0, 0.0, encoder_decoder.DROPOUT]
    assert size(2_000, None)["dropout"] == encoder_decoder.DROPOUT


def test_the_reason_names_passes_letters_and_time():
    found = sized(Candidate(model="encoder-decoder"), texts(2_000), 30.0)
    assert found.candidate.settings == found.choices
    assert found.candidate.label == "encoder-decoder(dropout=0.0, width=64)"
    again = Candidate.model_validate_json(found.candidate.model_dump_json())
    assert list(again.settings) == sorted(again.settings), "a recipe that is read again names it alike"
    for word in ("passes", "200,000 letters", "--time 30s"):
        assert word in found.reason


def test_without_a_limit_it_takes_no_longer_than_it_must():
    found = sized(Candidate(model="encoder-decoder"), texts(2_000), None)
    assert found.choices == {"width": WIDTHS[0], "dropout": encoder_decoder.DROPOUT}
    assert "no --time was given" in found.reason


def test_what_was_asked_for_stays_and_a_size_that_stands_is_not_asked_about_again():
    assert size(2_000, 1e6, width=32, dropout=0.3) == {}
    assert size(2_000, 1e6, width=32) == {"dropout": encoder_decoder.DROPOUT}
    once = sized(Candidate(model="encoder-decoder"), texts(2_000), 30.0).candidate
    assert sized(once, texts(2_000), 1e6).candidate == once


def test_other_networks_have_no_open_size():
    training = texts(100)
    training = replace(training, work=replace(training.work, task="binary", outputs=2))
    found = sized(Candidate(model="gru"), training, 30.0)
    assert (found.candidate, found.choices, found.reason) == (Candidate(model="gru"), {}, "")


@pytest.mark.parametrize("heads", [3, 4, 5])
def test_heads_share_the_width_that_is_chosen(heads: int):
    width = size(2_000, 30.0, heads=heads)["width"]
    assert isinstance(width, int) and width >= 64 and width % (2 * heads) == 0


def test_a_pair_that_nobody_sized_is_the_smallest_one():
    model = registry.find("models", "encoder-decoder")
    work = Work("sequence-to-sequence", 300, 10, 0, shapes={"read": Shape("tokens", (300,), 9)})
    assert model.build(work, model.Settings()).pair.norm.weight.shape == (WIDTHS[0],)
