"""The same question gives the same bundle; another seed, another one."""

from __future__ import annotations

import shutil

import pytest

import luban

ASKED = {"target": "species", "model": "linear,random-forest,svm"}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    return luban.fit("sample:iris", out=folder / "first.luban", threads=1, **ASKED)


def test_again_is_the_same_whatever_the_threads(first, tmp_path):
    again = luban.fit("sample:iris", out=tmp_path / "again.luban", threads=2, **ASKED)
    assert again.content_sha256 == first.content_sha256
    assert not again.resumed


def test_another_seed_is_another_bundle(first, tmp_path):
    other = luban.fit("sample:iris", out=tmp_path / "other.luban", seed=1, **ASKED)
    assert other.content_sha256 != first.content_sha256


def test_the_same_call_is_answered_at_once(first, tmp_path):
    shutil.copytree(first.path, tmp_path / "copy.luban")
    again = luban.fit("sample:iris", out=tmp_path / "copy.luban", **ASKED)
    assert again.resumed
    assert again.content_sha256 == first.content_sha256


def test_its_own_recipe_gives_it_again(first, tmp_path):
    again = luban.fit("sample:iris", recipe=first.path, out=tmp_path / "recipe.luban")
    assert again.content_sha256 == first.content_sha256


def test_what_was_cut_short_by_time_is_given_again_by_its_recipe(tmp_path):
    short = luban.fit("sample:iris", "species", time=5, out=tmp_path / "short.luban")
    again = luban.fit("sample:iris", recipe=short.path, out=tmp_path / "again.luban")
    assert again.content_sha256 == short.content_sha256


def test_another_question_at_the_same_place_is_refused(first, tmp_path):
    shutil.copytree(first.path, tmp_path / "copy.luban")
    with pytest.raises(luban.LubanError, match="another recipe") as raised:
        luban.fit("sample:iris", out=tmp_path / "copy.luban", target="species", model="knn")
    assert raised.value.exit_code == 2
    assert "--force" in raised.value.fix
    forced = luban.fit("sample:iris", out=tmp_path / "copy.luban", target="species", model="knn", force=True)
    assert luban.load(tmp_path / "copy.luban").content_sha256 == forced.content_sha256
