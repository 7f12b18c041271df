"""Adapting: a pretrained language model goes on learning, from the answers in chats or from raw text.

Going on with the texts of a domain before anything else is learned helps there (Gururangan et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.batch import Array
from luban.core.errors import UsageError
from luban.models import _begun, _causal, _language, _networks, _pretrained
from luban.protocols import Work
from luban.recipe.recipe import Candidate, Section

if TYPE_CHECKING:
    from torch import Tensor, nn

RATE = 5e-5
"""The learning rate of all weights."""
SMALL, RATE_OF_SMALL = 10_000_000, 5e-4
"""Weights below which all of a network learns raw text faster, and its learning rate then."""
FASTER = 10.0
"""How many times as fast an adapter learns: it begins with nothing (Hu et al., 2022; Schulman et al., 2025)."""
PREFERENCE = "preference"
ROWS = 4
"""Chats of a step."""
NUMBERS = 1 << 25
"""Numbers that a step of raw text has for the words that each of its tokens may be, at most: 128 MB."""
LARGE = 30_000_000
"""Weights from which all of them are no longer changed where nothing is said."""
FEWEST_EPOCHS, MOST_EPOCHS, STEPS = 2, 6, 120

Adapter = Literal["auto", "lora", "dora", "full"]


class Settings(_causal.Beginning):
    """What can be set about adapting."""

    adapter: Adapter = "auto"
    """What learns: small matrices beside the large ones (`lora`, `dora`), or `full`; `auto` goes by the size."""
    rank: int = Field(8, ge=1, le=1_024)
    """How many numbers lie between the two matrices of an adapter."""
    base: Literal["float32", "int8"] = "float32"
    """How the matrices beside an adapter are kept while it learns: `int8` takes a quarter of the memory."""
    alpha: float = Field(16.0, gt=0, le=1e4)
    """The product of the two matrices is multiplied by this over the rank."""
    beta: float = Field(0.1, gt=0, le=10)
    """With the task `preference`: the larger, the nearer it stays to the model as it was."""
    where: Literal["all", "attention"] = "all"
    """Which matrices have an adapter: all of each block, or those of its attention."""


def resolved(settings: Settings) -> tuple[Literal["lora", "dora", "full"], str]:
    """What learns, and why."""
    if settings.adapter != "auto":
        return settings.adapter, "as asked"
    assert settings.origin is not None
    from luban.origins import causal

    weights = causal.weights(settings.origin.config)
    if weights < LARGE:
        return "full", f"it has {weights:,} weights, few enough to change all of them"
    return "lora", f"it has {weights:,} weights; to change all of them takes four times the memory, and forgets more"


@final
class PretrainedCausal(_begun.BegunNetwork):
    """A pretrained language model, adapted by LoRA or DoRA, or with all of its weights. What is saved is one network:
    an adapter is put into the matrices that it stands beside.
    """

    name: ClassVar[str] = _causal.ADAPTED
    tasks: ClassVar[frozenset[str]] = frozenset({"chat", PREFERENCE, _causal.RAW})
    takes: ClassVar[frozenset[str]] = frozenset({"tokens"})
    goes_on: ClassVar[bool] = True
    Settings = Settings

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings)
        if work.task == PREFERENCE and settings.adapter in ("auto", "full"):
            if settings.adapter == "full":
                raise UsageError(
                    "preferences are learned by an adapter: without it the model is as it was, to be compared with.",
                    where=f"model.{self.name}.adapter",
                    fix=f"--set model.{self.name}.adapter=lora",
                )
            return {"adapter": "lora"}, "without its adapter the model is as it was, to be compared with"
        if settings.base == "int8" and settings.adapter == "full":
            raise UsageError(
                "where all weights learn none of them is kept in 8 bits.",
                where=f"model.{self.name}.base",
                fix=f"--set model.{self.name}.adapter=lora",
            )
        if settings.adapter != "auto":
            return {}, ""
        if settings.base == "int8":
            return {"adapter": "lora"}, "the large matrices are kept in 8 bits, so small ones beside them learn"
        adapter, reason = resolved(settings)
        return {"adapter": adapter}, reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._adapters import How
        from luban.models.pretrained_causal.continuing import ContinuingModel
        from luban.models.pretrained_causal.network import AnsweringModel

        adapter, _ = resolved(settings)
        how = (
            None
            if adapter == "full"
            else How(adapter, settings.rank, settings.alpha / settings.rank, settings.base == "int8")
        )
        ((name, shape),) = _networks.shapes(work).items()
        if work.task == _causal.RAW:
            return ContinuingModel(name, settings.origin.config, _parts(settings.origin), how, settings.where)
        return AnsweringModel(
            name, settings.origin.config, (shape.size[0] - 1) // 4, how, settings.where,
            prefers=work.task == PREFERENCE, beta=settings.beta,
        )  # fmt: skip

    def as_it_was(self, settings: Section) -> Candidate:
        assert isinstance(settings, Settings) and settings.origin is not None
        origin = settings.origin.model_dump(mode="json")
        return Candidate(model=_begun.UNTOUCHED, settings={"context": settings.context, "origin": origin})

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models import _adapters
        from luban.origins import causal

        module.take(causal.find(settings.origin.content).network)  # type: ignore[operator]
        adapted = resolved(settings)[0] != "full"
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(_adapters.learns(name) if adapted else True)
            # A preference is soon learned, and then exaggerated.
            faster = adapted and not getattr(module, "prefers", False)
            parameter.rate = FASTER if faster else 1.0  # type: ignore[attr-defined]

    def rate(self, settings: Section) -> tuple[float, str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        if settings.origin.parts and resolved(settings)[0] == "full":
            from luban.origins import causal

            if causal.weights(settings.origin.config) < SMALL:
                return RATE_OF_SMALL, "a small network bears more than the usual one, and hardly moves by it"
        return RATE, f"the usual one for weights that were pretrained; an adapter learns {FASTER:g} times as fast"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS, about=STEPS)

    def batch(self, settings: Section) -> tuple[int, str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        if settings.origin.parts:
            return blocks_of_step(settings.context, int(settings.origin.config.get("vocab_size", 50_257)))
        return ROWS, f"{ROWS} chats make a step, so that what is kept of each token of a large network fits into memory"

    def usual(self) -> Mapping[str, tuple[str, str]]:
        """As every other network has them."""
        return {}

    def merged(
        self, weights: Mapping[str, Tensor], settings: Section, *, over: bool = False
    ) -> tuple[dict[str, Tensor], Section]:
        assert isinstance(settings, Settings)
        from luban.models import _adapters

        plain = settings.model_copy(update={"adapter": "full", "base": "float32"})
        if settings.base == "int8":
            weights = {**weights, **self._whole(weights, settings)}
        return _adapters.merged(weights, settings.alpha / settings.rank, over=over), plain

    def _whole(self, weights: Mapping[str, Tensor], settings: _causal.Beginning) -> dict[str, Tensor]:
        """The matrices that were kept in 8 bits, as they are in the file: what was learned is put into these."""
        assert settings.origin is not None
        from luban.origins import causal

        network: Any = causal.find(settings.origin.content).network()
        theirs = dict(getattr(network, network.base_model_prefix).named_parameters())
        beside = (name.removesuffix("left") + "weight" for name in weights if name.endswith(".left"))
        return {name: theirs[name.removeprefix("body.")].detach() for name in beside}

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.origins import causal

        config, prefix = causal.laid_out(settings.origin.config)
        own = {
            f"{prefix}.{name.removeprefix('body.')}" if name.startswith("body.") else f"lm_{name}": values
            for name, values in weights.items()
        }
        ends = list(dict.fromkeys([*settings.origin.ends, *settings.origin.parts[1:]]))
        return {**config, **({"eos_token_id": ends} if ends else {})}, own


def blocks_of_step(context: int, vocabulary: int) -> tuple[int, str]:
    """How many blocks of raw text make a step, and why: each of its tokens has a number for every word.

    >>> blocks_of_step(256, 8_192)[0], blocks_of_step(256, 49_152)[0]
    (8, 2)
    """
    tokens = min(_language.STEP_TOKENS, NUMBERS // vocabulary)
    rows = max(tokens // context, 1)
    return rows, f"{rows} blocks of {context} tokens make a step of {rows * context:,}, for {vocabulary:,} words"


def _parts(origin: _causal.Origin) -> tuple[int, int]:
    """The numbers of the tokens that begin and end a document. Raises ValueError where nobody said so."""
    if len(origin.parts) != 2:
        raise ValueError("nothing says which tokens begin and end a document; name the model by --from")
    return origin.parts[0], origin.parts[1]


model = PretrainedCausal()
