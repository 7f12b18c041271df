"""Plugins are found by the folder they lie in, by near names, and at last by the entry points of other packages."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from luban.core import registry
from luban.core.errors import UsageError


@pytest.fixture
def forgetful() -> Iterator[None]:
    """The registry with nothing remembered, before and after."""
    remembered: list[Any] = [registry.names, registry._modules, registry._entry_point]
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful: None) -> Path:
    """A package with a family of its own."""
    folder = tmp_path / "models"
    (folder / "deep_forest").mkdir(parents=True)
    (folder / "__init__.py").write_text('"""Trainers."""')
    (folder / "_shared.py").write_text("")
    (folder / "svm.py").write_text('"""The widest margin.\n\nMore."""\nraise RuntimeError("imported")\n')
    (folder / "deep_forest" / "__init__.py").write_text('"""Forests of forests."""')
    (folder / "notes.txt").write_text("")
    monkeypatch.setattr(registry, "HOME", tmp_path)
    return tmp_path


def test_a_file_or_a_folder_is_a_plugin_and_an_underscore_hides_it(home: Path) -> None:
    assert registry.names("models") == ("deep-forest", "svm")


def test_listing_and_summing_up_run_no_plugin(home: Path) -> None:
    """The plugin here raises when it is imported."""
    assert registry.summary("models", "svm") == "The widest margin."
    assert registry.summary("models", "deep_forest") == "Forests of forests."


LISTING = """
import sys
from luban.core import registry
for family in registry.SINGULAR:
    for name in registry.names(family):
        registry.summary(family, name)
{more}
print(*sorted(name for name in sys.modules if name.startswith("luban.") and not name.startswith("luban.core")))
"""


@pytest.mark.parametrize("more", ["", "registry.find('metrics', 'accuracy')"])
def test_listing_every_family_imports_no_plugin(more: str) -> None:
    """When one is asked for, the same check sees it."""
    code = LISTING.format(more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ("luban.metrics.accuracy" in done.stdout.split()) == bool(more)
    assert more or done.stdout.split() == []


@pytest.mark.parametrize("spelling", ["random-forest", "random_forest", "Random-Forest", " random_FOREST "])
def test_a_name_is_found_however_it_is_spelt(spelling: str) -> None:
    assert registry.find("models", spelling).name == "random-forest"


def test_a_wrong_name_is_told_with_the_near_one_and_all_others() -> None:
    with pytest.raises(UsageError) as refused:
        registry.find("data.splits", "stratifed")
    assert refused.value.message.startswith("no split is called 'stratifed'. Did you mean 'stratified'?")
    assert "group" in refused.value.message
    with pytest.raises(UsageError, match=r"no metric is called 'acuracy'\. Did you mean 'accuracy'"):
        registry.summary("metrics", "acuracy")


@pytest.mark.parametrize("name", ["__init__", "_forests", "", "..", "os", "linear.model", "../metrics/accuracy"])
def test_a_name_that_is_no_plugin_imports_nothing(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(UsageError, match="no model is called"):
        registry.find("models", name)
    assert {module for module in set(sys.modules) - before if module.startswith("luban.")} == set()


class Point:
    """An entry point of a package that is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.loaded = 0

    def load(self) -> str:
        self.loaded += 1
        return f"the plugin {self.name}"


def test_a_package_of_other_people_adds_a_plugin_which_is_loaded_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, forgetful: None
) -> None:
    points = {"luban.models": [Point("Kernel_Ridge"), Point("svm")]}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points.get(group, []))
    assert registry.find("models", "linear").name == "linear"
    assert [point.loaded for point in points["luban.models"]] == [0, 0]
    assert registry.find("models", "kernel-ridge") == "the plugin Kernel_Ridge"
    assert registry.find("models", "kernel_ridge") == "the plugin Kernel_Ridge"
    assert [point.loaded for point in points["luban.models"]] == [1, 0]
    # What luban has itself is never replaced.
    assert registry.find("models", "svm").name == "svm"
