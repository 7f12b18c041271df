"""Encoder-decoders, which read a text and write another one, as places to begin from: a folder as `transformers` writes
it, or the folder `model` of a bundle.

    config.json              the architecture, of `KINDS`
    generation_config.json   what begins and ends a text that is written, and what is never written
    *.safetensors            the weights
    tokenizer.json           how texts are cut, those that are read and those that are written

All of it is data of a stranger: sizes are bounded, pickles are never opened, and code that a folder brings is never
looked at. How long texts become, and how often words may come again, is no part of what is taken.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core import fingerprint
from luban.core.errors import UsageError
from luban.core.strict_json import shown
from luban.data import cache
from luban.features import _given as given
from luban.origins import configs, layout, loading, naming

if TYPE_CHECKING:
    from torch import nn

KINDS = configs.ENCODER_DECODERS
"""The architectures that are built; each is tested with tiny random weights."""
KIND: loading.Kind = "AutoModelForSeq2SeqLM"
MOST_TOKENS = 99_000
_MARKS = {
    "bart": {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2},
    "marian": {"pad_token_id": 58_100, "eos_token_id": 0, "decoder_start_token_id": 58_100},
    "t5": {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
}
"""Numbers of tokens where a folder does not say them."""
_PLACES = {"bart": "max_position_embeddings", "marian": "max_position_embeddings"}
"""What says how many tokens it can read and write; T5 goes by distances."""
_ROWS = {"bart": 50_265, "marian": 58_101, "t5": 32_128}
_GENERATION = "generation_config.json"
_PIECES = "source.spm"
_CURE = "give a bundle or a folder with config.json, model.safetensors and tokenizer.json, as `transformers` writes it"
_CONVERTS = (
    "import sys, json, pathlib, tokenizers as t; from transformers.convert_slow_tokenizer import import_protobuf; "
    "f = pathlib.Path(sys.argv[1]); v = json.loads((f / 'vocab.json').read_text()); s = {}; "
    "M = import_protobuf().ModelProto; "
    "m = [M.FromString((f / (n + '.spm')).read_bytes()) for n in ('target', 'source')]; "
    "[s.__setitem__(p.piece, p.score) for x in m for p in x.pieces]; w = sorted(v, key=v.get); "
    "k = t.Tokenizer(t.models.Unigram([(p, s.get(p, -99.0)) for p in w], v['<unk>'])); "
    "c = m[1].normalizer_spec.precompiled_charsmap; k.normalizer = t.normalizers.Precompiled(c) if c else None; "
    "k.pre_tokenizer = t.pre_tokenizers.Metaspace(); k.decoder = t.decoders.Metaspace(); "
    "k.add_special_tokens(['</s>', '<unk>', '<pad>']); k.save(str(f / 'tokenizer.json'))"
)
"""What makes one tokenizer of the two of sentencepiece that lie in a folder of Marian."""


@dataclass(frozen=True)
class EncoderDecoder:
    """An encoder-decoder on disk.

    sha256: of what it is. config: as `checked` keeps it. marks: the numbers of what pads, is unknown, begins, ends and
    masks, among its own. starts: with which a text that is written begins. never: which are never written. prefix: what
    stood before each text, where luban trained it; empty where nobody says so.
    """

    path: Path
    sha256: str
    config: Mapping[str, Any]
    marks: tuple[int, int, int, int, int]
    starts: tuple[int, ...]
    never: tuple[int, ...]
    prefix: str
    licence: str | None

    @property
    def tokenizer(self) -> Path:
        return self.path / layout.TOKENIZER

    @property
    def content(self) -> str:
        """Its name in recipes."""
        return layout.BY_CONTENT + self.sha256

    def settings(self) -> dict[str, Any]:
        """What the settings of a model that begins from it say of it."""
        return {
            "content": self.content,
            "config": dict(self.config),
            "marks": list(self.marks),
            "starts": list(self.starts),
            "never": list(self.never),
        }

    def network(self) -> nn.Module:
        """The network with its weights, float32. Raises BundleError for weights that are missing or do not fit."""
        return loading.network(self.path, self.config, KIND, _CURE)


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the network, and nothing else. Raises ValueError, in words, for one not taken.

    >>> checked({"model_type": "t5", "d_model": 8, "architectures": ["T5ForConditionalGeneration"]})
    {'d_model': 8, 'model_type': 't5', 'tie_word_embeddings': True}
    """
    kind = document.get("model_type")
    if kind not in KINDS:
        raise ValueError(f"its kind is {shown(kind)}, and of encoder-decoders {', '.join(KINDS)} are known")
    kept = configs.plain({name: value for name, value in document.items() if value is not None})
    if kind == "t5":
        # Where the library says that outputs are not scaled, its version 1.1 has an output layer of its own.
        scaled = kept.pop("scale_decoder_outputs", True)
        kept["tie_word_embeddings"] = kept.get("tie_word_embeddings") is not False and scaled is not False
    elif kept.get("tie_word_embeddings") is False:
        raise ValueError("its output layer is another one than its embedding")
    rows = kept.get("vocab_size", _ROWS[kind])
    if rows > MOST_TOKENS:
        raise ValueError(f"it has {rows:,} tokens; at most {MOST_TOKENS:,} are taken where texts are written")
    if kept.get("decoder_vocab_size", rows) != rows or kept.get("share_encoder_decoder_embeddings") is False:
        raise ValueError("it reads in other tokens than it writes")
    return dict(sorted(kept.items()))


