"""Pretrained models in their real layout, tiny and with random weights: of texts and of sounds, as `transformers`
writes them, and of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("goal", "match", "team", "cup", "coach", "shares", "market", "bank", "profit", "trade", "the", "a", "of", "in")
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": 128,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
}
ORIGIN: dict[str, Any] = {"content": "sha256:none", "config": CONFIG, "marks": (0, 1, 2, 3, 4)}
"""Of an architecture that is built, and begins from nothing."""


IMAGES: dict[str, Any] = {
    "model_type": "inverted-residuals",
    "image_size": 32,
    "center": [127.0, 120.0, 110.0],
    "spread": [60.0, 61.0, 62.0],
    "stem": 8,
    "stages": [[1, 8, 1, 1, 3], [2, 12, 2, 2, 5]],
    "head": 16,
    "padding": "same",
    "epsilon": 1e-3,
}
ORIGIN_OF_IMAGES: dict[str, Any] = {"content": "sha256:none", "config": IMAGES}
SOUNDS: dict[str, Any] = {
    "model_type": "whisper",
    "d_model": 16,
    "encoder_layers": 2,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "num_mel_bins": 2,
    "max_source_positions": 50,
}
"""As many bands as the sequences of tests have numbers in a step."""
ORIGIN_OF_SOUNDS: dict[str, Any] = {"content": "sha256:none", "config": SOUNDS}
CODED: dict[str, Any] = {"content": "sha256:none", "config": {"code": 4, "units": [8], "channels": [4]}}
"""An autoencoder that is built, and begins from nothing."""


def write_images(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """The folder of a network of images of three blocks. changes: of its config."""
    import json

    import torch
    from safetensors.torch import save_file

    from luban.origins.inverted_residuals import InvertedResiduals

    torch.manual_seed(seed)
    config = {**IMAGES, **changes}
    module = InvertedResiduals(config).train()
    with torch.no_grad():
        # So that its means and spreads are those of something.
        module(torch.randn(64, 3, 32, 32))
        weights = {name: tensor for name, tensor in module.state_dict().items() if tensor.is_floating_point()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA network.\n", encoding="utf-8")
    return folder


def write_sounds(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """The folder of a Whisper of two blocks that hears 8 bands. changes: of its config."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(seed)
    config = {**SOUNDS, "num_mel_bins": 8, **changes}
    del config["model_type"]
    further = {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 24, "max_target_positions": 8}
    marks = {f"{name}_token_id": 1 for name in ("pad", "bos", "eos", "decoder_start")}
    WhisperModel(WhisperConfig(**config, **further, **marks, vocab_size=20)).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=config["num_mel_bins"], chunk_length=1).save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA network.\n", encoding="utf-8")
    return folder


def hum(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of sounds in folders of their classes, `high` and `low`: half a second or less of a tone in noise."""
    import numpy as np
    import soundfile

    draw = np.random.default_rng(seed)
    for number in range(count):
        name = ("high", "low")[number % 2]
        place = folder / name / f"{number:03}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        moments = np.arange(int(draw.integers(1_000, 4_000))) / 8_000
        tone = np.sin(2 * np.pi * draw.uniform(0.9, 1.1) * (300 if number % 2 else 1_500) * moments)
        soundfile.write(place, 0.3 * tone + 0.05 * draw.normal(size=len(moments)), 8_000)
    return folder


def paint(folder: Path, count: int, side: int = 20, seed: int = 0) -> Path:
    """A folder of images in folders of their classes: `dark` and `light`, of noise."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(seed)
    for number in range(count):
        name = ("dark", "light")[number % 2]
        place = folder / name / f"{number:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 200, (side, side, 3)) + (55 if number % 2 else 0)
        Image.fromarray(pixels.astype(np.uint8)).save(place)
    return folder


def write(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """The folder of a BERT of two blocks that knows `WORDS`, whose texts are the mean of their states. changes: of its
    config."""
    import torch

    torch.manual_seed(seed)
    config = {key: value for key, value in {**CONFIG, **changes}.items() if key != "model_type"}
    BertModel(BertConfig(**config)).save_pretrained(folder)
    vocabulary = {word: number for number, word in enumerate((*MARKS, *WORDS))}
    tokenizer: Any = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    told = ", ".join(f'"{name}": "{mark}"' for name, mark in zip(names, MARKS, strict=True))
    (folder / "tokenizer_config.json").write_text("{" + told + "}", encoding="utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}', encoding="utf-8")
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\nA model.\n", encoding="utf-8")
    return folder


def texts(count: int, seed: int = 0) -> dict[str, list[str]]:
    """Short texts of two topics, of which some words tell."""
    import random

    draw = random.Random(seed)
    found: dict[str, list[str]] = {"headline": [], "topic": []}
    for number in range(count):
        own = WORDS[:5] if number % 2 else WORDS[5:10]
        words = [draw.choice(own) if draw.random() < 0.6 else draw.choice(WORDS) for _ in range(draw.randint(3, 9))]
        found["headline"].append(f"{' '.join(words)} {number}")
        found["topic"].append("sport" if number % 2 else "business")
    return found


def write_filling(folder: Path, kind: str = "bert", seed: int = 0, **changes: Any) -> Path:
    """The folder of an encoder of two blocks with the head by which it fills tokens. changes: of its config."""
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    write(folder)
    torch.manual_seed(seed)
    sizes = {key: value for key, value in CONFIG.items() if key != "model_type"}
    if kind == "distilbert":
        sizes = {"vocab_size": 128, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24}
        sizes |= {"max_position_embeddings": 64}
    if kind in ("albert", "electra"):
        sizes |= {"embedding_size": 8}
    own = {"local_attention": 4, "global_attn_every_n_layers": 2} if kind == "modernbert" else {}
    marks = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    network = AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **{**sizes, **own, **marks, **changes}))
    with torch.no_grad():
        # Weights that are drawn as usual say nearly the same of all tokens; biases begin at 0.
        for parameter in network.parameters():
            parameter.mul_(8.0) if parameter.ndim == 2 else parameter.add_(0.1 * torch.randn_like(parameter))
    network.save_pretrained(folder)
    (folder / "1_Pooling" / "config.json").unlink()
    return folder
