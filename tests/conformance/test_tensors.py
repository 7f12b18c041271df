"""What the data types keep to that networks see by themselves: texts, images, sounds and series.

Types that join several columns into one tensor come with tests of their own.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image
from scipy.sparse import issparse

from luban import states
from luban.batch import Ragged
from luban.core import registry
from luban.core.errors import BundleError
from luban.protocols import State
from luban.recipe.recipe import Features

RANDOM = np.random.default_rng(0)


def _png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def _wav(samples):
    stream = io.BytesIO()
    soundfile.write(stream, samples, 8_000, format="WAV")
    return stream.getvalue()


TYPICAL = {
    "audio": [pl.Series("x", [*(_wav(RANDOM.normal(0, 0.1, 900 * (i + 1))) for i in range(3)), None])],
    "image": [
        pl.Series("x", [*(_png(RANDOM.integers(0, 256, (6, 5, 3), dtype=np.uint8)) for _ in range(3)), None]),
        pl.Series("x", RANDOM.integers(0, 256, (4, 20, 20), dtype=np.uint8)),
        pl.Series("x", RANDOM.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)),
    ],
    "series": [
        pl.Series("x", [[1.0, 2.0, None], [4.0], None, [0.5, -0.5]]),
        pl.Series("x", [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], None, [[7.0, None]]]),
        pl.Series("x", ["1 2 3", "4", None, "-5 6"]),
    ],
    "text": [pl.Series("x", ["a small cat", "a big cat", None, "质量很好 a cat"])],
    "words": [
        pl.Series("x", ["a small cat", "a big cat", None, "质量 很好 a cat"]),
        pl.Series("x", [["a", "small cat"], ["a"], None, ["质量"]]),
    ],
}
CASES = [(name, place) for name, values in TYPICAL.items() for place in range(len(values))]
ODD = [
    pl.Series("x", [None, None], dtype=pl.Null),
    pl.Series("x", ["", " ", "nan", "inf", "\x00", "中文", "9" * 400, None]),
    pl.Series("x", [b"", b"\x89PNG\r\n\x1a\n", b"RIFF", None]),
    pl.Series("x", [0.0, float("inf"), float("nan"), 1e308, None]),
    pl.Series("x", [[1.0], [], None, [float("nan"), 1e308]]),
    pl.Series("x", [[[1.0, 2.0], None], [[]], [], None]),
    pl.Series("x", [["a"], None]),
    pl.Series("x", np.zeros((2, 3, 3), np.uint8)),
    pl.Series("x", np.zeros((2, 3, 3, 2), np.uint8)),
    pl.Series("x", [], dtype=pl.String),
    pl.Series("x", [], dtype=pl.Binary),
    pl.Series("x", [], dtype=pl.List(pl.Float64)),
    pl.Series("x", [], dtype=pl.Array(pl.UInt8, (2, 2))),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} {case[1] + 1}")
def case(request):
    """The data type, its tensor, typical values, and what it learns of them."""
    name, place = request.param
    feature = registry.find("features", name)
    values = TYPICAL[name][place]
    return feature, feature.tensor, values, feature.tensor.fit(values, Features())


def sound(tensor, state, values):
    """The encoded rows, once they are seen to be what the shape says."""
    shape, part = tensor.shape(state), tensor.encode(values, state)
    assert len(part) == len(values)
    assert isinstance(part, Ragged) == shape.ragged
    if isinstance(part, Ragged):
        assert part.values.dtype == (np.int32 if shape.kind in ("tokens", "words") else np.float32)
        assert part.values.shape[1:] == shape.inner
        assert part.offsets[0] == 0 and part.offsets[-1] == len(part.values) and part.offsets.dtype == np.int64
        longest = part.lengths.max(initial=1) if shape.kind == "words" else shape.longest
        assert len(values) == 0 or 1 <= part.lengths.min() <= part.lengths.max() <= longest
        assert np.isfinite(part.values).all()
        if shape.kind == "tokens":
            assert ((part.values >= 1) & (part.values < shape.size[0])).all()
    else:
        assert part.dtype == np.uint8 and part.shape[1:] == shape.size
    return part


def rows(part):
    if isinstance(part, Ragged):
        return [part.values[a:b].tolist() for a, b in zip(part.offsets, part.offsets[1:], strict=False)]
    return [row.tolist() for row in part]


def dense(inputs):
    return inputs.toarray() if issparse(inputs) else inputs


def test_all_data_types_with_tensors_are_here_and_those_of_tables_have_none():
    own = {name for name in registry.names("features") if registry.find("features", name).tensor is not None}
    assert set(TYPICAL) <= own
    assert not own & {"boolean", "category", "datetime", "number"}


@pytest.mark.parametrize("odd", ODD, ids=lambda values: f"{values.dtype} {len(values)}")
def test_rows_are_finite_whatever_the_values_are(case, odd):
    feature, tensor, values, state = case
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound(tensor, state, odd)
        # And whatever the training values were.
        learned = tensor.fit(odd, Features())
        tensor.check(learned)
        sound(tensor, learned, odd)
        sound(tensor, learned, values)
        line = feature.fit(odd, Features())
        inputs = feature.transform(values, line)
        assert inputs.shape == (len(values), len(feature.names("x", line)))


def test_each_row_is_encoded_by_itself(case):
    feature, tensor, values, state = case
    together = rows(sound(tensor, state, pl.concat([values, values[[3, 2, 1, 0]]])))
    assert together[: len(values)] == together[len(values) :][::-1]
    for row in range(len(values)):
        assert rows(sound(tensor, state, values[row : row + 1])) == [together[row]]
    line = feature.fit(values, Features())
    inputs = dense(feature.transform(values, line))
    for row in range(len(values)):
        assert np.allclose(dense(feature.transform(values[row : row + 1], line))[0], inputs[row], atol=1e-6)


def test_channels_are_standardised_by_numbers_of_their_own(case):
    shape = case[1].shape(case[3])
    count = {"image": 1, "sequence": 1, "tokens": 0, "words": 0}[shape.kind] * shape.size[0]
    assert len(shape.center) == len(shape.spread) == count
    assert np.isfinite(shape.center).all() and all(spread > 0 for spread in shape.spread)


def test_what_was_learned_survives_being_written(case):
    _, tensor, values, state = case
    kind, again = states.from_bytes(states.to_bytes("part", state))
    tensor.check(again)
    assert kind == "part" and tensor.shape(again) == tensor.shape(state)
    assert rows(tensor.encode(values, again)) == rows(tensor.encode(values, state))


def test_learning_is_deterministic_to_the_byte(case):
    _, tensor, values, state = case
    assert states.to_bytes("part", tensor.fit(values, Features())) == states.to_bytes("part", state)


def test_the_baseline_is_a_value_that_can_be_encoded(case):
    feature, tensor, _, state = case
    sound(tensor, state, pl.Series("x", [feature.baseline(state)]))


def test_typical_values_are_readable_and_missing_ones_are_no_fault(case):
    feature, _, values, _ = case
    unreadable = feature.unreadable(values)
    assert unreadable.dtype == pl.Boolean and len(unreadable) == len(values)
    assert not unreadable.any()


def broken(state):
    """The state with one value or array taken away, added or turned into something odd, in every way."""
    values, arrays = dict(state.values), dict(state.arrays)
    for key, value in values.items():
        yield f"{key} is gone", State({k: v for k, v in values.items() if k != key}, arrays)
        odd = (float("nan"), float("inf"), -1, 0, 1.5, True, 10**400, "x", [["x"]], [None], [], {"x": 1}, None)
        for each in odd:
            yield f"{key} is {each!r:.20}", State({**values, key: each}, arrays)
        if isinstance(value, list):
            yield f"{key} is longer", State({**values, key: [*value, 1.0]}, arrays)
            yield f"{key} is not finite", State({**values, key: [float("nan")] * len(value)}, arrays)
        if key == "spread":
            yield f"{key} is zero", State({**values, key: [0.0] * len(value)}, arrays)
    for key, array in arrays.items():
        yield f"{key} is gone", State(values, {k: v for k, v in arrays.items() if k != key})
        yield f"{key} is below zero", State(values, {**arrays, key: array - 10_000})
        yield f"{key} is of another type", State(values, {**arrays, key: array.astype(np.float32)})
        yield f"{key} has one axis", State(values, {**arrays, key: array.ravel()})
    yield "another value", State({**values, "other": 1}, arrays)
    yield "another array", State(values, {**arrays, "other": np.zeros(1)})
    yield "a part", State(values, arrays, (("x", State({})),))


def test_a_state_that_fitting_never_gives_is_refused_in_words(case):
    tensor, state = case[1], case[3]
    tensor.check(state)
    for what, odd in broken(state):
        with pytest.raises(BundleError, match="column"):
            tensor.check(odd)
            pytest.fail(f"it took a state of which {what}")


FLIPPED = {
    "tokenizer": ("text", "bpe", "wordpiece"),
    "vocabulary": ("text", 300, 310),
    "longest": ("text", 4, 5),
    "words": ("words", 2, 3),
    "image_size": ("image", 8, 9),
    "image_most": ("image", 4, 3),
    "color": ("image", "gray", "rgb"),
    "sample_rate": ("audio", 8_000, 4_000),
    "mel_bands": ("audio", 8, 16),
    "spectrogram": ("audio", "log-mel", "whisper"),
}


@pytest.mark.parametrize("setting", sorted(FLIPPED))
def test_every_setting_of_networks_data_changes_what_is_learned(setting):
    name, *chosen = FLIPPED[setting]
    tensor = registry.find("features", name).tensor
    values = TYPICAL[name][0]
    if setting == "vocabulary":
        values = pl.Series("x", [" ".join(f"word{i}" for i in range(100))] * 2)
    first, second = (tensor.fit(values, Features(**{setting: each})) for each in chosen)
    assert tensor.shape(first) != tensor.shape(second)
