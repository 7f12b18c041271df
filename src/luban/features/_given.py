"""Tokenizers that a person gives: the `tokenizer.json` of the library `tokenizers`, read as data.

What is kept is its content: the model with its vocabulary, and how texts are cut before it. What frames, pads and cuts
rows is left out, for networks do that themselves. Only parts that are listed here are taken, and only sizes that are
bounded, so a file of a stranger costs a bounded time and runs nothing. Nothing is learned here.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core import fingerprint
from luban.core.errors import BundleError, DataError, ResourceError, UsageError
from luban.core.lazy import require
from luban.core.strict_json import parse, shown
from luban.recipe.recipe import Features, Recipe

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

OWN = ("bpe", "wordpiece")
"""The kinds that are learned from training rows; anything else in `features.tokenizer` is a place."""
NAME = "tokenizer.json"
BY_CONTENT = "sha256:"
"""How a recipe that is kept names a tokenizer that was given: by its content, for a place is of one machine."""
MOST_BYTES = 64 << 20
MOST_VOCABULARY = 1_000_000
MOST_PATTERN = 2_000
"""Characters of a pattern that cuts texts."""
MOST_GROWTH = 1_000
"""How many characters may come of one, where parts write others in its place."""
MOST_PARTS = 64
LONGEST_WORD = 1_000
"""Characters of a word that are looked at at once: time grows with their square."""
_WHERE = "features.tokenizer"
_CURE = "give a tokenizer.json of the library tokenizers, or a folder that holds one; `bpe` learns one instead"
_MODELS = ("BPE", "WordPiece", "WordLevel", "Unigram")
_PARTS = {
    "normalizer": (
        "Sequence", "BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt",
        "Replace", "Prepend", "ByteLevel", "Precompiled",
    ),
    "pre_tokenizer": (
        "Sequence", "BertPreTokenizer", "ByteLevel", "Whitespace", "WhitespaceSplit", "Metaspace", "Punctuation",
        "Digits", "Split", "CharDelimiterSplit", "UnicodeScripts",
    ),
    "decoder": (
        "Sequence", "BPEDecoder", "ByteLevel", "WordPiece", "Metaspace", "ByteFallback", "Fuse", "Strip", "Replace",
    ),
}  # fmt: skip


def is_place(settings: Features) -> bool:
    """Whether the recipe gives a tokenizer, and does not have one learned."""
    return settings.tokenizer not in OWN


def by_content(recipe: Recipe) -> Recipe:
    """The recipe with the tokenizer's content in the place of its path, as fingerprints and bundles have it.

    Raises UsageError for what is no tokenizer.
    """
    settings = recipe.features
    if not is_place(settings) or settings.tokenizer.startswith(BY_CONTENT):
        return recipe
    name = BY_CONTENT + fingerprint.of_bytes(read(settings.tokenizer))
    return recipe.model_copy(update={"features": settings.model_copy(update={"tokenizer": name})})


def read(place: str) -> bytes:
    """The content of the tokenizer at this place, a file or a folder, written in one way.

    Raises UsageError for a place without one and for what is not taken; ResourceError where it may not be read.
    """
    if place.startswith(BY_CONTENT):
        raise UsageError(
            f"the recipe names its tokenizer by its content alone ({place:.24}...).",
            where=_WHERE,
            fix=f"say where it lies: --set {_WHERE}=PATH",
        )
    path = Path(place)
    where = f"{_WHERE}, {place:.200}"
    try:
        path = path / NAME if path.is_dir() else path
        if not path.is_file():
            what = f"the folder holds no {NAME}." if path.name == NAME and path.parent.is_dir() else "no file is there."
            raise UsageError(what, where=where, fix=_CURE)
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"a tokenizer has at most {MOST_BYTES:,} bytes.", where=where, fix=_CURE)
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ResourceError(f"it cannot be read ({error.strerror}).", where=where) from None
    if data.startswith((b"\x80", b"PK")):
        raise UsageError("this is a pickle or an archive, which may hold code; it is not read.", where=where, fix=_CURE)
    try:
        content = checked(data)
    except ValueError as reason:
        raise UsageError(f"this is no tokenizer that is taken: {reason}.", where=where, fix=_CURE) from None
    return content


def checked(data: bytes) -> bytes:
    """The tokenizer's content, written in one way: equal tokenizers, equal bytes.

    Raises ValueError with the reason, in words, for what is not taken.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
    document = parse(data)
    model = document.get("model") if isinstance(document, dict) else None
    if not isinstance(model, dict):
        raise ValueError("it has no model")
    # Older files leave out the kind of byte-pair models.
    model = {"type": "BPE" if "merges" in model else None, **model, "dropout": None}
    if model["type"] not in _MODELS:
        raise ValueError(f"its model is {shown(model['type'])}, and {', '.join(_MODELS)} are known")
    if model["type"] != "BPE":
        del model["dropout"]
    added = document.get("added_tokens") or []
    _check_numbers(model, added)
    if not _is_count(model.get("max_input_chars_per_word", 1), LONGEST_WORD):
        raise ValueError(f"it looks at words of more than {LONGEST_WORD:,} characters at once")
    parts = {name: document.get(name) for name in _PARTS}
    for name, part in parts.items():
        _check_parts(name, part)
    return json.dumps(
        {"version": "1.0", "added_tokens": added, **parts, "model": model}, sort_keys=True, ensure_ascii=False
    ).encode()


