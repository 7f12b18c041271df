"""A bundle comes back as it was written, whole or not at all, and everything else is refused with a reason."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import threading
from dataclasses import fields, replace
from pathlib import Path

import pytest

from bundle.example import example, states_are_equal
from luban.bundle import format_1, store, upgrade
from luban.core import files
from luban.core.errors import BundleError, ResourceError, StorageError, UsageError

HERE = Path(__file__).parent


@pytest.fixture
def written(tmp_path: Path) -> Path:
    store.write(example(), tmp_path / "a.luban")
    return tmp_path / "a.luban"


def test_a_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    bundle = example(parent="a" * 64)
    manifest = store.write(bundle, tmp_path / "a.luban")
    opened = store.read(tmp_path / "a.luban")
    assert opened.manifest == manifest
    assert opened.path == tmp_path / "a.luban"
    for field in fields(bundle):
        before, after = getattr(bundle, field.name), getattr(opened.stored, field.name)
        same = states_are_equal(before, after) if field.name in ("form", "preprocessor") else before == after
        assert same, field.name


def test_a_bundle_without_a_runtime_lets_the_form_answer(tmp_path: Path) -> None:
    manifest = store.write(example(runtime=None), tmp_path / "a.luban")
    assert manifest.runtime == "model/form.safetensors"
    assert store.read(tmp_path / "a.luban").stored.runtime is None


def test_what_was_read_is_written_again_byte_for_byte(written: Path, tmp_path: Path) -> None:
    store.write(store.read(written).stored, tmp_path / "b.luban")
    for path in sorted(file for file in written.rglob("*") if file.is_file()):
        assert path.read_bytes() == (tmp_path / "b.luban" / path.relative_to(written)).read_bytes(), path


def test_the_content_hash_is_that_of_the_model_and_not_of_the_telling(tmp_path: Path) -> None:
    first = store.write(example(), tmp_path / "a.luban").content_sha256
    told = example(card="other", report="other", history=[], parent="b" * 64)
    told = replace(told, evidence={**told.evidence, "footprint": {"wall_seconds": 3.25}})
    assert store.write(told, tmp_path / "b.luban").content_sha256 == first
    other = replace(example(), facts={**example().facts, "threshold": 0.25})
    assert store.write(other, tmp_path / "c.luban").content_sha256 != first


def test_what_lies_there_is_replaced_only_when_asked(written: Path) -> None:
    with pytest.raises(UsageError, match="something lies here already") as refused:
        store.write(example(card="new"), written)
    assert "--force" in str(refused.value.fix)
    assert "--out" in str(refused.value.fix)
    store.write(example(card="new"), written, replace=True)
    assert store.read(written).stored.card == "new"
    assert [path.name for path in written.parent.iterdir()] == ["a.luban"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_not_a_bundle_is_never_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "thesis"
    if kind == "file":
        place.write_text("years of work")
    else:
        place.mkdir()
        (place / "chapter").write_text("years of work")
    with pytest.raises(UsageError, match="not a bundle, and is not replaced"):
        store.write(example(), place, replace=True)
    assert "years of work" in (place if kind == "file" else place / "chapter").read_text()


def test_an_empty_folder_takes_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "a.luban").mkdir()
    store.write(example(), tmp_path / "a.luban", replace=True)
    assert store.read(tmp_path / "a.luban").stored.card == "# A card\n"


def test_a_link_to_a_bundle_is_read_and_stays_a_link(written: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest.luban"
    link.symlink_to(written)
    assert store.read(link).stored.card == "# A card\n"
    store.write(example(card="new"), link, replace=True)
    assert link.is_symlink()
    assert store.read(written).stored.card == "new"


def test_a_missing_folder_around_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder") as refused:
        store.write(example(), tmp_path / "no" / "a.luban")
    assert "mkdir -p" in str(refused.value.fix)


def test_a_missing_bundle_is_a_wrong_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such bundle"):
        store.read(tmp_path / "a.luban")


def test_a_file_in_the_place_of_the_folder_around_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no such folder"):
        store.write(example(), tmp_path / "file" / "a.luban")


def test_a_bundle_in_its_folder_that_may_not_be_written_is_an_error_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*arguments: object, **options: object) -> str:
        raise OSError(30, "Read-only file system")

    # Root may write everywhere, so the system's answer is put in by hand.
    monkeypatch.setattr(files.tempfile, "mkdtemp", read_only)
    with pytest.raises(ResourceError, match="cannot be written") as refused:
        store.write(example(), tmp_path / "a.luban")
    assert "--out" in str(refused.value.fix)


def test_a_write_that_is_cut_short_leaves_the_old_bundle_and_nothing_else(written: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, before[1]))
        with pytest.raises(StorageError, match="a file may not be so large here"):
            store.write(example(size=1 << 20), written, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert [path.name for path in written.parent.iterdir()] == ["a.luban"]
    assert store.read(written).stored.card == "# A card\n"


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from bundle.example import example
from luban.bundle import store
bundles = [example(card=str(number), size=50_000) for number in range(2)]
print("ready", flush=True)
for number in range(1_000_000):
    store.write(bundles[number % 2], sys.argv[1], replace=True)
"""


