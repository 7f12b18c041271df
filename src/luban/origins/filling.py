"""The head by which a pretrained encoder fills hidden tokens: what it is called in each kind, and how it is built.

In every kind it is a dense layer, GELU or what the config says, a normalisation, and the embedding as the output layer
with a bias of its own. Sentence encoders and classifiers are kept without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from luban.batch import Array
from luban.core.errors import BundleError
from luban.origins import loading

_ROBERTA = ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias")
NAMES = {
    "albert": ("predictions.dense", "predictions.LayerNorm", "predictions.bias"),
    "bert": ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
    "camembert": _ROBERTA,
    "distilbert": ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    "electra": ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias"),
    "modernbert": ("head.dense", "head.norm", "decoder.bias"),
    "mpnet": _ROBERTA,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}
"""What the dense layer, the normalisation and the bias are called, by kind."""
OWN = ("dense", "norm", "bias")
_BY_CONFIG = {
    "albert": "hidden_act",
    "bert": "hidden_act",
    "distilbert": "activation",
    "modernbert": "classifier_activation",
}
_CURE = "fetch or write the folder again"


@dataclass(frozen=True)
class Head:
    """How a head is built. width, inner: of a state, and of the vector of a token. activation: by its name."""

    width: int
    inner: int
    activation: str
    epsilon: float
    dense_bias: bool
    norm_bias: bool


def head(config: Mapping[str, Any], body: Any) -> Head:
    """The head of a body of this config. Raises ValueError where its output layer is not its embedding."""
    kind, asked = str(config["model_type"]), body.config
    if not getattr(asked, "tie_word_embeddings", True):
        raise ValueError("its output layer is another one than its embedding")
    width, inner = int(asked.hidden_size), int(body.get_input_embeddings().weight.shape[1])
    activation = str(getattr(asked, _BY_CONFIG[kind])) if kind in _BY_CONFIG else "gelu"
    if kind == "modernbert":
        return Head(width, inner, activation, asked.norm_eps, asked.classifier_bias, asked.norm_bias)
    return Head(width, inner, activation, getattr(asked, "layer_norm_eps", 1e-12), True, True)


def kept(config: Mapping[str, Any], weights: Mapping[str, Array]) -> dict[str, Array]:
    """The weights of the head, called as `OWN`; none where there is none. Raises BundleError for a part of one.

    weights: of the folder, by their bare names.
    """
    names = NAMES[str(config["model_type"])]
    found: dict[str, Array] = {}
    for own, name in zip(OWN, names, strict=True):
        if own == "bias":
            found |= {own: weights[name]} if name in weights else {}
        else:
            found |= {
                f"{own}.{part}": weights[f"{name}.{part}"] for part in ("weight", "bias") if f"{name}.{part}" in weights
            }
    if found and ("dense.weight" not in found or "norm.weight" not in found):
        raise BundleError(f"of the head by which it fills tokens it has '{next(iter(found))}' alone.", fix=_CURE)
    return found


def laid_out(config: Mapping[str, Any]) -> tuple[dict[str, Any], str, dict[str, str]]:
    """The content of `config.json`, what the names of the weights of all blocks begin with, and those of the head by
    what they are called here.
    """
    told, outline = loading.laid_out(config, "AutoModelForMaskedLM")
    return told, str(outline.base_model_prefix), dict(zip(OWN, NAMES[str(config["model_type"])], strict=True))