@dataclass(frozen=True)
class Given:
    """A tokenizer as it is kept. sha256: of the content, by which it is told from others."""

    sha256: str
    content: Array = field(compare=False)

    @property
    def tokenizer(self) -> Tokenizer:
        return _opened(self)[0]

    @property
    def size(self) -> int:
        """How many numbers it has: the largest one, plus 1."""
        return _opened(self)[1]

    @property
    def unknown(self) -> int | None:
        """The number of what it does not know; None where it knows everything."""
        return _opened(self)[2]


def of_content(content: bytes) -> Given:
    """The tokenizer with this content, which `checked` gave. BundleError where the library does not take it."""
    given = Given(fingerprint.of_bytes(content), np.frombuffer(content, np.uint8))
    if not 1 <= given.size <= MOST_VOCABULARY:
        raise BundleError(f"a tokenizer has 1 to {MOST_VOCABULARY:,} tokens.")
    return given


def cut(tokenizer: Tokenizer, texts: Sequence[str], *, places: bool = False) -> list[Encoding]:
    """The tokens of each text, without marks. places: whether they know where in the text they stand, as `offsets`.

    Raises DataError for a text on which a pattern of the tokenizer does not come to an end: the library stops it, and
    panics.
    """
    encode = tokenizer.encode_batch if places else tokenizer.encode_batch_fast
    try:
        found: list[Encoding] = encode(list(texts), add_special_tokens=False)
    except BaseException as error:
        # A panic is no Exception, and its class has no name that could be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise DataError(
            "a pattern of the tokenizer that was given takes too long on a text.", where=_WHERE, fix=_CURE
        ) from None
    return found


@functools.lru_cache(maxsize=8)
def _opened(given: Given) -> tuple[Tokenizer, int, int | None]:
    tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
    document = parse(given.content.tobytes())
    try:
        found = tokenizers.Tokenizer.from_str(given.content.tobytes().decode())
        found.no_padding()
        found.no_truncation()
        # A text may hold the name of a mark; it stays text.
        found.encode_special_tokens = True
        numbers = found.get_vocab(with_added_tokens=True)
        unknown = _unknown(document["model"])
        # What has no word for the unknown fails at the first one.
        cut(found, ["\u2603 a 1 \x00", ""])
    except BaseException as error:
        # The library has no class of its own for its errors, and may panic at a map of characters.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise BundleError(f"the library tokenizers does not take the tokenizer: {shown(error, 120)}.") from None
    return found, max(numbers.values(), default=-1) + 1, unknown


