"""BERT: a transformer that fills what is masked in a text, from both sides of it."""

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

RATE = 1e-3
"""The learning rate; small networks bear more than large ones, which take 1e-4."""


class Settings(_language.LanguageSettings):
    """What can be set about masked language models."""

    masked: float = Field(0.15, gt=0, lt=1)
    """Share of the tokens that are to be filled; others at every step. Of them 80% are masked, 10% are another token,
    and 10% stay as they are."""
    whole_words: bool = False
    """Whether all tokens of a word are chosen together."""


@final
class Bert:
    """p(t_i | the text without some of its tokens) (Devlin et al., 2019), in the layers of BERT. The embedding is the
    output layer too. Documents stand in blocks one behind the other, and no step sees another document.
    """

    name: ClassVar[str] = "bert"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = frozenset({"masked-lm"})
    takes: ClassVar[frozenset[str]] = _language.TAKES
    goes_on: ClassVar[bool] = False
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return () if self.declines(work) else _networks.entry(1, self.name)

    def declines(self, work: Work) -> str | None:
        return _language.declines(work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.bert.network import MaskedLanguageModel

        ((name, _),) = _networks.shapes(work).items()
        begins = _language.begins(work) if settings.whole_words else None
        return MaskedLanguageModel(name, config(settings, _language.vocabulary(work)), settings.masked, begins)

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
        own = {_named(name): values for name, values in weights.items() if not name.endswith("position_ids")}
        return {"architectures": ["BertForMaskedLM"], "dtype": "float32", **found}, own


def config(settings: Settings, vocabulary: int) -> dict[str, Any]:
    """The architecture as `config.json` says it. Raises ValueError where its sizes do not fit each other.

    >>> found = config(Settings(size="small"), 300)
    >>> found["model_type"], found["hidden_size"], found["intermediate_size"]
    ('bert', 256, 1024)
    """
    sizes = _language.dimensions(settings, lambda sizes: weights(sizes, vocabulary, settings))
    return {
        "model_type": "bert",
        "vocab_size": vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": 4 * sizes.width,
        "max_position_embeddings": settings.context,
        "type_vocab_size": 1,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
    }


def weights(sizes: Dimensions, vocabulary: int, settings: Settings) -> int:
    """How many weights the network has, its head among them."""
    width = sizes.width
    block = 4 * (width * width + width) + 2 * 4 * width * width + 5 * width + 4 * width
    embeddings = (vocabulary + settings.context + 1) * width + 2 * width
    return embeddings + sizes.layers * block + width * width + width + 2 * width + vocabulary


def _named(name: str) -> str:
    """What the library `transformers` calls a weight.

    >>> _named("body.embeddings.word_embeddings.weight"), _named("norm.bias")
    ('bert.embeddings.word_embeddings.weight', 'cls.predictions.transform.LayerNorm.bias')
    """
    head = {"bias": "bias", "dense": "transform.dense", "norm": "transform.LayerNorm"}
    first, _, rest = name.partition(".")
    if first == "body":
        return f"bert.{rest}"
    return "cls.predictions." + head[first] + (f".{rest}" if rest else "")


model = Bert()
