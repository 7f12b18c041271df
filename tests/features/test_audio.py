"""Sounds: spectrograms held to a slow reference and to torch; rates, lengths and damage."""

from __future__ import annotations

import io
import math

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from luban.core.errors import BundleError
from luban.features.audio import feature, reading, spectrogram, whisper
from luban.recipe.recipe import Features

RANDOM = np.random.default_rng(0)
SETTINGS = Features()


def file_of(samples, rate=16_000, kind="WAV", **options):
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=kind, **options)
    return stream.getvalue()


def tone(hertz, rate=16_000, seconds=0.5):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def fitted(values, settings=SETTINGS):
    state = feature.fit(values, settings)
    feature.check(state)
    return feature.tensor.encode(values, state), state


def slow_filters(rate, bands, bins):
    """The formula, number by number: triangles between equal steps on the mel scale."""

    def mel(hertz):
        return 2595 * math.log10(1 + hertz / 700)

    def hertz(value):
        return 700 * (10 ** (value / 2595) - 1)

    step = mel(rate / 2) / (bands + 1)
    filters = np.zeros((bands, bins))
    for band in range(bands):
        left, tip, right = (hertz(step * (band + shift)) for shift in (0, 1, 2))
        for place in range(bins):
            frequency = place * (rate / 2) / (bins - 1)
            if left < frequency <= tip:
                filters[band, place] = (frequency - left) / (tip - left)
            elif tip < frequency < right:
                filters[band, place] = (right - frequency) / (right - tip)
    return filters


