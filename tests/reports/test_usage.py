"""How to use it: the example is Python and CSV that can be read, with the bundle's own columns."""

from __future__ import annotations

import ast
import csv
import io

import pytest

from luban.reports import terminal
from luban.reports.lines import Style
from luban.reports.numbers import printable
from luban.reports.usage import usage, writing
from reports.evidence import HOSTILE, TASKS, view


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("hostile", [False, True])
def test_the_example_has_every_input_column(task: str, hostile: bool) -> None:
    seen = view(task, hostile=hostile)
    example = usage(seen)
    assigned = next(part for part in ast.parse(example.python).body if ast.unparse(part).startswith("row = "))
    assert isinstance(assigned, ast.Assign)
    row = ast.literal_eval(assigned.value)
    assert list(row) == [column.name for column in seen.schema.inputs]
    header, values = csv.reader(io.StringIO(example.csv))
    # A file is shown as well as copied, so what would command a terminal is not in it.
    assert header == [printable(name) for name in row]
    assert values == [printable(value[0]) for value in row.values()]


def test_the_values_are_likely_ones() -> None:
    assert '"mean radius": [13.37]' in usage(view("binary")).python


def test_probabilities_are_asked_for_only_where_there_are_some() -> None:
    assert "predict_proba" in usage(view("multiclass")).python
    assert "predict_proba" not in usage(view("regression")).python


@pytest.mark.parametrize(
    ("task", "model", "told"),
    [
        ("causal-lm", "gpt(tied=True)", ['luban generate it.luban "How it begins"']),
        ("chat", "pretrained-causal", ['luban generate it.luban "A question" --chat']),
        ("causal-lm", "kneser-ney", []),
        ("masked-lm", "bert", []),
    ],
)
def test_a_language_model_that_can_write_is_asked_to(task: str, model: str, told: list[str]) -> None:
    evaluation = {"task": task, "chosen": {"label": model}}
    assert writing(evaluation, "it.luban") == told
    shown = terminal.show("fit", {**evaluation, "bundle": "it.luban", "measurements": []}, Style())
    assert ("luban generate" in shown) == bool(told)


def test_a_name_is_quoted_for_the_shell() -> None:
    first = usage(view("binary", name=HOSTILE)).shell.splitlines()[0]
    assert first.startswith("luban predict '<script>")