def test_a_kill_at_any_instant_leaves_the_old_bundle_or_the_new(tmp_path: Path) -> None:
    place = tmp_path / "a.luban"
    store.write(example(card="0", size=50_000), place)
    moments = random.Random(0)
    for _ in range(10):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), str(HERE.parent)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(moments.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        assert store.read(place).stored.card in ("0", "1")


def test_a_bundle_that_is_exchanged_while_it_is_read_is_read_whole(tmp_path: Path) -> None:
    place = tmp_path / "a.luban"
    bundles = [example(card=str(number), size=50_000) for number in range(2)]
    store.write(bundles[0], place)
    stop = threading.Event()

    def rewrite() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.write(bundles[number % 2], place, replace=True)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        assert {store.read(place).stored.card for _ in range(60)} <= {"0", "1"}
    finally:
        stop.set()
        writer.join()


def test_a_changed_byte_is_seen_unless_not_asked_for(written: Path) -> None:
    data = bytearray((written / "report.html").read_bytes())
    data[0] ^= 1
    (written / "report.html").write_bytes(data)
    with pytest.raises(BundleError, match="this file was changed") as refused:
        store.read(written)
    assert str(refused.value).startswith(str(written / "report.html"))
    assert store.read(written, verify=False).manifest.format == 1


def test_a_bundle_of_an_older_format_is_read_as_one_of_today(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = replace(upgrade.FORMATS[1], required=frozenset({"something new"}))
    monkeypatch.setattr(upgrade, "FORMATS", {**upgrade.FORMATS, 2: newer})
    monkeypatch.setattr(upgrade, "CURRENT", 2)
    assert store.read(written).stored.card == "# A card\n"


def test_every_file_that_is_written_belongs_to_the_format(written: Path) -> None:
    for file in written.rglob("*"):
        path = file.relative_to(written).as_posix()
        assert file.is_dir() or path == "manifest.json" or format_1.limit(path) is not None, path


HEAVY = ("sklearn", "polars", "onnx", "onnxruntime", "lightgbm", "torch", "scipy", "pandas")
CHECK = f"""
import sys
from luban.bundle import store
EXTRA
store.read(sys.argv[1])
print([name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.parametrize("extra", ["", "import scipy"])
def test_reading_imports_no_trainer_and_no_runtime(written: Path, extra: str) -> None:
    """With an import put in by hand the same check sees it."""
    check = CHECK.replace("EXTRA", extra)
    ran = subprocess.run([sys.executable, "-c", check, str(written)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ("['scipy']" if extra else "[]")


def test_umask_decides_who_may_read(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store.write(example(), tmp_path / "a.luban")
    finally:
        os.umask(before)
    assert (tmp_path / "a.luban").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a.luban" / "manifest.json").stat().st_mode & 0o777 == 0o644
