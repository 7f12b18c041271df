"""Which configs of language models are taken, and what of them decides the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luban.core.strict_json import shown
from luban.origins import configs

KINDS = configs.WRITERS
"""The architectures that are built; each is tested with tiny random weights."""
_TURNING = ("rope_parameters", "rope_scaling")
_MIXING = ("conv", "full_attention")
"""What a layer of LFM2 may be."""


def checked(document: Mapping[str, Any]) -> dict[str, Any]:
    """The config with what decides the network, and nothing else. Raises ValueError, in words, for one not taken.

    >>> checked({"model_type": "gpt2", "n_embd": 8, "architectures": ["GPT2LMHeadModel"]})
    {'model_type': 'gpt2', 'n_embd': 8}
    """
    kind = document.get("model_type")
    if kind not in KINDS:
        raise ValueError(f"its kind is {shown(kind)}, and of language models {', '.join(KINDS)} are known")
    kept = configs.plain(document)
    for name in _TURNING:
        part = document.get(name)
        if isinstance(part, dict):
            kept[name] = configs.plain(part)
    if kind == "lfm2" and "layer_types" in document:
        layers = document["layer_types"]
        if not isinstance(layers, list) or len(layers) > configs.LARGEST["num_hidden_layers"]:
            raise ValueError("'layer_types' is no list of layers")
        if strange := [each for each in layers if each not in _MIXING]:
            raise ValueError(f"'layer_types' holds {shown(strange[0])}, and {', '.join(_MIXING)} are known")
        kept["layer_types"] = list(layers)
    return dict(sorted(kept.items()))
