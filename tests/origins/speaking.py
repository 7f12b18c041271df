"""Tiny language models with random weights in their real layouts: folders as `transformers` writes them, and GGUF."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

SIZES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    **{
        kind: {
            "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "intermediate_size": 48, "max_position_embeddings": 64, "head_dim": 8,
        }
        for kind in ("llama", "mistral", "qwen2", "qwen3")
    },
    "lfm2": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "intermediate_size": 48, "max_position_embeddings": 64, "block_auto_adjust_ff_dim": False,
        "layer_types": ["conv", "full_attention"],
    },
}  # fmt: skip
ORIGIN: dict[str, Any] = {
    "content": "sha256:none",
    "config": {"model_type": "llama", "vocab_size": 20, "tie_word_embeddings": True, **SIZES["llama"]},
}
"""Of an architecture that is built, and begins from nothing."""
MARKS = ("<unk>", "<start>", "<end>")
TEMPLATE = (
    "{% for turn in messages %}<start>{{ turn['role'] }}\n{{ turn['content'] }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<start>assistant\n{% endif %}"
)
MERGES = (("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"))


def tokenizer() -> dict[str, Any]:
    """Bytes, a few pairs of them, and three marks."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*MARKS, *letters, *("".join(pair) for pair in MERGES)]
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": mark, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False}
            for number, mark in enumerate(MARKS)
        ],
        "pre_tokenizer": by_bytes,
        "decoder": by_bytes,
        "model": {
            "type": "BPE",
            "vocab": {word: number for number, word in enumerate(words)},
            "merges": [list(pair) for pair in MERGES],
        },
    }  # fmt: skip


def write(folder: Path, kind: str = "llama", seed: int = 0, **changes: Any) -> Path:
    """The folder of a model of two blocks. changes: of its config."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    document = tokenizer()
    config = AutoConfig.for_model(
        kind, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        **{"vocab_size": len(document["model"]["vocab"]), **SIZES[kind], **changes},
    )  # fmt: skip
    network = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        # With the usual small weights the likeliest token is nearly always the same.
        for parameter in network.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8.0)
    network.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    told = {"bos_token": "<start>", "eos_token": "<end>", "unk_token": "<unk>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: llama3\n---\nA model.\n", encoding="utf-8")
    return folder


def header(values: Mapping[str, Any], tensors: Mapping[str, tuple[tuple[int, ...], int, int]]) -> bytes:
    """The header of a GGUF file. tensors: shape, rows first, kind and start of each."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def written(value: Any) -> bytes:
        if isinstance(value, bool):
            return struct.pack("<I?", 7, value)
        if isinstance(value, int):
            return struct.pack("<II", 4, value)
        if isinstance(value, float):
            return struct.pack("<If", 6, value)
        if isinstance(value, str):
            return struct.pack("<I", 8) + text(value)
        whole = isinstance(value[0], int)
        each = b"".join(struct.pack("<i", one) if whole else text(one) for one in value)
        return struct.pack("<IIQ", 9, 5 if whole else 8, len(value)) + each

    found = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    found += b"".join(text(key) + written(value) for key, value in values.items())
    for name, (shape, kind, start) in tensors.items():
        found += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, start)
    return found + b"\0" * (-len(found) % 32)


def gguf(folder: Path, path: Path, **changes: Any) -> Path:
    """A GGUF file of a folder with a Llama, weights as float32 in the order of llama.cpp. changes: of its values."""
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    words = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "q_proj": "attn_q",
             "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate",
             "up_proj": "ffn_up", "down_proj": "ffn_down"}  # fmt: skip
    whole = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
             "lm_head.weight": "output.weight"}  # fmt: skip
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    tensors, data = {}, b""
    for name, values in weights.items():
        parts = name.split(".")
        own = whole.get(name) or f"blk.{parts[2]}.{words[parts[-2]]}.weight"
        if parts[-2] in heads:
            count = heads[parts[-2]]
            rows, columns = values.shape
            turned = values.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2)
            values = np.ascontiguousarray(turned).reshape(rows, columns)
        tensors[own] = (values.shape, 0, len(data))
        data += values.astype("<f4").tobytes()
        data += b"\0" * (-len(data) % 32)
    vocabulary = list(tokenizer()["model"]["vocab"])
    told = {
        "general.architecture": "llama",
        "general.license": "mit",
        "llama.block_count": config["num_hidden_layers"],
        "llama.context_length": config["max_position_embeddings"],
        "llama.embedding_length": config["hidden_size"],
        "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": config["num_attention_heads"],
        "llama.attention.head_count_kv": config["num_key_value_heads"],
        "llama.attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": vocabulary,
        "tokenizer.ggml.token_type": [3 if word in MARKS else 1 for word in vocabulary],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in MERGES],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.chat_template": TEMPLATE,
    }
    path.write_bytes(header({**told, **changes}, tensors) + data)
    return path
