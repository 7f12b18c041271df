"""GPT: a transformer that says each token of a text from those before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.batch import Array
from luban.models import _language, _networks
from luban.models._language import Dimensions
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 5e-3
"""The learning rate; small networks bear more than large ones, which take 6e-4 at 125 million weights."""


class Settings(_language.LanguageSettings):
    """What can be set about causal language models."""

    qk_norm: bool = False
    """Whether queries and keys are normalised, so that no step of attention grows sharp (Henry et al., 2020)."""
    z_loss: float = Field(0.0, ge=0, le=1)
    """How much the square of the log of each softmax's sum weighs in the loss; 1e-4 is usual (PaLM, 2022)."""


@final
class Gpt:
    """p(t_i | t_1 ... t_(i-1)) (Radford et al., 2018), in the layers of Llama (Touvron et al., 2023): rotary places,
    RMS norms first, gated feed-forward layers; with normalised queries and keys in those of Qwen3. The embedding is
    the output layer too. Documents stand in blocks one behind the other, and no step sees another document.
    """

    name: ClassVar[str] = "gpt"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = frozenset({"causal-lm"})
    takes: ClassVar[frozenset[str]] = _language.TAKES
    goes_on: ClassVar[bool] = True
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else _networks.entry(1, self.name)

    def declines(self, work: Work) -> str | None:
        return _language.declines(work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.gpt.network import CausalLanguageModel

        ((name, _),) = _networks.shapes(work).items()
        return CausalLanguageModel(name, config(settings, _language.vocabulary(work)), z_loss=settings.z_loss)

    def rate(self) -> tuple[float, str]:
        return RATE, "the usual one of small language models, for which a range test is too short"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _language.epochs(steps)

    def batch(self, settings: Section) -> tuple[int, str]:
        assert isinstance(settings, Settings)
        return _language.rows_of_step(settings.context)

    def usual(self) -> Mapping[str, tuple[str, str]]:
        return _language.USUAL

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings)
        found = config(settings, _language.vocabulary(work))
        kind = {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM"}[found["model_type"]]
        own = {f"model.{name.removeprefix('body.')}": values for name, values in weights.items()}
        return {"architectures": [kind], "dtype": "float32", **found}, own


def config(settings: Settings, vocabulary: int) -> dict[str, Any]:
    """The architecture as `config.json` says it. Raises ValueError where its sizes do not fit each other.

    >>> found = config(Settings(), 300)
    >>> found["model_type"], found["hidden_size"], found["num_hidden_layers"]
    ('llama', 128, 4)
    """
    sizes = _language.dimensions(settings, lambda sizes: weights(sizes, vocabulary, settings))
    found: dict[str, Any] = {
        "model_type": "qwen3" if settings.qk_norm else "llama",
        "vocab_size": vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.heads,
        "head_dim": sizes.width // sizes.heads,
        "intermediate_size": _language.gated(sizes.width),
        "max_position_embeddings": settings.context,
        "attention_dropout": settings.dropout,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    return found


def weights(sizes: Dimensions, vocabulary: int, settings: Settings) -> int:
    """How many weights the network has."""
    width = sizes.width
    block = 4 * width * width + 3 * width * _language.gated(width) + 2 * width
    block += 2 * (width // sizes.heads) if settings.qk_norm else 0
    return vocabulary * width + sizes.layers * block + width


model = Gpt()
