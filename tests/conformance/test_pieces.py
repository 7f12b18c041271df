"""What every data type keeps to whose values consist of pieces: a new one is tested by existing.

Kept whole, a value says what it said; without any piece it says nothing; a piece changes only what it covers.
"""

from __future__ import annotations

import io
import json
import warnings
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from luban.batch import Ragged
from luban.core import registry
from luban.features import _phrases
from luban.protocols import Pieced
from luban.recipe.recipe import Features
from origins import speaking

RANDOM = np.random.default_rng(0)


def _png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _wav(samples, rate=8_000):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="WAV")
    return stream.getvalue()


TURNS = [
    {"role": "user", "content": "the inn, the thin  inn"},
    {"role": "assistant", "content": "in the"},
    {"role": "user", "content": "thin?"},
]
TYPICAL = {
    "audio": [
        pl.Series("x", [_wav(RANDOM.normal(0, 0.1, 4_000 * (i + 1))) for i in range(2)]),
        pl.Series("x", [_wav(RANDOM.normal(0, 0.1, (9_000, 2)), 22_050), _wav(np.zeros(7)), None]),
    ],
    "chat": [
        pl.Series("x", [json.dumps(TURNS), json.dumps([*TURNS, {"role": "assistant", "content": "no"}])]),
        pl.Series("x", [json.dumps({"messages": TURNS, "chosen": "in", "rejected": "the thin"})]),
    ],
    "image": [
        pl.Series("x", [*(_png(RANDOM.integers(0, 256, (30, 25, 3), dtype=np.uint8)) for _ in range(2)), None]),
        pl.Series("x", RANDOM.integers(0, 256, (2, 20, 20), dtype=np.uint8)),
        pl.Series("x", RANDOM.integers(0, 256, (2, 6, 50, 3), dtype=np.uint8)),
    ],
    "lags": [pl.Series("x", RANDOM.normal(size=(3, 50))), pl.Series("x", [[1.0, 2.0], [0.5, -1.0]])],
    "series": [
        pl.Series("x", [[1.0, 2.0, None], [4.0], [float(i) for i in range(90)]]),
        pl.Series("x", RANDOM.normal(size=(3, 70, 7)).tolist()),
        pl.Series("x", ["1 2 3", "4 5", "-5 6 7 8"]),
    ],
    "text": [
        pl.Series("x", ["a small cat,  a big cat.\n\nThe end. ", " 质量很好，a cat（really）。", "… ", "word " * 70]),
    ],
    "words": [
        pl.Series("x", ["a small cat", "a big  cat", "质量 很好 a cat"]),
        pl.Series("x", [["a", "small cat"], ["a"], ["质量", "y", "x"]]),
    ],
}
CASES = [(name, place) for name, values in TYPICAL.items() for place in range(len(values))]
ODD = [
    pl.Series("x", [None], dtype=pl.Null),
    *(
        pl.Series("x", [text], dtype=pl.String)
        for text in ["", " ", "\x00", "[]", '{"a": 1}', '[{"role": "user"}]', None]
    ),
    pl.Series("x", [b"\x89PNG\r\n\x1a\n"]),
    pl.Series("x", [float("nan")]),
    pl.Series("x", [[]], dtype=pl.List(pl.Float64)),
    pl.Series("x", [[float("nan"), None]]),
    pl.Series("x", [[[1.0, 2.0], None]]),
    pl.Series("x", [["a", None]]),
    pl.Series("x", np.zeros((1, 3, 3, 2), np.uint8)),
    pl.Series("x", np.zeros((1, 1, 1), np.uint8)),
]


@pytest.fixture(scope="module")
def chats(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    path.write_text(json.dumps(speaking.tokenizer()), encoding="utf-8")
    return Features(tokenizer=str(path), template=speaking.TEMPLATE)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1] + 1}")
def case(request, chats):
    """The data type, its values, and what it and its tensor learn of them."""
    name, place = request.param
    feature = registry.find("features", name)
    values = TYPICAL[name][place]
    settings = chats if name == "chat" else Features(text_terms=500)
    return feature, values, feature.fit(values, settings), feature.tensor.fit(values, settings)


def encoded(feature, tensor, values):
    """A list of arrays, one for each row: its steps, or its one array."""
    part = feature.tensor.encode(values, tensor)
    if isinstance(part, Ragged):
        return [part.values[a:b].astype(np.float64) for a, b in pairwise(part.offsets)]
    return list(part.astype(np.float64))


def dense(inputs):
    return inputs.toarray() if hasattr(inputs, "toarray") else inputs


def each(values):
    return [values[row : row + 1] for row in range(len(values))]


