"""Images: pixels arrive as they are stored, upright and of one size; what cannot be read says why."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import polars as pl
import pytest
from PIL import Image

from luban.features.image import feature, reading
from luban.recipe.recipe import Features

RANDOM = np.random.default_rng(0)
SETTINGS = Features()


def file_of(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def bomb(width=10_000, height=10_000):
    """A PNG of a few KB whose header says so many pixels, and whose content does hold them."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


GRAY = RANDOM.integers(0, 256, (20, 8, 6), dtype=np.uint8)
COLORS = RANDOM.integers(0, 256, (20, 8, 6, 3), dtype=np.uint8)


def shown(values, settings=SETTINGS):
    state = feature.fit(values, settings)
    feature.check(state)
    return feature.tensor.encode(values, state), state


@pytest.mark.parametrize("pixels", [GRAY, COLORS], ids=["gray", "colours"])
def test_arrays_and_lossless_files_give_the_same_pixels(pixels):
    expected = pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, 3, 1)
    for values in (pl.Series("x", pixels), pl.Series("x", [file_of(each) for each in pixels])):
        found, _ = shown(values)
        assert found.dtype == np.uint8
        assert np.array_equal(found, expected)


def test_paths_are_read_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(file_of(GRAY[0]))
    values = pl.Series("x", ["a.png", str(tmp_path / "a.png"), "gone.png", str(tmp_path), "bad\0name", ""])
    found, _ = shown(values)
    assert np.array_equal(found[0, 0], GRAY[0]) and np.array_equal(found[1], found[0])
    assert feature.unreadable(values).to_list() == [False, False, True, True, True, True]
    assert feature.problems(values)[2] == "no file is at 'gone.png'"


def test_gray_images_stored_in_colours_are_gray():
    state = feature.fit(pl.Series("x", np.repeat(GRAY[..., None], 3, axis=3)), SETTINGS)
    assert feature.shape(state).size == (1, 8, 6)
    assert feature.shape(feature.fit(pl.Series("x", COLORS), SETTINGS)).size == (3, 8, 6)


def test_the_recipe_decides_on_colours():
    gray, _ = shown(pl.Series("x", COLORS), Features(color="gray"))
    assert np.array_equal(gray[0, 0], np.asarray(Image.fromarray(COLORS[0]).convert("L")))
    colors, _ = shown(pl.Series("x", GRAY), Features(color="rgb"))
    assert np.array_equal(colors[:, 2], GRAY)


def test_mean_and_spread_of_channels_are_those_of_the_pixels():
    state = feature.fit(pl.Series("x", COLORS), SETTINGS)
    assert np.allclose(feature.shape(state).center, COLORS.reshape(-1, 3).mean(axis=0))
    assert np.allclose(feature.shape(state).spread, COLORS.reshape(-1, 3).std(axis=0))
    still = feature.fit(pl.Series("x", np.full((3, 4, 4), 7, np.uint8)), SETTINGS)
    assert (feature.shape(still).center, feature.shape(still).spread) == ((7.0,), (1.0,))


@pytest.mark.parametrize(
    ("sizes", "asked", "expected"),
    [
        ([(8, 6)] * 3 + [(9, 9)], "auto", (8, 6)),
        ([(100, 80)] * 3 + [(8, 6)], "auto", (64, 64)),
        ([(8, 6)] * 3, 12, (12, 12)),
        ([(64, 64)], "auto", (64, 64)),
    ],
)
def test_the_size_is_the_commonest_up_to_64_or_as_asked(sizes, asked, expected):
    values = pl.Series("x", [file_of(np.zeros(size, np.uint8)) for size in sizes])
    found, _ = shown(values, Features(image_size=asked))
    assert found.shape[2:] == expected


def test_the_middle_is_kept_and_nothing_is_stretched():
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    found, _ = shown(pl.Series("x", [file_of(wide)]), Features(image_size=10))
    assert (found == 200).mean() > 0.75 and found[0, 0, :, 4:6].min() == 200


