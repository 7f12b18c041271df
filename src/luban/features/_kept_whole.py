"""A tokenizer that is kept whole in the state of a column: taken where it was given, checked, and opened again.

Its tokens stand behind five marks of luban's own, in the order of its own numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from luban.core import fingerprint
from luban.core.errors import BundleError, UsageError
from luban.features import _given as given
from luban.features._learning import spread_out
from luban.protocols import State
from luban.recipe.recipe import Features

MARKS = ("[PAD]", "[UNK]", "[START]", "[END]", "[MASK]")
"""They have the numbers 0 to 4."""
ARRAY = "tokenizer"
"""What its content is called in a state."""
SHA256 = "sha256"
FEWEST_KNOWN = 0.1
"""Of the tokens of the training texts, a tokenizer that is given knows at least this share."""


def taken(texts: Sequence[str], settings: Features, column: str) -> State:
    """What is kept of the tokenizer that a recipe gives. texts: training texts, or the words of them.

    Raises UsageError for a tokenizer that is none, or that does not know these texts.
    """
    state = of_content(given.read(settings.tokenizer), settings)
    _refuse_strange(texts, opened(state), settings, column)
    return state


def of_content(content: bytes, settings: Features) -> State:
    """What is kept of a tokenizer with this content. Raises UsageError for what the library does not take."""
    try:
        found = given.of_content(content)
    except BundleError as error:
        raise UsageError(error.message, where=f"features.tokenizer, {settings.tokenizer:.200}") from None
    return state_of(found)


def state_of(found: given.Given) -> State:
    """What is kept of a tokenizer."""
    return State({SHA256: found.sha256}, {ARRAY: found.content})


def is_kept(state: State) -> bool:
    """Whether a state holds a tokenizer."""
    return ARRAY in state.arrays


def opened(state: State) -> given.Given:
    """The tokenizer of a state that holds one."""
    return given.Given(state.values[SHA256], state.arrays[ARRAY])


def size(state: State) -> int:
    """How many numbers there are, marks among them."""
    return len(MARKS) + opened(state).size


def check(state: State) -> None:
    """Raises BundleError for a tokenizer that is never kept."""
    content, sha256 = state.arrays[ARRAY], state.values.get(SHA256)
    if content.dtype != np.uint8 or content.ndim != 1:
        raise BundleError("the tokenizer of a text column must be bytes.")
    data = content.tobytes()
    if sha256 != fingerprint.of_bytes(data):
        raise BundleError("the tokenizer of a text column is not the one of its sha256.")
    try:
        same = given.checked(data) == data
    except ValueError as reason:
        raise BundleError(f"the tokenizer of a text column is not taken: {reason}.") from None
    if not same:
        raise BundleError("the tokenizer of a text column is not written as fitting writes it.")
    given.of_content(data)


@contextmanager
def one_thread() -> Iterator[None]:
    """The library asks the environment whether to start threads; what it was is put back."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _refuse_strange(texts: Sequence[str], found: given.Given, settings: Features, column: str) -> None:
    """Raises UsageError for a tokenizer that knows next to nothing of the texts."""
    with one_thread():
        some = given.cut(found.tokenizer, spread_out(list(texts), 2_000))
    total = sum(len(each.ids) for each in some)
    known = total - sum(each.ids.count(found.unknown) for each in some if found.unknown is not None)
    if known < FEWEST_KNOWN * total or (not total and any(text.strip() for text in texts)):
        raise UsageError(
            f"the tokenizer knows {known:,} of the {total:,} tokens of the texts in '{column}'.",
            where=f"features.tokenizer, {settings.tokenizer:.200}",
            fix="take a tokenizer, or with --from a model, of their language; --set features.tokenizer=bpe learns one",
        )
