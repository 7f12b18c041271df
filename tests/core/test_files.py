"""Files that appear whole or not at all."""

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
