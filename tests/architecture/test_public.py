"""The public names of the package: each exists, is documented, and `luban` itself is imported without any of them."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import luban

HEAVY = ("torch", "sklearn", "polars", "numpy", "pydantic", "scipy", "lightgbm", "onnx", "onnxruntime", "rich", "yaml")


@pytest.mark.parametrize("name", luban.__all__)
def test_a_public_name_exists_and_has_a_docstring(name: str) -> None:
    thing = getattr(luban, name)
    assert len((thing.__doc__ or "").strip()) > 20
    assert name in dir(luban)


@pytest.mark.parametrize("name", [name for name in luban.__all__ if inspect.isclass(getattr(luban, name))])
def test_what_a_public_class_offers_has_a_docstring(name: str) -> None:
    kind = getattr(luban, name)
    for attribute, value in vars(kind).items():
        if not attribute.startswith("_") and (
            inspect.isfunction(value) and len(inspect.signature(value).parameters) > 1
        ):
            assert inspect.getdoc(value), f"{name}.{attribute}"


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'luban' has no attribute 'tune_everything'"):
        _ = luban.tune_everything  # type: ignore[attr-defined]


def test_the_version_is_that_of_the_installed_package() -> None:
    assert luban.__version__ == version("luban")


@pytest.mark.parametrize("extra", ["", "import numpy"])
def test_importing_luban_imports_nothing_heavy(extra: str) -> None:
    """With an import put in by hand the same check sees it."""
    code = f"import sys, luban\n{extra}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == (["numpy"] if extra else [])


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Missing())
{program}
"""
PROGRAM = """
import luban, polars
luban.fit({data!r}, target="stage", model="linear", out={out!r}, threads=1)
print(len(luban.load({out!r}).predict(polars.read_csv({data!r}))))
"""


@pytest.mark.slow
def test_fitting_and_predicting_a_table_need_no_torch(tmp_path: Path) -> None:
    lines = [f"{i % 7},{i % 5},{'late' if i * 7 % 10 > 4 else 'early'}" for i in range(60)]
    data = tmp_path / "patients.csv"
    data.write_text("\n".join(["age,weight,stage", *lines]) + "\n")
    program = PROGRAM.format(data=str(data), out=str(tmp_path / "a.luban"))
    done = subprocess.run([sys.executable, "-c", WITHOUT.format(program=program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "60"


def test_the_test_above_would_see_torch_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(program="import torch")], capture_output=True, text=True
    )
    assert "No module named 'torch'" in done.stderr