def test_every_data_type_that_has_pieces_is_here():
    pieced = {name for name in registry.names("features") if isinstance(registry.find("features", name), Pieced)}
    assert pieced == set(TYPICAL)


def test_a_value_that_keeps_all_its_pieces_says_what_it_said(case):
    feature, values, state, tensor = case
    for value in each(values):
        cut = feature.cut(value, state, 30)
        again = cut.masked(np.ones((2, len(cut.units)), bool))
        assert again.name == "x" and len(again) == 2
        for row in encoded(feature, tensor, again):
            assert np.allclose(row, encoded(feature, tensor, value)[0], rtol=0, atol=1e-6)
        assert np.allclose(dense(feature.transform(again, state)), dense(feature.transform(value, state)), atol=1e-6)


def test_a_value_that_loses_all_its_pieces_says_nothing(case):
    """It may still say how long it is, and what a model has to answer."""
    feature, values, state, tensor = case
    name = registry_name(feature)
    for value in each(values):
        cut = feature.cut(value, state, 30)
        nothing = cut.masked(np.zeros((1, len(cut.units)), bool))
        row = encoded(feature, tensor, nothing)[0]
        if name == "words":
            assert (row == row[0]).all() and row[0, 0] == 1 and len(row) == len(encoded(feature, tensor, value)[0])
        elif name == "chat":
            assert not set("".join(asked(nothing[0]))) - {"\n"}
            assert [turn["role"] for turn in turns(nothing[0])] == [turn["role"] for turn in turns(value[0])]
        else:
            usual = encoded(feature, tensor, pl.Series("x", [feature.baseline(state)]))[0]
            assert len(row) in (len(usual), len(encoded(feature, tensor, value)[0]))
            # One step of it says as much as several: all are alike.
            assert np.allclose(row, usual if len(row) == len(usual) else usual[0], rtol=0, atol=1e-5)


def test_a_piece_changes_only_what_it_covers(case):
    feature, values, state, tensor = case
    name = registry_name(feature)
    if name in ("text", "chat"):
        pytest.skip("tokens of neighbours may join; what is written is looked at below")
    for value in each(values):
        cut = feature.cut(value, state, 30)
        whole = encoded(feature, tensor, value)[0]
        rows = encoded(feature, tensor, cut.masked(~np.eye(len(cut.units), dtype=bool)))
        covered = np.zeros(whole.shape[-2:] if name == "image" else whole.shape, int)
        for number, (unit, row) in enumerate(zip(cut.units, rows, strict=True)):
            assert row.shape == whole.shape
            inside = covering(name, cut, unit, number, covered.shape)
            covered += inside
            changed = row != whole
            assert not (changed & ~inside).any()
            if len(cut.units) > 1:
                # What is as usual already does not change.
                assert changed.any() or name in ("words", "series", "lags", "audio")
        if len(cut.units) > 1:
            assert (covered == 1).all(), "pieces lie side by side and leave nothing out"


def test_pieces_are_as_many_as_are_asked_for_and_in_their_order(case):
    feature, values, state, _ = case
    for value in each(values):
        fine = len(feature.cut(value, state, 10_000).units)
        for most in (1, 2, 3, 7, 40, 10_000):
            units = feature.cut(value, state, most).units
            assert 1 <= len(units) <= most
            assert fine <= most or len(units) >= min(fine, most) / 3
            assert all(unit.column == "x" and unit.name and "\n" not in unit.name for unit in units)
            places = [unit.place for unit in units if unit.place]
            groups = {place[2:] for place in places}
            for group in groups:
                own = [place for place in places if place[2:] == group]
                assert own == sorted(own) and len(set(own)) == len(own)
                if len(own[0]) > 1:
                    assert all(begin < end for begin, end, *_ in own)
                    assert all(before[1] <= after[0] for before, after in pairwise(own))


def test_what_is_shown_is_what_the_places_count(case):
    feature, values, state, _ = case
    for value in each(values):
        cut = feature.cut(value, state, 12)
        if cut.shown is None:
            assert len(cut.units) == 1 and not cut.units[0].place
            continue
        if cut.shown.kind == "image":
            assert cut.regions.shape == cut.shown.content.shape[1:] and cut.shown.content.dtype == np.uint8
        else:
            assert max(unit.place[1] for unit in cut.units) <= len(cut.shown.content) * cut.shown.step + 1e-9


def test_cutting_is_the_same_each_time(case):
    feature, values, state, _ = case
    for value in each(values):
        first, again = feature.cut(value, state, 20), feature.cut(value, state, 20)
        assert first.units == again.units
        stays = RANDOM.random((5, len(first.units))) < 0.5
        assert first.masked(stays).to_list() == again.masked(stays).to_list()


