"""A Whisper as CTranslate2 writes it, tiny: the weights of a folder of `transformers`, in whichever kind of numbers."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from luban.batch import Array

KINDS = {"float32": 0, "int8": 1, "int16": 2, "float16": 4}
_BLOCK = {
    "self_attn_layer_norm": "self_attention/layer_norm",
    "self_attn.out_proj": "self_attention/linear_1",
    "encoder_attn_layer_norm": "attention/layer_norm",
    "encoder_attn.q_proj": "attention/linear_0",
    "encoder_attn.out_proj": "attention/linear_2",
    "final_layer_norm": "ffn/layer_norm",
    "fc1": "ffn/linear_0",
    "fc2": "ffn/linear_1",
}
_TOP = {"embed_positions": "position_encodings/encodings", "embed_tokens": "embeddings/weight"}


def text(name: str) -> bytes:
    return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"


def variable(name: str, values: Array, kind: int | None = None) -> bytes:
    number = KINDS[values.dtype.name] if kind is None else kind
    shape = b"".join(struct.pack("<I", side) for side in values.shape)
    return (
        text(name)
        + struct.pack("<B", values.ndim)
        + shape
        + struct.pack("<BI", number, values.nbytes)
        + values.tobytes()
    )


def head(count: int, layout: str = "WhisperSpec", version: int = 6) -> bytes:
    return struct.pack("<I", version) + text(layout) + struct.pack("<II", 3, count)


def variables(weights: Mapping[str, Array], heads: int) -> dict[str, Array]:
    """The tensors of `transformers` by the names of CTranslate2: queries, keys and values below each other."""
    found: dict[str, Array] = {f"{part}/num_heads": np.array(heads, np.int16) for part in ("encoder", "decoder")}
    for name, values in weights.items():
        part, _, rest = name.partition(".")
        layer, _, end = rest.rpartition(".")
        if not layer.startswith("layers."):
            norm = {"weight": "gamma", "bias": "beta"}[end] if layer == "layer_norm" else end
            found[f"{part}/{_TOP.get(layer, f'{layer}/{norm}')}"] = values
            continue
        _, number, own = layer.split(".", 2)
        if own in _BLOCK:
            norm = {"weight": "gamma", "bias": "beta"}[end] if own.endswith("norm") else end
            found[f"{part}/layer_{number}/{_BLOCK[own]}/{norm}"] = values
    for part, number, kind, names, place in (
        (part, number, kind, names, place)
        for part, number in {tuple(n.split(".")[:3:2]) for n in weights if ".layers." in n}
        for kind, names, place in (
            ("self_attn", "qkv", "self_attention/linear_0"),
            ("encoder_attn", "kv", "attention/linear_1"),
        )
    ):
        prefix = f"{part}.layers.{number}.{kind}"
        if f"{prefix}.q_proj.weight" in weights:
            width = len(weights[f"{prefix}.q_proj.bias"])
            found[f"{part}/layer_{number}/{place}/weight"] = np.concatenate(
                [weights[f"{prefix}.{each}_proj.weight"] for each in names]
            )
            # Keys have no bias, and zeros stand in its place.
            found[f"{part}/layer_{number}/{place}/bias"] = np.concatenate(
                [weights.get(f"{prefix}.{each}_proj.bias", np.zeros(width, np.float32)) for each in names]
            )
    return found


def write(folder: Path, weights: Mapping[str, Array], heads: int, kind: str = "float32") -> Path:
    """The folder with `model.bin`. kind: of matrices; whole numbers with a scale for each row, of 16 bits for all."""
    parts: list[bytes] = []
    for name, values in variables(weights, heads).items():
        if values.ndim != 2 or kind == "float32":
            parts.append(variable(name, values))
        elif kind == "float16":
            parts.append(variable(name, values.astype(np.float16)))
        else:
            most = {"int8": 127, "int16": 1_000}[kind]
            largest = np.abs(values).max(axis=1) if kind == "int8" else np.array(np.abs(values).max())
            scales = (most / np.where(largest > 0, largest, most)).astype(np.float32)
            each = scales[:, None] if kind == "int8" else scales
            parts += [variable(name, np.rint(values * each).astype(kind)), variable(f"{name}_scale", scales)]
    alias = text("decoder/projection/weight") + text("decoder/embeddings/weight")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(head(len(parts)) + b"".join(parts) + struct.pack("<I", 1) + alias)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA model.\n", encoding="utf-8")
    return folder


def of_transformers(place: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """The weights of a folder of `transformers`, and its config."""
    import json

    from safetensors.numpy import load_file

    return load_file(place / "model.safetensors"), json.loads((place / "config.json").read_text())
