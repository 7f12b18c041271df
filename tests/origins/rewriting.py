"""Tiny encoder-decoders with random weights in their real layouts, as `transformers` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from origins import tiny

SIZES: dict[str, dict[str, Any]] = {
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
    **{
        kind: {
            "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
            "encoder_attention_heads": 4, "decoder_attention_heads": 4, "max_position_embeddings": 64,
        }
        for kind in ("bart", "marian")
    },
}  # fmt: skip
KINDS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "t5": ("t5", {"feed_forward_proj": "relu"}),
    "t5-1.1": ("t5", {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "bart": ("bart", {}),
    "marian": ("marian", {"scale_embedding": True}),
}
"""What a folder is of, and what its config says more."""
MARKS = {
    "t5": ("<pad>", "</s>", "<unk>"),
    "bart": ("<s>", "<pad>", "</s>", "<unk>"),
    "marian": ("</s>", "<unk>", "<pad>"),
}
"""Marks of the tokenizers, in the order of their numbers."""
NUMBERS = {
    "t5": {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0},
    "bart": {
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_bos_token_id": 0,
    },
    "marian": {"eos_token_id": 0, "pad_token_id": 2, "decoder_start_token_id": 2, "bad_words_ids": [[2]]},
}  # fmt: skip
ORIGIN: dict[str, Any] = {
    "content": "sha256:none",
    "config": {"model_type": "t5", "vocab_size": 20, **SIZES["t5"]},
    "marks": (0, 2, 1, 1, 0),
}
"""Of an architecture that is built, and begins from nothing."""


def tokenizer(kind: str) -> Any:
    """Pieces of headlines: a unigram model, as T5 and Marian have it, or bytes and pairs of them, as BART."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    texts, marks = [*tiny.texts(200)["headline"], "sport business summarize: title"], list(MARKS[kind])
    if kind == "bart":
        found = Tokenizer(models.BPE())
        found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        found.decoder = decoders.ByteLevel()
        letters = pre_tokenizers.ByteLevel.alphabet()
        found.train_from_iterator(
            texts, trainers.BpeTrainer(vocab_size=320, special_tokens=marks, initial_alphabet=letters)
        )
    else:
        found = Tokenizer(models.Unigram())
        found.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        found.decoder = decoders.Metaspace()
        found.train_from_iterator(
            texts, trainers.UnigramTrainer(vocab_size=120, special_tokens=marks, unk_token="<unk>")
        )
    ends, begins = "</s>", "<s>" if kind == "bart" else None
    framed = f"{begins} $A {ends}" if begins else f"$A {ends}"
    used = [name for name in (begins, ends) if name]
    found.post_processor = processors.TemplateProcessing(
        single=framed, special_tokens=[(name, found.token_to_id(name)) for name in used]
    )
    return found


def write(folder: Path, name: str = "t5", seed: int = 0, *, loud: bool = True, **changes: Any) -> Path:
    """The folder of a model of two blocks on either side. name: of `KINDS`. changes: of its config.

    loud: with weights so large that what it writes changes; with the usual small ones the likeliest token is nearly
    always the same, but it learns faster.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    torch.manual_seed(seed)
    kind, more = KINDS[name]
    cuts, numbers = tokenizer(kind), dict(NUMBERS[kind])
    said = {key: numbers.pop(key) for key in ("forced_bos_token_id", "bad_words_ids") if key in numbers}
    values = {"vocab_size": cuts.get_vocab_size() + 3, **SIZES[kind], **more, **numbers, **changes}
    network = AutoModelForSeq2SeqLM.from_config(AutoConfig.for_model(kind, **values))
    if name == "t5-1.1":
        network.lm_head.weight = torch.nn.Parameter(torch.randn(network.lm_head.weight.shape))
    with torch.no_grad():
        for part, parameter in network.named_parameters() if loud else ():
            places = "embed_positions" in part
            if parameter.ndim == 2 and "shared" not in part and not (places and kind == "marian"):
                parameter.mul_(30.0 if places else 4.0 if kind == "t5" else 8.0)
    network.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    for key in ("vocab_size", *more):
        config[key] = values[key]
    if name == "t5-1.1":
        # As the folders of its authors say it.
        config.pop("scale_decoder_outputs", None)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    generation = {**numbers, **said}
    (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    cuts.save(str(folder / "tokenizer.json"))
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>",
        **({"bos_token": "<s>"} if kind == "bart" else {}),
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\nA model.\n", encoding="utf-8")
    return folder