def slow_log_mel(samples, rate, bands):
    window, hop = round(0.025 * rate), round(0.010 * rate)
    length = 2 * (spectrogram.mel_filters(rate, bands).shape[1] - 1)
    filters = slow_filters(rate, bands, length // 2 + 1)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(length // 2 + 1), np.arange(window)) / length)
    frames = []
    for start in range(0, len(samples) - window + 1, hop):
        weighed = [samples[start + i] * (0.5 - 0.5 * math.cos(2 * math.pi * i / window)) for i in range(window)]
        power = np.abs(turns @ np.array(weighed)) ** 2
        frames.append(np.log(np.maximum(filters @ power, 1e-10)))
    return np.array(frames)


@pytest.mark.parametrize(("rate", "bands"), [(16_000, 64), (8_000, 40), (11_025, 8), (16_000, 200)])
def test_spectrograms_are_those_of_the_formula(rate, bands):
    samples = RANDOM.normal(0, 0.1, int(rate * 0.06)).astype(np.float32)
    found = spectrogram.log_mel(samples, rate, bands)
    assert np.allclose(found, slow_log_mel(samples, rate, bands), atol=1e-3)


@pytest.mark.parametrize(("rate", "bands"), [(16_000, 64), (8_000, 128), (4_000, 512)])
def test_filters_are_those_of_the_formula_and_none_is_empty(rate, bands):
    found = spectrogram.mel_filters(rate, bands).toarray()
    assert np.allclose(found, slow_filters(rate, bands, found.shape[1]), atol=1e-5)
    assert (found.sum(axis=1) > 0).all()


def test_spectrograms_are_those_of_torch():
    samples = RANDOM.normal(0, 0.1, 16_000).astype(np.float32)
    filters = spectrogram.mel_filters(16_000, 64).toarray()
    length = 2 * (filters.shape[1] - 1)
    frames = torch.from_numpy(samples).unfold(0, 400, 160) * torch.hann_window(400)
    power = torch.fft.rfft(frames, n=length).abs() ** 2
    expected = torch.log(torch.clamp(power @ torch.from_numpy(filters).T, min=1e-10))
    assert np.allclose(spectrogram.log_mel(samples, 16_000, 64), expected.numpy(), atol=1e-4)


def test_a_tone_is_loudest_in_its_own_band():
    filters = spectrogram.mel_filters(16_000, 64).toarray()
    own = int(filters[:, round(1_000 / 8_000 * (filters.shape[1] - 1))].argmax())
    assert (spectrogram.log_mel(tone(1_000), 16_000, 64).argmax(axis=1) == own).all()


@pytest.mark.parametrize(("old", "new"), [(44_100, 16_000), (8_000, 16_000), (22_050, 8_000), (16_001, 16_000)])
def test_a_tone_at_another_rate_is_the_same_tone(old, new):
    found = spectrogram.resampled(tone(440, old), old, new)
    expected = tone(440, new)
    assert abs(len(found) - len(expected)) <= 1
    middle = slice(new // 10, -new // 10)
    assert np.abs(found[: len(expected)][middle] - expected[: len(found)][middle]).max() < 0.01


def test_what_a_lower_rate_cannot_hold_is_left_out():
    assert np.abs(spectrogram.resampled(tone(7_000), 16_000, 8_000)[800:-800]).max() < 0.01


def test_files_of_all_formats_and_channels_give_the_same_frames(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = tone(500)
    (tmp_path / "a.wav").write_bytes(file_of(samples, subtype="FLOAT"))
    values = ["a.wav"]
    wavs = pl.Series("x", [(tmp_path / "a.wav").read_bytes(), file_of(samples, kind="FLAC")])
    stereo = file_of(np.stack([samples * 2, samples * 0], axis=1), subtype="FLOAT")
    by_path, state = fitted(pl.Series("x", values))
    for value in [*wavs, stereo]:
        found = feature.tensor.encode(pl.Series("x", [value]), state)
        # FLAC holds 16 bits: what is silent there differs.
        loud = by_path.values > -8
        assert np.abs(found.values - by_path.values)[loud].max() < 0.05


@pytest.mark.parametrize(
    ("rates", "asked", "expected"),
    [
        ([8_000, 8_000, 16_000], "auto", 8_000),
        ([44_100, 44_100, 8_000], "auto", 16_000),
        ([44_100], 22_050, 22_050),
    ],
)
def test_the_rate_is_the_commonest_up_to_16_000_or_as_asked(rates, asked, expected):
    values = pl.Series("x", [file_of(tone(300, rate), rate) for rate in rates])
    assert fitted(values, Features(sample_rate=asked))[1].values["rate"] == expected


def test_frames_are_cut_to_the_longest_and_to_1000():
    values = pl.Series("x", [file_of(tone(300, seconds=0.5))] * 99 + [file_of(tone(300, seconds=2))])
    rows, state = fitted(values)
    assert state.values["longest"] == 48 and set(rows.lengths) == {48}
    assert fitted(pl.Series("x", [file_of(tone(300, seconds=12))]))[1].values["longest"] == 1_000
    assert fitted(values, Features(longest=10))[0].lengths.max() == 10


def test_no_more_of_a_sound_is_read_than_is_used():
    hours = file_of(np.zeros(16_000 * 600, np.float32), kind="FLAC")
    assert len(hours) < 200_000
    assert len(reading.samples(hours, seconds=1.0)[0]) == 16_001


def test_mean_and_spread_of_bands_are_those_of_all_frames_in_any_order():
    values = pl.Series("x", [file_of(RANDOM.normal(0, 0.1, 4_000 + 160 * i)) for i in range(5)])
    rows, state = fitted(values, Features(longest=1_000))
    assert np.allclose(state.values["center"], rows.values.mean(axis=0), atol=1e-4)
    assert np.allclose(state.values["spread"], rows.values.std(axis=0), atol=1e-4)
    assert feature.fit(values.reverse(), Features(longest=1_000)) == state


def test_other_models_see_the_mean_and_the_deviation_of_each_band():
    values = pl.Series("x", [file_of(RANDOM.normal(0, 0.1 * (i + 1), 4_000)) for i in range(3)])
    rows, state = fitted(values, Features(mel_bands=8))
    found = feature.transform(values, state)
    assert found.shape == (3, 16) == (3, len(feature.names("x", state)))
    center, spread = np.array(state.values["center"]), np.array(state.values["spread"])
    second = (rows.values[rows.offsets[1] : rows.offsets[2]] - center) / spread
    assert np.allclose(found[1], [*second.mean(axis=0), *second.std(axis=0)], atol=1e-5)


DAMAGED = {
    "zero bytes": (b"", "the file is empty"),
    "a header and nothing": (file_of(np.zeros(0)), "holds no sound"),
    "a header cut short": (file_of(tone(300))[:30], "damaged"),
    "no sound": (b"nothing of the kind " * 9, "damaged, or of no format"),
    "another kind of file": (file_of(tone(300), kind="MAT5"), "of the format MAT5"),
    "a strange rate": (file_of(tone(300), rate=10), "10 samples a second"),
    "many channels": (file_of(np.zeros((9, 64))), "64 channels"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_cannot_be_read_says_why(case):
    value, reason = DAMAGED[case]
    values = pl.Series("x", [file_of(tone(300)), value, None])
    told = feature.problems(values)
    assert told[0] is None and told[2] is None and reason in told[1]
    assert feature.unreadable(values).to_list() == [False, True, False]
    rows, state = fitted(values)
    assert rows.lengths.tolist()[1:] == [1, 1]
    assert np.allclose(rows.values[-1], state.values["center"])


@pytest.mark.parametrize("samples", [np.zeros(1), np.ones(1), np.zeros(399), np.array([np.nan, np.inf, -np.inf, 1e30])])
def test_a_short_or_silent_or_odd_sound_is_one_frame(samples):
    values = pl.Series("x", [file_of(samples, subtype="FLOAT")])
    rows, state = fitted(values)
    assert rows.lengths.tolist() == [1] and np.isfinite(rows.values).all()
    assert feature.problems(values, state) == [None]
    assert np.isfinite(feature.transform(values, state)).all()


def test_silence_is_the_floor():
    rows, state = fitted(pl.Series("x", [file_of(np.zeros(8_000))]))
    assert np.allclose(rows.values, math.log(1e-10)) and set(state.values["spread"]) == {1.0}


def test_a_spectrogram_that_is_given_is_taken_as_it_is():
    sounds = pl.Series("x", [file_of(tone(440)), file_of(tone(880))])
    encoded, state = fitted(sounds)
    frames = encoded.values.reshape(2, -1, state.values["bands"])
    given = pl.Series("x", frames)
    assert feature.problems(given, state) == feature.problems(given) == [None, None]
    assert np.array_equal(feature.encode(given, state).values, encoded.values)
    assert np.array_equal(feature.transform(given, state), feature.transform(sounds, state))
    other = pl.Series("x", frames[:, :, 1:].copy())
    assert all("are no sounds" in reason for reason in feature.problems(other, state))
    assert feature.encode(other, state).lengths.tolist() == [1, 1]


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [1, 150, 200, 3_999, 16_000])
def test_frames_of_whisper_are_those_of_its_own_extractor(bands, samples):
    from transformers import WhisperFeatureExtractor

    sound = (np.random.default_rng(samples).normal(size=samples) * np.linspace(1, 0.01, samples)).astype(np.float32)
    theirs = WhisperFeatureExtractor(feature_size=bands)(sound, sampling_rate=16_000, return_tensors="np")
    wanted = theirs.input_features[0].T
    found = whisper.log_mel(sound, bands)
    assert np.abs(found - wanted[: len(found)]).max() < 1e-4
    # What they have behind it is silence, one and the same value.
    assert np.ptp(wanted[len(found) :]) == 0


def test_whisper_hears_16_000_samples_a_second_however_they_were_recorded():
    settings = Features(spectrogram="whisper", mel_bands=80, longest=200)
    values = pl.Series("x", [file_of(tone(440, rate), rate) for rate in (8_000, 16_000, 44_100)])
    rows, state = fitted(values, settings)
    assert (state.values["rate"], state.values["spectrogram"]) == (16_000, "whisper")
    assert rows.lengths.tolist() == [52, 52, 52]
    first, second, third = (rows.values[52 * row : 52 * row + 52, :40] for row in range(3))
    loud = second > second.max() - 0.5
    assert np.abs(first - second)[loud].max() < 0.1 and np.abs(third - second)[loud].max() < 0.1
    short, _ = fitted(values, Features(spectrogram="whisper", mel_bands=80, longest=20))
    assert short.lengths.tolist() == [20, 20, 20]


def test_a_state_says_whose_frames_it_holds():
    _, state = fitted(pl.Series("x", [file_of(tone(440))]), Features(spectrogram="whisper", mel_bands=80))
    assert "spectrogram" not in fitted(pl.Series("x", [file_of(tone(440))]))[1].values
    for key, value in (("spectrogram", "other"), ("rate", 8_000)):
        with pytest.raises(BundleError, match="audio column"):
            feature.check(type(state)({**state.values, key: value}))