def test_images_stand_upright():
    pixels = np.zeros((4, 8), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = file_of(pixels, exif=exif)
    found, state = shown(pl.Series("x", [turned]))
    assert feature.shape(state).size == (1, 8, 4)
    assert found[0, 0, :, -1].tolist() == [255] * 8 and found[0, 0, :, 0].max() == 0


def test_transparency_lies_on_white():
    clear = np.zeros((4, 4, 4), np.uint8)
    palette = Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P")
    for value in (file_of(clear), file_of(palette, transparency=0)):
        assert (np.asarray(reading.decoded(value)) == 255).all()


def test_sixteen_bits_become_eight():
    deep = (np.arange(64, dtype=np.uint16).reshape(8, 8) * 1024).astype(np.uint16)
    assert np.array_equal(np.asarray(reading.decoded(file_of(deep))), (deep >> 8).astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_other_formats_are_read(kind):
    smooth = np.linspace(0, 255, 64).reshape(8, 8).astype(np.uint8)
    found, _ = shown(pl.Series("x", [file_of(smooth, kind)]))
    assert np.abs(found[0].mean(axis=0).astype(float) - smooth).max() < 20


def test_a_large_photograph_is_shrunk_evenly():
    ramp = np.linspace(0, 255, 1_000).astype(np.uint8)[None].repeat(1_000, axis=0)
    found, _ = shown(pl.Series("x", [file_of(ramp, "JPEG", quality=95)]), Features(image_size=10))
    assert np.abs(found[0, 0].mean(axis=0) - np.linspace(12.75, 242.25, 10)).max() < 3


DAMAGED = {
    "an empty file": (b"", "empty"),
    "no image": (b"nothing of the kind " * 9, "no image of the formats"),
    "cut short": (file_of(GRAY[0])[:60], "damaged"),
    "a JPEG cut short": (file_of(np.tile(COLORS[0], (20, 20, 1)), "JPEG")[:900], "damaged"),
    "a flipped byte": (b"".join((file_of(GRAY[0])[:50], b"\xff\xff", file_of(GRAY[0])[52:])), "damaged"),
    "10,000 x 10,000 pixels": (bomb(), "10,000 x 10,000|100,000,000 pixels"),
    "50,000 x 50,000 pixels": (bomb(50_000, 50_000)[:40_000], "2,500,000,000 pixels"),
    "8,192 x 8,192 pixels": (bomb(8_192, 8_192), "8,192 x 8,192"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image of the formats"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_what_cannot_be_read_says_why(case):
    value, reason = DAMAGED[case]
    values = pl.Series("x", [file_of(GRAY[0]), value, None])
    told = feature.problems(values)
    assert told[0] is None and told[2] is None and any(part in told[1] for part in reason.split("|"))
    assert feature.unreadable(values).to_list() == [False, True, False]
    # And is the mean of each channel, as a missing image is.
    found, state = shown(values)
    assert np.array_equal(found[1], found[2]) and (found[1] == round(state.values["center"][0])).all()


def test_a_small_file_that_says_it_is_huge_takes_no_memory():
    value = bomb()
    assert len(value) < 20_000
    tracemalloc.start()
    assert feature.problems(pl.Series("x", [value]))[0] is not None
    feature.fit(pl.Series("x", [value]), SETTINGS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_values_that_are_no_images_are_told():
    for values in (pl.Series("x", [1, 2]), pl.Series("x", np.zeros((2, 3, 4, 2), np.uint8)), pl.Series("x", [[1.0]])):
        assert feature.unreadable(values).all()
        assert shown(values)[0].shape[0] == len(values)


def test_missing_arrays_are_the_mean():
    values = pl.concat([pl.Series("x", GRAY), pl.Series("x", [None], dtype=pl.Array(pl.UInt8, (8, 6)))])
    found, state = shown(values)
    assert np.array_equal(found[:-1, 0], GRAY)
    assert (found[-1] == round(state.values["center"][0])).all()


def test_other_models_see_the_mean_of_the_pixels_under_each_point():
    pixels = RANDOM.integers(0, 256, (3, 40, 24), dtype=np.uint8)
    values = pl.Series("x", pixels)
    state = feature.fit(values, SETTINGS)
    found = feature.transform(values, state)
    assert found.shape == (3, 256) and len(feature.names("x", state)) == 256
    for row in range(3):
        fine = np.kron(pixels[row], np.ones((2, 2)))  # 80 x 48: every point covers whole cells
        expected = fine.reshape(16, 5, 16, 3).mean(axis=(1, 3)) / 255
        assert np.allclose(found[row].reshape(16, 16), expected, atol=1e-5)


def test_other_models_see_small_images_as_they_are():
    values = pl.Series("x", COLORS)
    state = feature.fit(values, SETTINGS)
    assert np.allclose(feature.transform(values, state).reshape(20, 3, 8, 6), np.moveaxis(COLORS, 3, 1) / 255)
    assert feature.names("x", state)[0] == "x red at 0, 0"
