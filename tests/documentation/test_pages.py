"""Pages: links lead somewhere, the reference is what the code says, and examples run."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from documentation.pages import PAGES, ROOT
from forking import Programs

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
EXAMPLES = sorted(ROOT.glob("examples/**/*.py"))


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in LINK.findall(text):
        if link.startswith("https://"):
            continue
        place, _, anchor = link.partition("#")
        target = page if not place else (page.parent / place)
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, link


def test_every_file_of_the_code_that_a_page_names_is_there() -> None:
    # A decision names what there was on its day.
    pages = [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"]
    named = {path for page in pages for path in re.findall(r"`((?:src|tests|docs)/[\w./]+)`", page.read_text("utf-8"))}
    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_page_on_the_code_has_the_floors_that_are_held() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    held = [set(re.findall(r"luban\.(\w+)", line)) for line in contract["layers"]]
    page = (ROOT / "docs" / "concepts" / "code.md").read_text(encoding="utf-8")
    table = page[page.index("## Floors") : page.index("## Words")]
    assert [set(re.findall(r"`(\w+)`", line)) for line in table.splitlines() if re.match(r"\| .*`", line)] == held


def test_every_page_can_be_reached() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not link.startswith("https://") and link.partition("#")[0]
    }
    lonely = [page for page in PAGES if page.resolve() not in linked and page.parent != ROOT]
    assert [page.name for page in lonely if page != ROOT / "docs" / "README.md"] == []


def test_the_reference_is_what_the_code_says() -> None:
    assert generate().stale() == [], "run make docs"


def test_the_test_above_sees_a_page_that_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = generate()
    monkeypatch.setattr(module, "REFERENCE", tmp_path)
    for name, page in module.PAGES.items():
        (tmp_path / name).write_text(page(), encoding="utf-8")
    assert module.stale() == []
    (tmp_path / "recipe.md").write_text("old", encoding="utf-8")
    (tmp_path / "gone.md").write_text("no page", encoding="utf-8")
    assert module.stale() == ["recipe.md", "gone.md"]


def test_every_setting_of_the_reference_has_a_meaning() -> None:
    module = generate()
    for name in ("recipe.md", "models.md"):
        rows = [line for line in module.PAGES[name]().splitlines() if line.startswith("| `")]
        assert rows
        assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_each_example_runs(example: Path, programs: Programs, tmp_path: Path) -> None:
    # A slice of the data, and one epoch: that the example runs is what is held here.
    environment = {"ROWS": "200", "EPOCHS": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"}
    process = programs.nursery.run("python", [str(example)], tmp_path, environment)
    assert process.wait() == 0, tmp_path.with_suffix(".err").read_text(encoding="utf-8")[-3000:]
    assert tmp_path.with_suffix(".out").read_text(encoding="utf-8").strip()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_demo_shows_score_answer_and_what_to_try_next(programs: Programs) -> None:
    environment = {**os.environ, **programs.environment, "DEMO_TIME": "6"}
    demo = ["bash", str(ROOT / "examples" / "demo.sh")]
    done = subprocess.run(demo, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "95% interval" in done.stdout
    assert "probability_malignant" in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[-3:]] == ["predict", "diagnose", "report"]
