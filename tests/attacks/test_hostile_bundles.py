"""Every hostile bundle is refused in a few lines that name the place, at little cost; or it does no harm.

That none of them runs code is shown in `test_audit_hook`.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

import luban
from attacks.hostile import ATTACKS, RUNTIME, Attack, hostile_bundle
from attacks.use import use
from fitted import Fitted
from luban.cli.main import group
from luban.cli.running import lines, run
from luban.core.errors import BundleError, DataError, LubanError

READING = [attack for attack in ATTACKS if attack.stage == "reading"]
USING = [attack for attack in ATTACKS if attack.stage == "using"]
GOOD = ("iris", "patients")
"""A kernel machine on numbers; trees on every data type."""


def named(attacks: list[Attack]) -> dict[str, object]:
    return {"argvalues": attacks, "ids": [attack.name for attack in attacks]}


def test_there_are_many_ways_to_do_harm_and_each_has_a_name() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) > 200


@pytest.mark.parametrize("name", GOOD)
def test_the_good_bundle_is_used_without_complaint(name: str, fitted: Fitted) -> None:
    """Else a refusal of its hostile copies would show nothing."""
    answers = use(luban.load(fitted.bundle(name)), fitted.patients)
    half = len(answers) // 2
    assert half and answers[:half] == pytest.approx(answers[half:], abs=1e-5), "by its graph as by its form"


@pytest.mark.parametrize("attack", **named(READING))
def test_it_does_not_open(attack: Attack, fitted: Fitted, tmp_path: Path) -> None:
    path = hostile_bundle(attack, fitted.bundle("iris"), tmp_path)
    if path is None:
        pytest.skip("this machine does not let us")
    with pytest.raises(BundleError) as refused:
        luban.load(path)
    told = check(refused.value, path)
    assert attack.tells is not None
    assert re.search(attack.tells, " ".join(told)), told


@pytest.mark.parametrize("attack", **named(USING))
@pytest.mark.parametrize("name", GOOD)
def test_it_is_refused_when_it_is_used_or_does_no_harm(
    name: str, attack: Attack, fitted: Fitted, tmp_path: Path
) -> None:
    path = hostile_bundle(attack, fitted.bundle(name), tmp_path)
    if path is None:
        pytest.skip("this bundle has nothing to attack so")
    try:
        use(luban.load(path), fitted.patients)
    except (BundleError, DataError) as refused:
        told = check(refused, path)
        assert attack.tells is None or re.search(attack.tells, " ".join(told)), told
    else:
        assert attack.tells is None, "nobody refused it"


def check(error: LubanError, path: Path) -> list[str]:
    """The lines that a person reads: few, in plain text, and they name the bundle."""
    told = lines(error)
    assert len(told) <= 8
    assert all(len(line) < 400 for line in told)
    assert "".join(told).isprintable()
    assert path.name in (error.where or ""), error.where
    return told


FEW = ("changed-byte", "missing-file", "format-newer", "path-climbing-out", "link-to-the-passwords",
       "size-of-ten-gigabytes", "recipe-python-object", "form-kind-os-system", "graph-reads-the-passwords")  # fmt: skip


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("verb", ["predict", "evaluate", "verify", "inspect"])
def test_every_verb_ends_with_3(
    verb: str, name: str, fitted: Fitted, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    attack = next(attack for attack in ATTACKS if attack.name == name)
    if attack.stage == "using" and verb == "inspect":
        pytest.skip("inspecting uses nothing")
    if name == "form-kind-os-system" and (fitted.bundle("iris") / RUNTIME).exists():
        pytest.skip("the graph answers, and the form is not looked at")
    path = hostile_bundle(attack, fitted.bundle("iris"), tmp_path)
    assert path is not None
    assert run(group, [verb, str(path), *([] if verb == "inspect" else ["sample:iris"])]) == 3
    out, told = capfd.readouterr()
    assert out == ""
    assert told.startswith("error:")
    assert len(told.splitlines()) <= 8
    assert "Traceback" not in told
    assert path.name in told


def test_numbers_stay_finite(fitted: Fitted) -> None:
    """What `use` calls harmless is looked at here once."""
    answers = use(luban.load(fitted.bundle("iris")), fitted.patients)
    assert answers and all(math.isfinite(value) for value in answers)
