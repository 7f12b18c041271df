"""GPT: a transformer that says each token of a text from those before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from luban.batch import Array
from luban.models import _language, _networks
from luban.models._language import Dimensions
from luban.protocols import Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

KERNEL, ROTATION = 3, 10_000.0
"""Tokens that a convolution mixes, and the base of rotary places."""
KINDS = {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM", "lfm2": "Lfm2ForCausalLM"}
HEAD = "head.weight"
"""The output layer, where it is not the embedding."""


class Settings(_language.LanguageSettings):
    """What can be set about causal language models."""

    qk_norm: bool = False
    """Whether queries and keys are normalised, so that no step of attention grows sharp (Henry et al., 2020)."""
    convolutions: Annotated[int, Field(ge=0, le=47)] | None = None
    """So many of the first layers mix each token with the two before it, by a short convolution in the place of
    attention (LFM2, 2025); 0 for none. A fit decides it where nothing is said."""
    tied: bool | None = None
    """Whether the embedding is the output layer too. A fit decides it where nothing is said."""
    z_loss: float = Field(0.0, ge=0, le=1)
    """How much the square of the log of each softmax's sum weighs in the loss; 1e-4 is usual (PaLM, 2022)."""


_SHARED = "the embedding is the output layer too, so that more of its weights are layers"
_OWN = "a small one learns words sooner by an output layer of its own, by trial"


@final
class Gpt(_language.LanguageNetwork):
    """p(t_i | t_1 ... t_(i-1)) (Radford et al., 2018), in the layers of Llama (Touvron et al., 2023): rotary places,
    RMS norms first, gated feed-forward layers; with normalised queries and keys in those of Qwen3; with convolutions in
    those of LFM2 (Liquid AI, 2025). Documents stand in blocks one behind the other, and no step sees another document.
    """

    name: ClassVar[str] = "gpt"
    learning_rate: ClassVar[float] = 5e-3
    tasks: ClassVar[frozenset[str]] = frozenset({"causal-lm"})
    goes_on: ClassVar[bool] = True
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings)
        found: dict[str, Any] = {}
        reasons = []
        if settings.convolutions is None and not settings.qk_norm:
            layers = config(settings, _language.vocabulary(work))["num_hidden_layers"]
            found["convolutions"] = layers * 2 // 3
            reasons.append("it learns sooner by convolutions what stands side by side, by trial")
        if settings.tied is None:
            found["tied"] = settings.parameters is not None or settings.size == "base"
            reasons.append(_SHARED if found["tied"] else _OWN)
        return found, "; ".join(reasons)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.gpt.network import CausalLanguageModel

        ((name, _),) = _networks.shapes(work).items()
        found = config(settings, _language.vocabulary(work))
        return CausalLanguageModel(name, found, z_loss=settings.z_loss, dropout=settings.dropout)

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings)
        found = config(settings, _language.vocabulary(work))
        own = {f"model.{name.removeprefix('body.')}": each for name, each in weights.items() if name != HEAD}
        own |= {"lm_head.weight": weights[HEAD]} if HEAD in weights else {}
        return {"architectures": [KINDS[found["model_type"]]], "dtype": "float32", **found}, own


def config(settings: Settings, vocabulary: int) -> dict[str, Any]:
    """The architecture as `config.json` says it. Raises ValueError where its sizes do not fit each other.

    >>> found = config(Settings(), 300)
    >>> found["model_type"], found["hidden_size"], found["num_hidden_layers"]
    ('llama', 128, 4)
    """
    sizes = _language.dimensions(settings, lambda sizes: weights(sizes, vocabulary, settings))
    first = settings.convolutions or 0
    if first >= max(sizes.layers, 1):
        raise ValueError(f"of {sizes.layers} layers at most {sizes.layers - 1} are convolutions, not {first}")
    kind = "lfm2" if first else "qwen3" if settings.qk_norm else "llama"
    found: dict[str, Any] = {
        "model_type": kind,
        "vocab_size": vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.heads,
        "intermediate_size": _language.gated(sizes.width),
        "max_position_embeddings": settings.context,
        "tie_word_embeddings": settings.tied is not False,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    if kind != "lfm2":
        return {**found, "head_dim": sizes.width // sizes.heads, "attention_dropout": settings.dropout}
    own = {
        "layer_types": ["conv"] * first + ["full_attention"] * (sizes.layers - first),
        "conv_L_cache": KERNEL,
        "conv_bias": False,
        "block_auto_adjust_ff_dim": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROTATION},
    }
    return {**found, **own}


def weights(sizes: Dimensions, vocabulary: int, settings: Settings) -> int:
    """How many weights the network has."""
    width, first = sizes.width, settings.convolutions or 0
    block = 4 * width * width + 3 * width * _language.gated(width) + 2 * width
    normed = 2 * (width // sizes.heads) if settings.qk_norm or first else 0
    tables = vocabulary * width * (2 if settings.tied is False else 1)
    return tables + sizes.layers * block + first * KERNEL * width + (sizes.layers - first) * normed + width


model = Gpt()
