"""No code of a bundle runs: an audit hook watches while every hostile bundle is opened and used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent

WATCHED = """
import json, site, sys, sysconfig
from pathlib import Path
sys.path[:0] = [{tests!r}, {here!r}]
import luban
from luban.core.errors import LubanError
from attacks.hostile import hostile_bundles
from attacks.use import use

good, patients, folder = (Path(each) for each in {paths!r})
bundle = luban.load(good)
use(bundle, patients)
hostile = list(hostile_bundles(good, folder))

FORBIDDEN = {{"pickle.find_class", "subprocess.Popen", "os.system", "socket.connect", "os.exec", "os.posix_spawn"}}
INSTALLED = tuple(str(Path(p).resolve()) for p in {{*site.getsitepackages(), sysconfig.get_path("stdlib"),
                                                  str(Path(luban.__file__).parent), {tests!r}, "<frozen"}})
seen, armed = [], True

def hook(event, arguments):
    if not armed:
        return
    if event in FORBIDDEN:
        seen.append(event)
    elif event in ("compile", "exec"):
        code = arguments[0] if event == "exec" else None
        name = code.co_filename if code is not None else arguments[1]
        if isinstance(name, bytes):
            name = name.decode()
        if not str(name).startswith(INSTALLED) and not str(name).startswith("<frozen"):
            seen.append(f"{{event}} {{name}}")

sys.addaudithook(hook)
refused = 0
for name, path in hostile:
    try:
        use(luban.load(path), patients)
    except (LubanError, AssertionError):
        refused += 1
{provoke}
armed = False
print(json.dumps({{"seen": seen, "hostile": len(hostile), "refused": refused}}))
"""


def watched(fitted, tmp_path: Path, provoke: str = "") -> dict:
    paths = [str(fitted.bundle("iris")), str(fitted.patients), str(tmp_path)]
    program = WATCHED.format(tests=str(TESTS), here=str(HERE), paths=paths, provoke=provoke)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_no_hostile_bundle_runs_code_starts_a_program_or_opens_a_connection(fitted, tmp_path):
    result = watched(fitted, tmp_path)
    assert result["hostile"] >= 40
    assert result["refused"] > 0.9 * result["hostile"]
    assert result["seen"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provoke", "event"),
    [
        ("import pickle, collections; pickle.loads(pickle.dumps(collections.OrderedDict()))", "pickle.find_class"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import os; os.system('true')", "os.system"),
        ("exec(compile('1', 'from a bundle', 'exec'))", "compile from a bundle"),
    ],
)
def test_the_hook_sees_what_it_looks_for(fitted, tmp_path, provoke, event):
    assert event in watched(fitted, tmp_path, provoke)["seen"]