@pytest.mark.parametrize("odd", ODD, ids=lambda values: str(values.to_list())[:40])
def test_whatever_a_value_is_it_has_a_piece(case, odd):
    feature, _, state, tensor = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut = feature.cut(odd, state, 5)
        assert 1 <= len(cut.units) <= 5
        stays = np.array([[True] * len(cut.units), [False] * len(cut.units)])
        rows = encoded(feature, tensor, cut.masked(stays))
        assert np.array_equal(rows[0], encoded(feature, tensor, odd)[0])
        assert np.isfinite(dense(feature.transform(cut.masked(stays), state))).all()


def test_no_row_may_be_without_a_piece_and_none_of_no_coalition(case):
    feature, values, state, _ = case
    cut = feature.cut(values[:1], state, 5)
    assert len(cut.masked(np.zeros((0, len(cut.units)), bool))) == 0


TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("ab .,\n质量ไก่カナ")), max_size=60)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, most=st.integers(1, 9), seed=st.integers(0, 99))
def test_words_left_out_of_a_text_leave_the_others_as_they_were(text, most, seed):
    spans = _phrases.words(text)
    between = [0, *(place for span in spans for place in span), len(text)]
    assert between == sorted(between)
    assert all(not text[a:b].strip() for a, b in zip(between[::2], between[1::2], strict=True))
    assert all(text[a:b].strip() == text[a:b] != "" for a, b in spans)
    edges = _phrases.together(text, spans, most)
    assert edges[0] == 0 and edges[-1] == len(spans) and len(edges) - 1 <= most
    assert not spans or (np.diff(edges) > 0).all()
    stays = np.random.default_rng(seed).random(len(spans)) < 0.5
    left = _phrases.without(text, spans, stays)
    kept = [text[a:b] for (a, b), there in zip(spans, stays, strict=True) if there]
    squeezed = "".join(left.split())
    assert squeezed == "".join("".join(kept).split())
    if stays.all() and len(spans):
        assert left == text


def test_a_text_with_one_space_between_words_never_has_two():
    text = "The film, (which I saw twice), was not good: it was great!"
    spans = _phrases.words(text)
    for stays in RANDOM.random((200, len(spans))) < 0.5:
        assert "  " not in _phrases.without(text, spans, stays)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop, e.g. now!", ["Don't", "stop,", "e.g.", "now!"]),
        ("我们今天去看电影。", ["我", "们", "今", "天", "去", "看", "电", "影。"]),
        ("コンピュータは速い", ["コンピュータ", "は", "速", "い"]),
        ("한국어 문장입니다.", ["한국어", "문장입니다."]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("good 👍 :-)", ["good", "👍", ":-)"]),
        ("a\u00a0b\tc", ["a", "b", "c"]),
    ],
)
def test_words_are_what_a_person_sees(text, words):
    assert [text[a:b] for a, b in _phrases.words(text)] == words


def test_long_runs_of_signs_cost_no_more_than_others():
    spans = _phrases.words("-" * 200_000 + " a" + "." * 200_000 + " " + "a-" * 100_000)
    assert len(spans) == 3


def test_many_words_are_parted_where_sentences_end():
    text = "One two three four five. Six seven eight, nine ten eleven. Twelve thirteen fourteen fifteen sixteen."
    spans = _phrases.words(text)
    units = _phrases.units("x", text, spans, _phrases.together(text, spans, 3))
    assert [unit.name for unit in units] == [
        "One two three four five.",
        "Six seven eight, nine ten eleven.",
        "Twelve thirteen fourteen fifteen sixteen.",
    ]
    assert [text[int(unit.place[0]) : int(unit.place[1])] for unit in units] == [unit.name for unit in units]


def registry_name(feature):
    return next(name for name in registry.names("features") if registry.find("features", name) is feature)


def turns(value):
    document = json.loads(value)
    return document["messages"] if isinstance(document, dict) else document


def asked(value):
    found = turns(value)
    own = isinstance(json.loads(value), list) and found[-1]["role"] == "assistant"
    return [turn["content"] for turn in (found[:-1] if own else found)]


def covering(name, cut, unit, number, shape):
    """Where a piece lies among the numbers of its row."""
    inside = np.zeros(shape, bool)
    if not unit.place:
        inside[:] = True
    elif name == "image":
        assert cut.regions is not None and unit.place == (number,)
        inside[cut.regions == number] = True
    elif name == "audio":
        inside[round(unit.place[0] * 100) : round(unit.place[1] * 100)] = True
    else:
        begin, end, *channels = unit.place
        inside[begin:end, slice(*channels) if channels else slice(None)] = True
    return inside
