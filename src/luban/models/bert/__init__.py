"""BERT: a transformer that fills what is masked in a text, from both sides of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban import collate
from luban.batch import Array, Inputs, Ragged
from luban.models import _language, _networks
from luban.models._language import Dimensions
from luban.protocols import Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

SLOWER = 0.3
"""The share of it that embeddings take which begin from counts: they have less to find, by trial."""


class Settings(_language.LanguageSettings):
    """What can be set about masked language models."""

    style: Literal["modern", "classic"] = "modern"
    """`modern` layers have rotary places, norms first and gated units, as ModernBERT (Warner et al., 2024); `classic`
    ones are those of BERT, which take more steps before they see what stands beside a hidden token."""
    masked: float = Field(0.3, gt=0, lt=1)
    """Share of the tokens that are to be filled; others at every step. Of them 80% are masked, 10% are another token,
    and 10% stay as they are. Small models learn more of a step by more than the 15% of BERT (Wettig et al., 2023)."""
    between: float = Field(0.7, ge=0, le=1)
    """Share of the blocks of a step in which every second token is to be filled, so that each stands between two that
    are known; in the others `masked` says how many. A small network learns more of it in the same time, by trial."""
    whole_words: bool = False
    """Whether all tokens of a word are chosen together."""
    begins: Literal["counts", "random"] | None = None
    """Whether embeddings and first heads begin from counts of which tokens stand near each other in what is learned, or
    are drawn. A fit decides it where nothing is said; `classic` layers are drawn."""


@final
class Bert(_language.LanguageNetwork):
    """p(t_i | the text without some of its tokens) (Devlin et al., 2019), in the layers of ModernBERT or in those of
    BERT. The embedding is the output layer too. Documents stand in blocks one behind the other, and no step sees
    another document.
    """

    name: ClassVar[str] = "bert"
    learning_rate: ClassVar[float] = 3e-3
    tasks: ClassVar[frozenset[str]] = frozenset({"masked-lm"})
    goes_on: ClassVar[bool] = False
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings)
        if settings.begins is not None:
            return {}, ""
        if settings.style == "classic":
            return {"begins": "random"}, "no layer of this style looks beside a token from the start"
        return {"begins": "counts"}, "counts tell in seconds what stands near what, which takes minutes to learn"

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models.bert.network import MaskedLanguageModel

        ((name, _),) = _networks.shapes(work).items()
        begins = _language.begins(work) if settings.whole_words else None
        found = config(settings, _language.vocabulary(work))
        module = MaskedLanguageModel(name, found, settings.masked, begins, between=settings.between)
        if settings.begins == "counts":
            module.embedding.rate = SLOWER  # type: ignore[attr-defined]
        return module

    def begin_from(self, module: nn.Module, inputs: Inputs, settings: Section) -> None:
        assert isinstance(settings, Settings)
        if settings.begins != "counts":
            return
        from luban.models.bert import counts
        from luban.models.bert.network import MaskedLanguageModel

        assert isinstance(module, MaskedLanguageModel)
        ((_, blocks),) = collate.parts(inputs).items()
        assert not isinstance(blocks, Ragged), "texts come as blocks"
        counts.begin(module, blocks)

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings)
        found = config(settings, _language.vocabulary(work))
        modern = settings.style == "modern"
        own = {_named(name, modern): each for name, each in weights.items() if not name.endswith("position_ids")}
        kind = "ModernBertForMaskedLM" if modern else "BertForMaskedLM"
        return {"architectures": [kind], "dtype": "float32", **found}, own


def config(settings: Settings, vocabulary: int) -> dict[str, Any]:
    """The architecture as `config.json` says it. Raises ValueError where its sizes do not fit each other.

    >>> found = config(Settings(size="small"), 300)
    >>> found["model_type"], found["hidden_size"], found["intermediate_size"]
    ('modernbert', 256, 688)
    >>> config(Settings(size="small", style="classic"), 300)["intermediate_size"]
    1024
    """
    if settings.style == "classic" and settings.begins == "counts":
        raise ValueError("layers of the style 'classic' cannot begin from counts")
    sizes = _language.dimensions(settings, lambda sizes: weights(sizes, vocabulary, settings))
    found: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "max_position_embeddings": settings.context,
        "tie_word_embeddings": True,
        "pad_token_id": 0,
    }
    if settings.style == "classic":
        dropout = {"hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout}
        own = {"model_type": "bert", "intermediate_size": 4 * sizes.width, "type_vocab_size": 1}
        return {**found, **own, **dropout}
    marks = {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3}
    dropout = {f"{part}_dropout": settings.dropout for part in ("attention", "embedding", "mlp")}
    # Every layer sees the whole block, which is short.
    own = {
        "model_type": "modernbert",
        "intermediate_size": _language.gated(sizes.width),
        "global_attn_every_n_layers": 1,
        "global_rope_theta": 10_000.0,
    }
    return {**found, **own, **marks, **dropout}


def weights(sizes: Dimensions, vocabulary: int, settings: Settings) -> int:
    """How many weights the network has, its head among them."""
    width = sizes.width
    if settings.style == "modern":
        block = 4 * width * width + 3 * width * _language.gated(width) + 2 * width
        # The first block begins with the norm of the embedding; one more is behind the last, and one in the head.
        return vocabulary * width + sizes.layers * block + 2 * width + width * width + vocabulary
    block = 4 * (width * width + width) + 2 * 4 * width * width + 5 * width + 4 * width
    embeddings = (vocabulary + settings.context + 1) * width + 2 * width
    return embeddings + sizes.layers * block + width * width + width + 2 * width + vocabulary


def _named(name: str, modern: bool) -> str:
    """What the library `transformers` calls a weight.

    >>> _named("body.embeddings.word_embeddings.weight", False), _named("norm.bias", False)
    ('bert.embeddings.word_embeddings.weight', 'cls.predictions.transform.LayerNorm.bias')
    >>> _named("body.embeddings.norm.weight", True), _named("norm.weight", True), _named("bias", True)
    ('model.embeddings.norm.weight', 'head.norm.weight', 'decoder.bias')
    """
    if modern:
        return name.replace("body.", "model.", 1) if name.startswith("body.") else _of_head(name)
    head = {"bias": "bias", "dense": "transform.dense", "norm": "transform.LayerNorm"}
    first, _, rest = name.partition(".")
    if first == "body":
        return f"bert.{rest}"
    return "cls.predictions." + head[first] + (f".{rest}" if rest else "")


def _of_head(name: str) -> str:
    return "decoder.bias" if name == "bias" else f"head.{name}"


model = Bert()