def _unknown(model: Mapping[str, Any]) -> int | None:
    if model["type"] == "Unigram":
        number = model.get("unk_id")
        return number if isinstance(number, int) else None
    number = model["vocab"].get(model.get("unk_token"))
    return number if isinstance(number, int) else None


def _check_numbers(model: Mapping[str, Any], added: Any) -> None:
    """ValueError for numbers of tokens that a network has no row for."""
    vocabulary = model.get("vocab")
    if model["type"] == "Unigram":
        if not isinstance(vocabulary, list):
            raise ValueError("its vocabulary must be a list")
        numbers: list[Any] = list(range(len(vocabulary)))
    elif isinstance(vocabulary, dict):
        numbers = list(vocabulary.values())
        unknown = model.get("unk_token")
        if model["type"] != "BPE" and not (isinstance(unknown, str) and unknown in vocabulary):
            raise ValueError(f"its vocabulary has no word for the unknown, {shown(unknown)}")
    else:
        raise ValueError("it has no vocabulary")
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise ValueError("its added tokens must be a list")
    numbers += [token.get("id") for token in added]
    if not numbers or not all(_is_count(number, MOST_VOCABULARY - 1) for number in numbers):
        raise ValueError(f"its tokens must have numbers from 0 to {MOST_VOCABULARY - 1:,}")


def _check_parts(name: str, part: Any) -> None:
    """ValueError for a part that is not known, or that could grow texts without bound."""
    known = _PARTS[name]
    growth = 1
    for count, each in enumerate(_leaves(part)):
        kind = each.get("type")
        if kind not in known:
            raise ValueError(f"its {name} {shown(kind)} is not known")
        if count > MOST_PARTS:
            raise ValueError(f"its {name} has more than {MOST_PARTS} parts")
        pattern = each.get("pattern")
        if isinstance(pattern, dict) and any(len(str(text)) > MOST_PATTERN for text in pattern.values()):
            raise ValueError(f"it has a pattern of more than {MOST_PATTERN:,} characters")
        written = len(str(each.get("content") or each.get("prepend") or ""))
        # A pattern may match nothing at all; then what is written stands beside each character.
        beside = isinstance(pattern, dict) and ("Regex" in pattern or "" in pattern.values())
        growth *= 1 + written if beside else max(written, 1)
        if kind == "Precompiled":
            growth *= _growth_of_map(each.get("precompiled_charsmap"))
        if growth > MOST_GROWTH:
            raise ValueError(f"its {name} may write more than {MOST_GROWTH:,} characters for one")


def _growth_of_map(content: Any) -> int:
    """How many bytes of a map of characters, as sentencepiece keeps it, one character may become at most. ValueError
    for what is none: the size of a tree, the tree, and the texts that it leads to, each ended by a zero.

    >>> import base64
    >>> _growth_of_map(base64.b64encode(b"\\4\\0\\0\\0tree" + b"fi\\0ffl\\0").decode())
    3
    """
    try:
        data = base64.b64decode(content, validate=True)
    except (TypeError, ValueError):
        raise ValueError("its map of characters is not written as bytes") from None
    size = int.from_bytes(data[:4], "little")
    if len(data) < 4 or size % 4 or 4 + size > len(data):
        raise ValueError("its map of characters is cut short")
    return max((len(text) for text in data[4 + size :].split(b"\0")), default=0) or 1


def _leaves(part: Any) -> Iterator[Mapping[str, Any]]:
    """A part and all that it is made of."""
    if part is None:
        return
    if not isinstance(part, dict):
        raise ValueError("its parts must be objects")
    yield part
    for inner in ("normalizers", "pretokenizers", "decoders"):
        parts = part.get(inner) or []
        if not isinstance(parts, list):
            raise ValueError(f"its {inner} must be a list")
        for each in parts:
            yield from _leaves(each)


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
