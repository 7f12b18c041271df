"""The architecture of a pretrained model: what its `config.json` says, checked, and the network that is built of it.

A config is data of a stranger. The kinds that are built are listed here in the code, each value is a plain and bounded
one, and the number of weights is known before any memory is asked for. The layers are those of the library
`transformers`; code that a folder brings is never looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from luban.core.lazy import require
from luban.core.strict_json import shown
from luban.forms.network import undrawn
from luban.origins import pictures, sounds

if TYPE_CHECKING:
    from torch import nn

ENCODERS = ("albert", "bert", "camembert", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta")
"""Kinds that read a text in both directions."""
WRITERS = ("gpt2", "lfm2", "llama", "mistral", "qwen2", "qwen3")
"""Kinds that go on with a text (`causal`)."""
ENCODER_DECODERS = ("bart", "marian", "t5")
"""Kinds that read a text and write another one (`encoder_decoders`)."""
REWRITES = (
    "it reads a text and writes another one: luban fit DATA --target COLUMN --task sequence-to-sequence --from FOLDER"
)
"""What can be done with these."""
MOST_WEIGHTS = 1_500_000_000
LARGEST = {
    "num_hidden_layers": 200,
    "n_layers": 200,
    "num_attention_heads": 512,
    "n_heads": 512,
    "hidden_size": 16_384,
    "dim": 16_384,
    "embedding_size": 16_384,
    "intermediate_size": 131_072,
    "hidden_dim": 131_072,
    "vocab_size": 1_000_000,
    "max_position_embeddings": 1_000_000,
    "type_vocab_size": 1_000,
    "num_key_value_heads": 512,
    "head_dim": 16_384,
    "n_layer": 200,
    "n_head": 512,
    "n_embd": 16_384,
    "n_positions": 1_000_000,
    "num_layers": 200,
    "num_decoder_layers": 200,
    "encoder_layers": 200,
    "decoder_layers": 200,
    "num_heads": 512,
    "encoder_attention_heads": 512,
    "decoder_attention_heads": 512,
    "d_model": 16_384,
    "d_kv": 16_384,
    "d_ff": 131_072,
    "encoder_ffn_dim": 131_072,
    "decoder_ffn_dim": 131_072,
    "decoder_vocab_size": 1_000_000,
    "relative_attention_num_buckets": 100_000,
    "relative_attention_max_distance": 1_000_000,
}
"""The sizes that decide how much memory is asked for."""
_LAYERS = ("num_hidden_layers", "n_layers")
_WIDTHS, _INNER = ("hidden_size", "dim"), ("intermediate_size", "hidden_dim")
_PLACES = "max_position_embeddings"
SUMMARY = "luban_summary"
"""How one vector is made of the states, where luban wrote the folder."""
PREFIX = "luban_prefix"
"""What stands before each text that an encoder-decoder reads, where luban wrote the folder."""
_OF_THE_FILE = frozenset(
    {PREFIX, SUMMARY, "architectures", "auto_map", "custom_pipelines", "dtype", "torch_dtype", "use_cache"}
)
"""What a config says of its file and of its use, and not of the network."""
_GIVEN: ContextVar[bool] = ContextVar("given", default=False)
_LONGEST_WORD = 64
_MOST_VALUES = 100


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the network, and nothing else. Raises ValueError, in words, for one not taken.

    >>> checked({"model_type": "bert", "hidden_size": 8, "architectures": ["BertModel"]})
    {'hidden_size': 8, 'model_type': 'bert'}
    """
    kind = document.get("model_type")
    if kind in pictures.KINDS:
        return pictures.checked(document)
    if kind in sounds.KINDS:
        return sounds.checked(document)
    if kind not in ENCODERS:
        known = ", ".join((*ENCODERS, *pictures.KINDS, *sounds.KINDS))
        raise ValueError(f"its kind is {shown(kind)}, and {known} are known")
    return plain(document)


def family(document: Mapping[str, Any]) -> str:
    """What a config is of: `encoder`, `decoder`, `encoder-decoder`; empty for what reads no texts, or is not known.

    >>> family({"model_type": "t5"}), family({"model_type": "llama"}), family({"model_type": "resnet"})
    ('encoder-decoder', 'decoder', '')
    """
    kinds = {"encoder": ENCODERS, "decoder": WRITERS, "encoder-decoder": ENCODER_DECODERS}
    return next((name for name, known in kinds.items() if document.get("model_type") in known), "")


def plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values those that decide the network, each a plain one. Raises ValueError for a size that is not taken."""
    kept = {}
    for name in sorted(document):
        if name.startswith("_") or name in _OF_THE_FILE or name.endswith("_version"):
            continue
        value = document[name]
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST.get(name, 1 << 31):
            raise ValueError(f"{shown(name)} is {value:,}; at most {LARGEST.get(name, 1 << 31):,} is taken")
        if name in LARGEST and not (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
            raise ValueError(f"{shown(name)} is {shown(value)} instead of a whole number from 1 on")
        if _is_plain(value):
            kept[name] = value
    if len(kept) > _MOST_VALUES:
        raise ValueError(f"it holds more than {_MOST_VALUES} values")
    return kept


def _is_plain(value: Any) -> bool:
    """Whether it is one word or number; lists and parts name labels, tasks and generation, which a body has not."""
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and _is_word(value))


def _is_word(text: str) -> bool:
    return len(text) <= _LONGEST_WORD and text.isprintable() and "/" not in text


def reads(config: Mapping[str, Any]) -> Literal["tokens", "image", "sequence"]:
    """The kind of shapes that it reads; of sequences only those of sounds.

    >>> [reads({"model_type": kind}) for kind in ("bert", "inverted-residuals", "whisper")]
    ['tokens', 'image', 'sequence']
    """
    if config["model_type"] in sounds.KINDS:
        return "sequence"
    return "image" if config["model_type"] in pictures.KINDS else "tokens"


def layers(config: Mapping[str, Any]) -> int:
    """How many blocks follow each other."""
    if reads(config) == "image":
        return pictures.blocks(config)
    if reads(config) == "sequence":
        return int(config["encoder_layers"])
    return next((int(config[name]) for name in _LAYERS if name in config), 12)


def block_weights(config: Mapping[str, Any]) -> int:
    """How many weights the matrices of its blocks have, or a network of images in all; embeddings do not count.

    >>> block_weights({"model_type": "bert", "num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536})
    10616832
    """
    if reads(config) == "image":
        import torch

        with torch.device("meta"):
            return sum(weight.numel() for weight in _of_images(config).parameters())
    if reads(config) == "sequence":
        return sounds.block_weights(config)
    width = next((int(config[name]) for name in _WIDTHS if name in config), 768)
    inner = next((int(config[name]) for name in _INNER if name in config), 4 * width)
    # ModernBERT has two matrices for one on the way into a block's inner layer.
    ways = 3 if config["model_type"] == "modernbert" else 2
    return layers(config) * (4 * width * width + ways * width * inner)


def attending(config: Mapping[str, Any], dropout: float | None) -> Mapping[str, Any]:
    """The config with this share of what a step looks at left out, while it trains; None for its own.

    >>> attending({"model_type": "distilbert"}, 0.1)
    {'model_type': 'distilbert', 'attention_dropout': 0.1}
    """
    if dropout is None:
        return config
    short = config["model_type"] in ("distilbert", "modernbert")
    return {**config, "attention_dropout" if short else "attention_probs_dropout_prob": dropout}


def longest(config: Mapping[str, Any]) -> int:
    """Tokens of the longest text that it reads, with its first and last mark.

    >>> longest({"model_type": "bert", "max_position_embeddings": 512})
    512
    >>> longest({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1})
    512
    """
    places = int(config.get(_PLACES, 512))
    # RoBERTa and its kin count places from behind the number that pads.
    of_roberta = config["model_type"] in ("roberta", "xlm-roberta", "camembert", "mpnet")
    return places - int(config.get("pad_token_id") or 0) - 1 if of_roberta else places


def body(config: Mapping[str, Any], **options: Any) -> Any:
    """The network without a head, with fresh weights: (rows, steps) numbers of tokens to states of each step; images
    to vectors; of sounds the encoder of `transformers`. options: of the network of images.

    Raises ValueError where the sizes do not fit each other, or would need more weights than are taken.
    """
    if reads(config) == "image":
        return _of_images(config, **options)
    if reads(config) == "sequence":
        return _of_sounds(config)
    found = fresh(config)
    # What answers a whole text from its first step is a head of its own, which no text here goes through.
    if getattr(found, "pooler", None) is not None:
        found.pooler = None
    return found


@contextmanager
def given() -> Iterator[None]:
    """While it is held no weights are drawn for what is built of a config: whoever holds it gives it those of a
    pretrained model.
    """
    before = _GIVEN.set(True)
    try:
        yield
    finally:
        _GIVEN.reset(before)


def fresh(config: Mapping[str, Any], network: str = "AutoModel") -> Any:
    """The network of a config that luban wrote or `checked`, all of it but the head. Raises ValueError as `body`.

    network: what the library calls its family; some have their heads.
    """
    require("transformers", extra="nets", purpose="building a pretrained model")
    import transformers

    values = dict(config)
    _check_size(json.dumps(values, sort_keys=True), network)
    asked = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
    with undrawn() if _GIVEN.get() else nullcontext():
        return getattr(transformers, network).from_config(asked)


@lru_cache(maxsize=32)
def _check_size(told: str, network: str) -> None:
    """Raises ValueError as `body`, once counted a config never again. told: the config as JSON."""
    import torch
    import transformers

    values = json.loads(told)
    with torch.device("meta"):
        asked = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
        bounded(getattr(transformers, network).from_config(asked))


def _of_sounds(config: Mapping[str, Any]) -> Any:
    torch = require("torch", extra="nets", purpose="building a pretrained model")
    with torch.device("meta"):
        bounded(sounds.encoder(config))
    with undrawn() if _GIVEN.get() else nullcontext():
        return sounds.encoder(config)


def _of_images(config: Mapping[str, Any], **options: Any) -> nn.Module:
    torch = require("torch", extra="nets", purpose="building a pretrained model")
    from luban.origins.inverted_residuals import InvertedResiduals

    with torch.device("meta"):
        bounded(InvertedResiduals(config))
    return InvertedResiduals(config, **options)


def bounded(body: nn.Module) -> None:
    """Raises ValueError for too many weights, of a network that has no memory yet."""
    weights = sum(weight.numel() for weight in body.parameters())
    if weights > MOST_WEIGHTS:
        raise ValueError(f"it would have {weights:,} weights; at most {MOST_WEIGHTS:,} are taken")
