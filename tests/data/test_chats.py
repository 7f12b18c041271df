"""Chats in tables and files: each way to hold them, and what is said of rows that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.data import chats
from luban.data.open import open_dataset

TURNS = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]


def read(table: Any, task: str = "chat", target: str | None = None) -> list[Any]:
    found = chats.read(open_dataset(table), task, target)
    return [json.loads(text) for text in found.frame.collect()[chats.COLUMN]]


def lines(path: Path, *objects: Any) -> Path:
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in objects) + "\n", "utf-8")
    return path


def test_messages_prompts_and_named_columns_give_the_same_chats(tmp_path: Path) -> None:
    several = [{"messages": TURNS}, {"messages": TURNS}]
    assert read(lines(tmp_path / "a.jsonl", *several)) == [TURNS, TURNS]
    assert read(pl.DataFrame({"messages": [json.dumps(TURNS)]})) == [TURNS]
    assert read(pl.DataFrame({"prompt": ["Why?"], "answer": ["So."]})) == [TURNS]
    assert read(pl.DataFrame({"en": ["Why?"], "fr": ["So."]}), target="fr") == [TURNS]
    assert read(pl.DataFrame({"question": ["Why?"], "topic": ["a"], "reply": ["So."]}), target="reply") == [TURNS]


def test_other_columns_stay_and_the_same_rows_have_the_same_fingerprint() -> None:
    table = pl.DataFrame({"prompt": ["a", "b"], "answer": ["c", "d"], "who": ["x", "y"]})
    found = chats.read(open_dataset(table), "chat", None)
    assert found.frame.collect_schema().names() == ["who", "chat"]
    assert found.schema["chat"].kind == "chat"
    assert found.fingerprint == chats.read(open_dataset(table), "chat", None).fingerprint
    assert found.fingerprint != open_dataset(table).fingerprint
    assert chats.read(found, "chat", None) == found


def test_pairs_have_a_chosen_and_a_rejected_answer() -> None:
    table = pl.DataFrame({"prompt": ["Why?"], "chosen": ["So."], "rejected": ["No."]})
    assert read(table, "preference") == [{"messages": TURNS[:1], "chosen": "So.", "rejected": "No."}]
    with pytest.raises(DataError, match="the answer that was chosen is the one that was rejected"):
        read(pl.DataFrame({"prompt": ["Why?"], "chosen": ["So."], "rejected": ["So."]}), "preference")
    with pytest.raises(UsageError, match="there is no column 'rejected'"):
        read(pl.DataFrame({"prompt": ["Why?"], "chosen": ["So."]}), "preference")


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ({"messages": "hello"}, "'messages' is no list of turns, but the text 'hello'"),
        ({"messages": []}, "'messages' holds no turns"),
        ({"other": 1}, "'messages' holds no turns"),
        ({"messages": [{"role": "bot", "content": "a"}]}, "the role of turn 1 is 'bot'"),
        ({"messages": [{"role": "user"}]}, "turn 1 has no content that is a text"),
        ({"messages": TURNS[:1]}, "no turn is the assistant's"),
        ({"messages": [TURNS[0], {"role": "assistant", "content": " "}]}, "the answer is empty"),
        ('{"messages": [{"role": "us', "this line is not JSON"),
        ('["a"]', "this line is JSON, but not an object"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_one_broken_line_of_a_file_is_named(broken: Any, what: str, tmp_path: Path) -> None:
    whole = {"messages": TURNS}
    path = lines(tmp_path / "chats.jsonl", whole, "", whole, broken, whole)
    with pytest.raises(DataError) as error:
        read(path)
    assert what in error.value.message
    assert error.value.where == f"{path}, line 4"
    assert error.value.fix


def test_a_row_of_a_table_is_named_by_its_number() -> None:
    with pytest.raises(DataError) as error:
        read(pl.DataFrame({"prompt": ["a", "b"], "answer": ["c", None]}))
    assert (error.value.message, error.value.where) == ("the answer is empty.", "the data, row 1")


def test_columns_that_hold_no_chats_are_told() -> None:
    with pytest.raises(UsageError, match="no columns hold a prompt and its answer") as error:
        read(pl.DataFrame({"a": ["x"], "b": ["y"], "c": ["z"]}))
    assert "--target" in str(error.value.fix)
    with pytest.raises(UsageError, match="there is no column 'answr'"):
        read(pl.DataFrame({"prompt": ["x"], "answer": ["y"]}), target="answr")
