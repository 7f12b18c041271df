"""Files that appear whole or not at all."""

import subprocess
import sys

import pytest

from luban.core import files
from luban.core.errors import ResourceError, UsageError


def test_a_failed_block_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), files.new_folder(tmp_path / "new") as folder:
        (folder / "part").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_exchanged_whole(tmp_path):
    target = tmp_path / "bundle"
    for content in ("old", "new"):
        with files.new_folder(target) as folder:
            (folder / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


WAITS = """
import sys
from pathlib import Path
from luban.core import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])):
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("way", ["new_folder", "new_file"])
@pytest.mark.parametrize("killed", [True, False])
def test_what_a_killed_process_was_making_is_removed_and_what_a_living_one_makes_is_not(tmp_path, way, killed):
    target = tmp_path / "bundle"
    command = [sys.executable, "-c", WAITS, way, str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        (others,) = tmp_path.iterdir()
        if killed:
            process.kill()
            process.wait()
        with getattr(files, way)(target):
            assert others.exists() is not killed
        files.remove_abandoned(target)
        assert set(tmp_path.iterdir()) == ({target} if killed else {target, others})
        process.stdin.close()


def test_only_siblings_of_the_very_target_are_abandoned(tmp_path):
    others = tmp_path / ".bundle.backup"
    others.mkdir()
    with files.new_folder(tmp_path / "bundle.new"):
        files.remove_abandoned(tmp_path / "bundle")
        assert len(list(tmp_path.iterdir())) == 2
    assert others.exists()


def test_an_error_of_the_block_is_raised(tmp_path):
    with pytest.raises(FileNotFoundError, match="of the block"), files.new_folder(tmp_path / "new"):
        raise FileNotFoundError("of the block")


def test_a_second_lock_is_refused_with_the_place(tmp_path):
    path = tmp_path / "run" / "lock"
    with files.lock(path), pytest.raises(UsageError, match="another luban is at work"), files.lock(path):
        pass
    with files.lock(path):
        assert path.exists()


def test_a_place_that_cannot_be_written_is_a_resource_error_that_names_it(tmp_path):
    place = tmp_path / "file"
    with pytest.raises(ResourceError) as caught, files.storage_errors(place):
        raise PermissionError(13, "Permission denied")
    assert caught.value.where == str(place)
    assert caught.value.exit_code == 7


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "a.json", {"value": float("nan")})
    assert not (tmp_path / "a.json").exists()