def rows(config: Mapping[str, Any]) -> int:
    """How many tokens it has a vector for.

    >>> rows({"model_type": "t5"})
    32128
    """
    return int(config.get("vocab_size", _ROWS[config["model_type"]]))


def context(config: Mapping[str, Any]) -> int | None:
    """How many tokens it can read, and write; None where nothing bounds them.

    >>> context({"model_type": "bart"}), context({"model_type": "t5"})
    (1024, None)
    """
    name = _PLACES.get(config["model_type"])
    return None if name is None else int(config.get(name, 1_024))


def writes(config: Mapping[str, Any], starts: int, longest: int) -> int:
    """How many tokens it writes at most, where `longest` are asked for. starts: how many begin each text.

    >>> writes({"model_type": "marian", "max_position_embeddings": 512}, 1, 600)
    511
    """
    places = context(config)
    return longest if places is None else max(min(longest, places - starts), 1)


def block_weights(config: Mapping[str, Any]) -> int:
    """How many weights its blocks have; the embedding does not count. Raises ValueError for no network."""
    outline: Any = loading.outline(config, KIND)
    embedding = {id(outline.get_input_embeddings().weight), id(outline.get_output_embeddings().weight)}
    return sum(weight.numel() for weight in outline.parameters() if id(weight) not in embedding)


def place(name: str, *, online: bool = False) -> Path | None:
    """The folder of an encoder-decoder of this name, of a bundle or another one; None for any other name.

    online: whether the hub may be asked. Raises UsageError with the near name.
    """
    path = naming.noted(name) if name.startswith(layout.BY_CONTENT) else naming.place(name, online=online)
    if (path / "manifest.json").is_file():
        path = path / layout.MODEL
    file = path / layout.CONFIG
    return path if file.is_file() and configs.family(layout.read_json(file)) == "encoder-decoder" else None


def find(content: str) -> EncoderDecoder:
    """The encoder-decoder of a content, `sha256:...`, where it was seen last. UsageError where it is no more."""
    found = opened(naming.noted(content))
    if found.content != content:
        raise naming.lost(content)
    return found


def opened(path: Path) -> EncoderDecoder:
    """The encoder-decoder in a folder. Raises UsageError that names the file and the cure for what is not taken."""
    document = layout.read_json(path / layout.CONFIG)
    try:
        config = checked(document)
    except ValueError as reason:
        where = str(path / layout.CONFIG)
        raise UsageError(f"this architecture is not taken: {reason}.", where=where, fix=_CURE) from None
    weights = layout.weight_files(path)
    if not (path / layout.TOKENIZER).is_file() and (path / _PIECES).is_file():
        raise UsageError(
            f"it cuts texts by sentencepiece ({_PIECES}), and has no {layout.TOKENIZER}.",
            where=str(path),
            fix=f'write one beside it: python -c "{_CONVERTS}" {shlex.quote(str(path))}',
        )
    file = layout.tokenizer_file(path)
    sha256, size, unknown = _cutting(file, cache.stamp(file))
    if size > rows(config):
        raise UsageError(
            f"its tokenizer has {size:,} tokens, and its weights a row for {rows(config):,}.",
            where=str(file),
            fix="config.json, weights and tokenizer must be of one model: fetch or write the folder again",
        )
    said = layout.read_json(path / _GENERATION) if (path / _GENERATION).is_file() else {}
    marks, starts, never = _framing(path, config, {**document, **said}, unknown)
    told = document.get(configs.PREFIX)
    identity: list[Any] = [config, *(cache.content(each) for each in weights), sha256, [marks, starts, never]]
    return EncoderDecoder(
        path.resolve(), fingerprint.of_json(identity), config, marks, starts, never,
        told if isinstance(told, str) else "", layout.licence(path),
    )  # fmt: skip


@lru_cache(maxsize=8)
def _cutting(file: Path, stamp: Any) -> tuple[str, int, int | None]:
    """The fingerprint of a tokenizer, how many tokens it has, and which of them is unknown; read once as it is."""
    found = given.of_content(given.read(str(file)))
    return found.sha256, found.size, found.unknown


def _framing(
    path: Path, config: Mapping[str, Any], said: Mapping[str, Any], unknown: int | None
) -> tuple[tuple[int, int, int, int, int], tuple[int, ...], tuple[int, ...]]:
    """The marks, the beginning of what is written, and what is never written. said: the folder's own words."""
    kind, most = str(config["model_type"]), rows(config)

    def number(name: str) -> int | None:
        value = said.get(name)
        value = value[0] if isinstance(value, list) and value else value
        value = _MARKS[kind].get(name) if value is None else value
        if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < most):
            raise UsageError(
                f"'{name}' is {shown(value)}, and it has {most:,} tokens.", where=str(path / layout.CONFIG), fix=_CURE
            )
        return value

    pads, ends, starts = number("pad_token_id"), number("eos_token_id"), number("decoder_start_token_id")
    assert pads is not None and ends is not None and starts is not None, "each kind has these"
    begins, forced = number("bos_token_id"), number("forced_bos_token_id")
    if kind == "bart":
        # Each text that it was taught begins so, those that it reads and those that it writes.
        forced = begins if forced is None else forced
    bad = said.get("bad_words_ids")
    never = [each[0] for each in bad if isinstance(each, list) and len(each) == 1] if isinstance(bad, list) else []
    begun = (starts,) if forced is None else (starts, forced)
    marks = (pads, pads if unknown is None else unknown, ends if begins is None else begins, ends, pads)
    return marks, begun, tuple(each for each in never[:64] if isinstance(each, int) and 0 <= each < most)
