"""The architecture of a pretrained encoder of sounds: what its config and its `preprocessor_config.json` say, checked.

Whisper (Radford et al., 2022) reads log-mel frames, 100 in a second; of its two halves the encoder is begun from. It
learned from windows of 30 seconds, which a position table makes the longest: half as many places as frames.
Nothing here imports torch, save `encoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luban.core.lazy import require
from luban.core.strict_json import shown

KINDS = ("whisper",)
"""Kinds that read sounds."""
RATE, WINDOW, HOP = 16_000, 400, 160
"""Samples a second, in a frame, and from one frame to the next: those that Whisper learned from."""
STRIDE = 2
"""Frames for each of its states."""
HEARS = "preprocessor_config.json"
"""The file that says how sounds become frames."""
_SIZES = {
    "d_model": (1, 16_384),
    "encoder_layers": (1, 200),
    "encoder_attention_heads": (1, 512),
    "encoder_ffn_dim": (1, 131_072),
    "num_mel_bins": (1, 512),
    "max_source_positions": (1, 100_000),
}
"""From where to where, of what decides the encoder."""
_SHARES = ("activation_dropout", "attention_dropout", "dropout")
_ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu")


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the encoder, and nothing else. Raises ValueError, in words, for one not taken.

    >>> sizes = {"d_model": 8, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 16}
    >>> hears = {"num_mel_bins": 80, "max_source_positions": 1500, "vocab_size": 51864}
    >>> sorted(checked({"model_type": "whisper", **sizes, **hears}))[-3:]
    ['max_source_positions', 'model_type', 'num_mel_bins']
    """
    kept: dict[str, Any] = {"model_type": document.get("model_type")}
    for name, (least, most) in _SIZES.items():
        value = document.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"'{name}' is {shown(value)} instead of a whole number from {least:,} to {most:,}")
        kept[name] = value
    if kept["d_model"] % kept["encoder_attention_heads"]:
        raise ValueError(f"its width {kept['d_model']:,} is no multiple of its heads")
    for name in _SHARES:
        share = document.get(name, 0.0)
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share < 1:
            raise ValueError(f"'{name}' is {shown(share)} instead of a share from 0 to 1")
        kept[name] = float(share)
    kept["activation_function"] = document.get("activation_function", "gelu")
    if kept["activation_function"] not in _ACTIVATIONS:
        raise ValueError(f"'activation_function' is {shown(kept['activation_function'])}")
    return dict(sorted(kept.items()))


def hearing(config: Mapping[str, Any]) -> dict[str, Any]:
    """What `preprocessor_config.json` says where sounds become frames as Whisper learned them."""
    frames = STRIDE * int(config["max_source_positions"])
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": config["num_mel_bins"],
        "sampling_rate": RATE,
        "n_fft": WINDOW,
        "hop_length": HOP,
        "chunk_length": frames * HOP // RATE,
        "n_samples": frames * HOP,
        "nb_max_frames": frames,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": False,
    }


def check_hearing(document: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raises ValueError, in words, where a folder's sounds become frames in another way than Whisper's."""
    wanted = hearing(config)
    for name in ("feature_size", "sampling_rate", "n_fft", "hop_length"):
        if document.get(name) != wanted[name]:
            raise ValueError(f"'{name}' is {shown(document.get(name))}, and {wanted[name]:,} is known")


def frames(config: Mapping[str, Any]) -> int:
    """Frames of the longest sound that it reads."""
    return STRIDE * int(config["max_source_positions"])


def block_weights(config: Mapping[str, Any]) -> int:
    """How many weights the matrices of its blocks have."""
    width, inner = int(config["d_model"]), int(config["encoder_ffn_dim"])
    return int(config["encoder_layers"]) * (4 * width * width + 2 * width * inner)


def own(name: str) -> str | None:
    """The name that a tensor of the folder has in the encoder; None for one of the other half.

    >>> own("model.encoder.conv1.weight"), own("encoder.layers.0.fc1.bias"), own("model.decoder.embed_tokens.weight")
    ('conv1.weight', 'layers.0.fc1.bias', None)
    """
    bare = name.removeprefix("model.")
    return bare.removeprefix("encoder.") if bare.startswith("encoder.") else None


def encoder(config: Mapping[str, Any]) -> Any:
    """The encoder of `transformers`, with fresh weights."""
    require("transformers", extra="nets", purpose="building a pretrained model")
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    # Of the other half no more than its config asks for: it is not built.
    asked = {name: value for name, value in config.items() if name != "model_type"}
    return WhisperEncoder(WhisperConfig(**asked))
