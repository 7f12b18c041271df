"""From a GGUF file to a folder in the layout of `transformers`: config, weights, tokenizer and template of chats.

The folder lies in the cache under the content of the file, and is made once. Llama is the architecture that is known,
with the byte-pair tokenizer of GPT-2's kind. Nothing here imports torch.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from luban import arrays
from luban.batch import Array
from luban.core import files
from luban.core.errors import UsageError
from luban.core.strict_json import shown
from luban.data import cache
from luban.origins import causal_configs, gguf
from luban.origins.gguf import Gguf

FOLDER = "gguf"
"""Of the cache."""
_PRETOKENIZERS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": [],
    "smollm": [{"type": "Digits", "individual_digits": True}],
}
"""What cuts a text before its bytes are paired, by what llama.cpp calls it."""
_CONTROL, _BY_HAND = 3, 4
"""Kinds of tokens: marks, and words that were added by hand."""
_CURE = "give the model as a folder that `transformers` wrote"
_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_OF_A_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_BLOCK = re.compile(r"blk\.(\d{1,4})\.(\w+)\.weight")


def folder(path: Path) -> Path:
    """The folder of a GGUF file. Raises UsageError for a file that is not taken."""
    file = gguf.opened(path)
    place = cache.folder(FOLDER) / cache.content(path)
    if place.is_dir():
        return place
    config, tokenizer, told = _config(file), _tokenizer(file), _told(file)
    try:
        causal_configs.checked(config)
    except ValueError as reason:
        raise UsageError(f"this architecture is not taken: {reason}.", where=str(path), fix=_CURE) from None
    names = {name: _name(file, name) for name in file.tensors if not name.startswith("rope_freqs")}
    with cache.storage_errors(place), files.new_folder(place) as made:
        heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
        ours = {theirs: name for name, theirs in names.items()}
        outlines = {theirs: ("float32", file.tensors[name].shape) for theirs, name in ours.items()}
        with (made / "model.safetensors").open("wb") as written:
            # One tensor in memory at a time.
            written.writelines(
                arrays.pieces(
                    outlines,
                    {"format": "pt"},
                    lambda theirs: _in_order(file.weights(ours[theirs]), heads.get(ours[theirs].split(".")[-2])),
                )
            )
        for name, document in (("config", config), ("tokenizer", tokenizer), ("tokenizer_config", told)):
            (made / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        licence = _word(file.values.get("general.license"))
        (made / "README.md").write_text(f"---\nlicense: {licence}\n---\n" if licence else "", encoding="utf-8")
    return place


def _number(file: Gguf, key: str, default: float | None = None) -> Any:
    found = file.values.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UsageError(f"it does not say '{key}', a number.", where=str(file.path), fix=_CURE)
    return found


def _config(file: Gguf) -> dict[str, Any]:
    values = file.values
    if values.get("general.architecture") != "llama":
        what = shown(values.get("general.architecture"))
        raise UsageError(f"its architecture is {what}, and llama is known.", where=str(file.path), fix=_CURE)
    if values.get("llama.rope.scaling.type", "none") != "none" or "rope_freqs.weight" in file.tensors:
        raise UsageError("its places are scaled, which is not known.", where=str(file.path), fix=_CURE)
    if "token_embd.weight" not in file.tensors:
        raise UsageError("it holds no 'token_embd.weight'.", where=str(file.path), fix=_CURE)
    heads = _number(file, "llama.attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": _number(file, "llama.embedding_length"),
        "num_hidden_layers": _number(file, "llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": _number(file, "llama.attention.head_count_kv", heads),
        "intermediate_size": _number(file, "llama.feed_forward_length"),
        "max_position_embeddings": _number(file, "llama.context_length"),
        "rms_norm_eps": _number(file, "llama.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": _number(file, "llama.rope.freq_base", 10_000.0)},
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "tie_word_embeddings": "output.weight" not in file.tensors,
        **{f"{name}_token_id": number for name, number in _marks(file).items()},
    }


def _marks(file: Gguf) -> dict[str, int]:
    """The numbers of the tokens that begin, end, pad and are unknown, of those that are named."""
    words = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
    found = {name: file.values.get(f"tokenizer.ggml.{word}_token_id") for name, word in words.items()}
    count = len(file.values.get("tokenizer.ggml.tokens", ()))
    return {name: number for name, number in found.items() if isinstance(number, int) and 0 <= number < count}


def _tokenizer(file: Gguf) -> dict[str, Any]:
    values = file.values
    kind, before = values.get("tokenizer.ggml.model"), values.get("tokenizer.ggml.pre", "gpt-2")
    if kind != "gpt2" or before not in _PRETOKENIZERS:
        what = f"{shown(kind)} with {shown(before)}"
        known = ", ".join(_PRETOKENIZERS)
        raise UsageError(f"its tokenizer is {what}, and gpt2 with {known} is known.", where=str(file.path), fix=_CURE)
    tokens, merges = values.get("tokenizer.ggml.tokens", []), values.get("tokenizer.ggml.merges", [])
    kinds = values.get("tokenizer.ggml.token_type", [])
    if not (_are_texts(tokens) and _are_texts(merges) and all(merge.count(" ") == 1 for merge in merges)):
        raise UsageError("its tokenizer has no tokens, or odd merges.", where=str(file.path), fix=_CURE)
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": token, "special": kind == _CONTROL, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False}
            for number, (token, kind) in enumerate(zip(tokens, kinds, strict=False))
            if kind in (_CONTROL, _BY_HAND)
        ],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*_PRETOKENIZERS[before], by_bytes]},
        "decoder": by_bytes,
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [merge.split(" ") for merge in merges],
        },
    }  # fmt: skip


def _told(file: Gguf) -> dict[str, Any]:
    """What stands beside the tokenizer: its marks, and the template of chats."""
    tokens, template = file.values["tokenizer.ggml.tokens"], file.values.get("tokenizer.chat_template")
    marks = {f"{name}_token": tokens[number] for name, number in _marks(file).items()}
    begins = {"add_bos_token": True} if file.values.get("tokenizer.ggml.add_bos_token") is True else {}
    chat = {"chat_template": template} if isinstance(template, str) else {}
    return {"tokenizer_class": "PreTrainedTokenizerFast", **marks, **begins, **chat}


def _name(file: Gguf, name: str) -> str:
    """What `transformers` calls a tensor."""
    found = _BLOCK.fullmatch(name)
    if name in _NAMES:
        return _NAMES[name]
    if found is None or found[2] not in _OF_A_BLOCK:
        raise UsageError(f"it holds '{name[:80]}', which no Llama has.", where=str(file.path), fix=_CURE)
    return f"model.layers.{found[1]}.{_OF_A_BLOCK[found[2]]}.weight"


def _in_order(weights: Array, heads: int | None) -> Array:
    """The weights with the two halves of each head's turning pairs apart, where llama.cpp has them side by side.

    heads: of queries or keys; None for any other weights.
    """
    if heads is None:
        return weights
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns).copy()


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, str) for value in values)


def _word(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[\w.+-]{1,80}", value) else ""
