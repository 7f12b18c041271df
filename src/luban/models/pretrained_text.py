"""Fine-tuning: a text encoder that was pretrained on other texts goes on learning from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban import collate
from luban.batch import Array, Inputs, Ragged
from luban.models import _networks, _pretrained, _tuning
from luban.origins import configs
from luban.protocols import Shape, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

HEAD = 20.0
"""How many times as fast a fresh head learns as the topmost block."""
FEWEST_EPOCHS, MOST_EPOCHS = 3, 10
FIRST_SEEN = 128
"""Pairs by which it is seen how cosines vary before anything is learned."""
TOKENS_OF_A_WORD = 1.3
"""About, of English and of many other languages; the time of a step grows with them."""
WINDOW = 512
"""Tokens of words that are read at once, at most: time grows with their square."""


class Settings(_tuning.AdapterSettings):
    """What can be set about fine-tuning."""

    frozen: int = Field(0, ge=0, le=200)
    """So many blocks from below stay as they were pretrained, and the embeddings with them."""
    layer_decay: float = Field(0.9, gt=0, le=1)
    """How much slower each block learns than the one above it (Howard and Ruder, 2018)."""
    embeddings: Annotated[float, Field(gt=0, le=1_000)] | Literal["auto"] = "auto"
    """How many times as fast as that the embeddings learn; `auto` is 8 in small networks, and else 1."""
    summary: Literal["auto", "mean", "first", "layers"] = "auto"
    """What of all the states stands for a text: the mean of the last ones, the first of them, which is answered
    quicker, or the mean of those of all layers. `auto` is what the pretrained model was made for; but the first in the
    place of the mean where all of a model learns that is not small."""
    unit: bool = False
    """Whether each text's vector is brought to length 1, so that only its direction counts."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the vector of a text that the head does without, while it trains."""
    attention_dropout: float | None = Field(None, ge=0, lt=1)
    """Share of what a word looks at that is left out while it trains; the model's config says it where nothing is said,
    and 0 is quicker."""


_BODY = "body."
_CHANGES_WORDS = ("full", "gradual")
"""Ways in which embeddings learn, where no block is frozen."""


@final
class PretrainedText(_tuning.AdaptedNetwork):
    """A pretrained encoder, and a fresh linear head on the vector of each text (Devlin et al., 2019).

    Lower blocks learn more slowly, and the head faster, than the topmost block. What is saved is one network: an
    adapter is put into the matrix that it stands beside. Of a pair of texts the cosine of both vectors answers; of
    words that are tagged the head stands on the state of each word's first token.
    """

    name: ClassVar[str] = _pretrained.OF_TEXTS
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED | {_networks.SPANS, _networks.PAIRS, _networks.TAGGING}
    takes: ClassVar[frozenset[str]] = frozenset({"tokens", "words"})
    goes_on: ClassVar[bool] = False
    Settings = Settings

    def declines(self, work: Work) -> str | None:
        if any(shape.kind == "words" and len(shape.size) == 2 for shape in work.shapes.values()):
            return "it reads words as tokens of its tokenizer, and none was given: --from names a pretrained model."
        return super().declines(work)

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        weights = configs.block_weights(settings.origin.config)
        choices: dict[str, Any] = {}
        reasons = []
        if settings.tune == "auto":
            if _networks.tags(work):
                # Of each word its tag counts too.
                read = TOKENS_OF_A_WORD * length / 2
            else:
                read = min(length, *(shape.longest for shape in work.shapes.values() if shape.longest))
            choices["tune"], why = _tuning.chosen(weights, weights * read, work.rows, FEWEST_EPOCHS, seconds)
            reasons.append(why)
        way = choices.get("tune", settings.tune)
        if settings.embeddings == "auto" and way in _CHANGES_WORDS and not settings.frozen:
            choices["embeddings"], why = _tuning.of_embeddings(weights)
            reasons.append(why)
        if settings.summary == "auto" and _may_gather(settings, work, way):
            choices["summary"] = "first"
            reasons.append("all of it learns, so its first state learns to stand for a text, and is answered quicker")
        return choices, "; ".join(reasons)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._fused import fused
        from luban.models._packing import PretrainedWords
        from luban.models._pretrained_encoder import PretrainedEncoder

        origin = settings.origin
        _pretrained.reads(origin.config, "tokens")

        def encoder(shape: Shape) -> nn.Module:
            found = PretrainedEncoder(
                origin.config,
                origin.marks,
                _summary(settings),
                unit=settings.unit,
                dropout=settings.dropout,
                attention_dropout=settings.attention_dropout,
                pairs=_networks.spans(work),
            )
            settings.adapt(found.body)
            return PretrainedWords(found, shape, _room(origin.config)) if shape.kind == "words" else found

        of_steps = _networks.spans(work) or _networks.tags(work)
        return fused(work, self.takes, encoder, settings.dropout if of_steps else 0.0)

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        embeddings = settings.embeddings
        if embeddings == "auto":
            embeddings = _tuning.of_embeddings(configs.block_weights(settings.origin.config))[0]
        _tuning.begin(
            module, settings.origin, settings.way,
            frozen=settings.frozen, decay=settings.layer_decay, head=HEAD, embeddings=embeddings,
        )  # fmt: skip

    def narrow(self, module: nn.Module, inputs: Inputs) -> None:
        from luban.models._fused import readers

        parts = collate.parts(inputs)
        read: dict[Any, list[Array]] = {}
        for name, encoder in readers(module):
            part = parts[name]
            if hasattr(encoder, "narrow") and isinstance(part, Ragged):
                read.setdefault(encoder, []).append(part.values)
        for encoder, values in read.items():
            encoder.narrow(np.concatenate(values))

    def begin_from(self, module: nn.Module, inputs: Inputs, settings: Section) -> None:
        from luban.models._fused import Compared

        if isinstance(module, Compared):
            rows = int(inputs.shape[0])
            some = np.unique(np.linspace(0, rows - 1, min(rows, FIRST_SEEN)).astype(np.int64))
            trains = module.training
            module.eval().standardise(collate.to_torch(inputs, some))
            module.train(trains)

    def rate(self, settings: Section) -> tuple[float, str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        return _tuning.rate(configs.block_weights(settings.origin.config))

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS)

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """The encoder that was tuned, without the head; nothing where several columns have one each."""
        assert isinstance(settings, Settings) and settings.origin is not None
        bodies = {name[: name.index(_BODY)] for name in weights if _BODY in name}
        if len(bodies) != 1:
            return {}, {}
        prefix = bodies.pop() + _BODY
        own = {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}
        return {"dtype": "float32", configs.SUMMARY: _summary(settings), **settings.origin.config}, own


def _room(config: Mapping[str, Any]) -> int:
    """Tokens of words that are read at once, beside both marks."""
    return min(configs.longest(config), WINDOW) - 2


def _may_gather(settings: Settings, work: Work, way: str) -> bool:
    """Whether the first state learns to tell of a text what the mean of all states does (decision 0057)."""
    assert settings.origin is not None
    alone = not (_networks.tags(work) or _networks.spans(work) or _networks.pairs(work))
    large = configs.block_weights(settings.origin.config) >= _tuning.SMALL
    return alone and large and settings.origin.summary == "mean" and way in _CHANGES_WORDS and not settings.frozen


def _summary(settings: Settings) -> str:
    """What of all the states stands for a text."""
    assert settings.origin is not None
    return settings.origin.summary if settings.summary == "auto" else settings.summary


model = PretrainedText()
