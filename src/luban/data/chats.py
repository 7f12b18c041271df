"""Rows from which a language model learns to answer, as one column of chats, whichever way a table holds them.

    messages                     turns, each with `role` and `content`: a list, or its JSON
    prompt, answer               one question and its answer; other names by --target
    prompt, chosen, rejected     two answers, of which a person chose one

A chat is JSON from here on: a list of turns, or an object with `messages`, `chosen` and `rejected`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from luban.core import fingerprint
from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean, fold
from luban.data.dataset import Dataset
from luban.schema.schema import Column, Schema

CHAT, PREFERENCE = "chat", "preference"
TASKS = (CHAT, PREFERENCE)
COLUMN = "chat"
"""The column that stands in the place of those that were read."""
MESSAGES = "messages"
PROMPTS = ("prompt", "question", "instruction", "input")
ANSWERS = ("answer", "response", "completion", "output")
CHOSEN, REJECTED = "chosen", "rejected"
ROLES = ("system", "user", "assistant", "tool")
MOST_TURNS = 1_000
_ENDINGS = (".jsonl", ".ndjson", ".jsonlines")


def asks(task: str | None) -> bool:
    """Whether a task learns to answer in chats."""
    return fold(task or "") in TASKS


def read(dataset: Dataset, task: str, target: str | None) -> Dataset:
    """The data set with one column of chats in the place of the columns that hold them. All of it is looked at.

    target: the column with the answers, where its name does not say it.
    Raises UsageError where no columns hold chats, and DataError that names the line, or the row, that is none.
    """
    names = dataset.frame.collect_schema().names()
    if COLUMN in names and dataset.schema[COLUMN].kind == "chat":
        return dataset
    used = _columns(names, fold(task), target)
    chats = _chats(dataset.frame.select(used.values()).collect(), used, lambda row: _place(dataset, row))
    taken = set(used.values())
    frame = dataset.frame.drop(taken).with_columns(chats)
    reason = f"made of {', '.join(sorted(taken))}"
    column = Column(COLUMN, "chat", "input", reason, "String", distinct=chats.n_unique())
    others = [replace(each, role="ignored") for each in dataset.schema.columns if each.name not in taken | {COLUMN}]
    return replace(
        dataset,
        frame=frame,
        schema=Schema((*others, column)),
        fingerprint=fingerprint.of_json([dataset.fingerprint, fold(task), dict(used)]),
    )


def of_rows(rows: pl.DataFrame, task: str, target: str | None) -> pl.DataFrame:
    """The chats of rows, as `read` has them. Raises UsageError and DataError as it does."""
    if COLUMN in rows.columns:
        return rows
    used = _columns(rows.columns, fold(task), target)
    return _chats(rows.select(used.values()), used, lambda row: f"the rows, row {row}").to_frame()


def _chats(table: pl.DataFrame, used: Mapping[str, str], place: Callable[[int], str]) -> pl.Series:
    chats = []
    for row, values in enumerate(table.iter_rows()):
        try:
            chats.append(_chat(dict(zip(used, values, strict=True))))
        except ValueError as reason:
            raise DataError(f"{reason}.", where=place(row), fix=_cure(used)) from None
    return pl.Series(COLUMN, chats, dtype=pl.String)


def _columns(names: Sequence[str], task: str, target: str | None) -> Mapping[str, str]:
    """What each part of a chat is called in this table."""
    if target is not None and target not in names:
        raise UsageError(f"there is no column '{target}'. {did_you_mean(target, list(names))}", where="--target")
    if task == PREFERENCE:
        missing = [name for name in (CHOSEN, REJECTED) if name not in names]
        prompt = MESSAGES if MESSAGES in names else next((name for name in PROMPTS if name in names), None)
        if missing or prompt is None:
            raise UsageError(
                f"there is no column '{missing[0] if missing else PROMPTS[0]}'; the columns are: {_listed(names)}.",
                where=f"--task {task}",
                fix="give the columns prompt, chosen and rejected",
            )
        return {MESSAGES if prompt == MESSAGES else "prompt": prompt, CHOSEN: CHOSEN, REJECTED: REJECTED}
    if target is None and MESSAGES in names:
        return {MESSAGES: MESSAGES}
    answer = target or next((name for name in ANSWERS if name in names), None)
    prompts = [name for name in PROMPTS if name in names and name != answer]
    others = [name for name in names if name != answer]
    prompt = prompts[0] if prompts else others[0] if len(others) == 1 else None
    if answer is None or prompt is None:
        raise UsageError(
            f"no columns hold a prompt and its answer, nor {MESSAGES}; the columns are: {_listed(names)}.",
            where=f"--task {task}",
            fix="call them prompt and answer, or name the answers by --target and leave one other column beside them",
        )
    return {"prompt": prompt, "answer": answer}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:8])


def _chat(parts: Mapping[str, Any]) -> str:
    """The JSON of a chat. Raises ValueError, in words, for what is none."""
    if MESSAGES in parts:
        turns = _turns(parts[MESSAGES])
    else:
        turns = [{"role": "user", "content": _text(parts["prompt"], "the prompt")}]
    if CHOSEN in parts:
        answers = {name: _text(parts[name], f"the answer '{name}'") for name in (CHOSEN, REJECTED)}
        if answers[CHOSEN] == answers[REJECTED]:
            raise ValueError("the answer that was chosen is the one that was rejected")
        return json.dumps({MESSAGES: turns, **answers}, ensure_ascii=False)
    if "answer" in parts:
        turns.append({"role": "assistant", "content": _text(parts["answer"], "the answer")})
    said = [turn for turn in turns if turn["role"] == "assistant"]
    if not said:
        raise ValueError("no turn is the assistant's, so there is nothing to learn")
    if not all(turn["content"].strip() for turn in said):
        raise ValueError("the answer is empty")
    return json.dumps(turns, ensure_ascii=False)


def _text(value: Any, what: str) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"{what} is empty")
    if isinstance(value, list | dict | bytes):
        raise ValueError(f"{what} is no text")
    return str(value)


def _turns(value: Any) -> list[dict[str, str]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"'{MESSAGES}' is no list of turns, but the text {value[:40]!r}") from None
    if not isinstance(value, list) or not value:
        raise ValueError(f"'{MESSAGES}' holds no turns")
    if len(value) > MOST_TURNS:
        raise ValueError(f"it has {len(value):,} turns; at most {MOST_TURNS:,} are read")
    found = []
    for number, turn in enumerate(value, 1):
        role, content = (turn.get("role"), turn.get("content")) if isinstance(turn, dict) else (None, None)
        if role not in ROLES:
            raise ValueError(f"the role of turn {number} is {role!r:.40}, and {', '.join(ROLES)} are known")
        if not isinstance(content, str):
            raise ValueError(f"turn {number} has no content that is a text")
        found.append({"role": role, "content": content})
    return found


def _cure(used: Mapping[str, str]) -> str:
    if MESSAGES in used and CHOSEN not in used:
        return '{"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]}'
    return "fill in the row, or leave it out"


def _place(dataset: Dataset, row: int) -> str:
    """Where a row stands: the line of a file of JSON lines, else its 0-based number."""
    path = Path(dataset.where)
    if path.suffix in _ENDINGS and path.is_file():
        with path.open("rb") as lines:
            full = (number for number, line in enumerate(lines, 1) if line.strip())
            line = next((number for at, number in enumerate(full) if at == row), None)
        if line is not None:
            return f"{path}, line {line}"
    return f"{dataset.where}, row {row}"
