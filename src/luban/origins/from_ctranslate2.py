"""From a folder of CTranslate2 with Whisper (Radford et al., 2022) to one in the layout of `transformers`: config,
weights, tokenizer, and how sounds become frames.

The folder lies in the cache under the content of the file, and is made once. Nothing here imports torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from luban import arrays
from luban.batch import Array
from luban.core import files
from luban.core.errors import UsageError
from luban.core.strict_json import parse
from luban.data import cache
from luban.origins import ctranslate2, sounds
from luban.origins.ctranslate2 import File

FOLDER = "ctranslate2"
"""Of the cache."""
LAYOUT = "WhisperSpec"
_CURE = "give the model as a folder that `transformers` wrote"
_KEPT = ("tokenizer.json", "README.md")
"""Files that are taken as they are, where they are there."""
_MOST_BYTES = 64 << 20
_BEGINS, _ENDS = "<|startoftranscript|>", "<|endoftext|>"
_NORM = {"gamma": "weight", "beta": "bias"}
_TOP = {
    "conv1": "conv1",
    "conv2": "conv2",
    "layer_norm": "layer_norm",
    "embeddings": "embed_tokens",
    "position_encodings": "embed_positions",
}
"""What lies beneath and above the blocks."""
_OF_A_BLOCK = {
    "self_attention/layer_norm": ("self_attn_layer_norm",),
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": ("self_attn.out_proj",),
    "attention/layer_norm": ("encoder_attn_layer_norm",),
    "attention/linear_0": ("encoder_attn.q_proj",),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": ("encoder_attn.out_proj",),
    "ffn/layer_norm": ("final_layer_norm",),
    "ffn/linear_0": ("fc1",),
    "ffn/linear_1": ("fc2",),
}
"""The parts of a block, and which layers lie in each of them below each other."""
_PLACE = re.compile(r"(encoder|decoder)/(?:layer_(\d{1,4})/)?([\w/]+)/(weight|bias|gamma|beta|encodings)")
_WITHOUT = "k_proj.bias"
"""What Whisper has not: it would add one number to all scores of a step, which their softmax does not see."""


def is_one(path: Path) -> bool:
    """Whether a folder holds Whisper as CTranslate2 writes it."""
    return ctranslate2.is_one(path / ctranslate2.NAME, LAYOUT)


def folder(path: Path) -> Path:
    """The folder of `transformers` for one of CTranslate2. Raises UsageError for a file that is not taken."""
    file = ctranslate2.opened(path / ctranslate2.NAME)
    if file.layout != LAYOUT:
        raise UsageError(f"it holds {file.layout:.40}, and {LAYOUT} is known.", where=str(file.path), fix=_CURE)
    place = cache.folder(FOLDER) / cache.content(file.path)
    if place.is_dir():
        return place
    config, pieces = _config(file, _marks(path)), _pieces(file)
    try:
        sounds.checked(config)
    except ValueError as reason:
        raise UsageError(f"this architecture is not taken: {reason}.", where=str(file.path), fix=_CURE) from None
    with cache.storage_errors(place), files.new_folder(place) as made:
        outlines = {name: ("float32", shape) for name, (shape, _) in pieces.items()}
        with (made / "model.safetensors").open("wb") as written:
            # One tensor in memory at a time.
            written.writelines(arrays.pieces(outlines, {"format": "pt"}, lambda name: pieces[name][1]()))
        told = {"config": config, "preprocessor_config": sounds.hearing(config), "tokenizer_config": _told(config)}
        for name, document in told.items():
            (made / f"{name}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
        for name in _KEPT:
            if (path / name).is_file() and (path / name).stat().st_size <= _MOST_BYTES:
                (made / name).write_bytes((path / name).read_bytes())
    return place


def _config(file: File, marks: dict[str, int]) -> dict[str, Any]:
    tensors = file.tensors

    def side(name: str, axis: int) -> int:
        if name not in tensors or len(tensors[name].shape) <= axis:
            raise UsageError(f"it holds no '{name}'.", where=str(file.path), fix=_CURE)
        return tensors[name].shape[axis]

    ways: dict[str, int] = {}
    for part in ("encoder", "decoder"):
        placed = (_PLACE.fullmatch(name) for name in tensors)
        ways |= {
            f"{part}_layers": len({found[2] for found in placed if found is not None and found[1] == part} - {None}),
            f"{part}_attention_heads": file.number(f"{part}/num_heads"),
            f"{part}_ffn_dim": side(f"{part}/layer_0/ffn/linear_0/weight", 0),
        }
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": side("encoder/conv1/weight", 0),
        "num_mel_bins": side("encoder/conv1/weight", 1),
        **ways,
        "max_source_positions": side("encoder/position_encodings/encodings", 0),
        "max_target_positions": side("decoder/position_encodings/encodings", 0),
        "vocab_size": side("decoder/embeddings/weight", 0),
        "activation_function": "gelu",
        "scale_embedding": False,
        **marks,
    }


def _marks(path: Path) -> dict[str, int]:
    """The numbers of the tokens that begin and end what is written, where a tokenizer tells them; else 0."""
    found = dict.fromkeys((f"{name}_token_id" for name in ("decoder_start", "bos", "eos", "pad")), 0)
    place = path / "tokenizer.json"
    if not place.is_file() or place.stat().st_size > _MOST_BYTES:
        return found
    try:
        added = parse(place.read_bytes()).get("added_tokens", [])
        numbers = {token["content"]: int(token["id"]) for token in added}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UsageError("it cannot be read.", where=str(place), fix=_CURE) from None
    if _BEGINS in numbers:
        found["decoder_start_token_id"] = numbers[_BEGINS]
    if _ENDS in numbers:
        found |= {f"{name}_token_id": numbers[_ENDS] for name in ("bos", "eos", "pad")}
    return found


def _told(config: dict[str, Any]) -> dict[str, Any]:
    """What stands beside the tokenizer."""
    ends = {f"{name}_token": _ENDS for name in ("bos", "eos", "unk")} if config["eos_token_id"] else {}
    return {"tokenizer_class": "WhisperTokenizer", "add_prefix_space": False, **ends}


def _pieces(file: File) -> dict[str, tuple[tuple[int, ...], Callable[[], Array]]]:
    """The tensors by what `transformers` calls them: the shape of each, and what reads it."""
    found: dict[str, tuple[tuple[int, ...], Callable[[], Array]]] = {}
    for name, tensor in file.tensors.items():
        # What has no side is a setting; scales belong to what they scale, and what is foretold to the embeddings.
        if not tensor.shape or name.endswith(ctranslate2.SCALE) or name.startswith("decoder/projection/"):
            continue
        parts, end = _names(file, name)
        rows = tensor.shape[0] // len(parts)
        if rows * len(parts) != tensor.shape[0]:
            raise UsageError(f"'{name[:80]}' has the shape {tensor.shape}.", where=str(file.path), fix=_CURE)
        for number, part in enumerate(parts):
            if not f"{part}.{end}".endswith(_WITHOUT):
                place = slice(number * rows, (number + 1) * rows)
                found[f"{part}.{end}"] = (rows, *tensor.shape[1:]), _reading(file, name, place)
    return found


def _reading(file: File, name: str, place: slice) -> Callable[[], Array]:
    return lambda: file.weights(name)[place].copy()


def _names(file: File, name: str) -> tuple[tuple[str, ...], str]:
    """What `transformers` calls the layers that lie in a tensor, and what of them it is."""
    found = _PLACE.fullmatch(name)
    layers: tuple[str, ...] = ()
    if found is not None and found[2] is None and found[3] in _TOP:
        layers = (f"model.{found[1]}.{_TOP[found[3]]}",)
    elif found is not None and found[2] is not None:
        layers = tuple(f"model.{found[1]}.layers.{found[2]}.{part}" for part in _OF_A_BLOCK.get(found[3], ()))
    if found is None or not layers:
        raise UsageError(f"it holds '{name[:80]}', which no Whisper has.", where=str(file.path), fix=_CURE)
    return layers, _NORM.get(found[4], "weight" if found[4] == "encodings" else found[4])
