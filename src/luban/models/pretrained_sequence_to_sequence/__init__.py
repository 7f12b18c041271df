"""Encoder-decoders that were pretrained (T5, BART, Marian): they go on learning to write a text for another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.batch import Array
from luban.core.errors import BundleError
from luban.models import _begun, _networks, _pretrained, _rewriting, _tuning
from luban.protocols import State, Work
from luban.recipe.recipe import Candidate, Section

if TYPE_CHECKING:
    from torch import nn

RATES = {
    "t5": (1e-4, "a usual one for T5, which was pretrained at larger rates than other networks"),
    "bart": (3e-5, "a usual one for BART"),
    "marian": (3e-5, "a usual one for translators that were trained before"),
}
"""The learning rate of all weights, by kind, and why."""
FEWEST_EPOCHS, MOST_EPOCHS, STEPS = 2, 10, 500


class Settings(_rewriting.Writing, _tuning.AdapterSettings):
    """What can be set about it."""

    origin: _rewriting.Origin | None = Field(None, validate_default=True)  # type: ignore[assignment]
    """The encoder-decoder; `--from NAME` says which."""
    tune: Literal["full", "decoder", "lora", "dora", "auto"] = "auto"  # type: ignore[assignment]
    """What learns: all of it, the decoder alone, or adapters; `auto` goes by the size."""

    @property
    def way(self) -> Any:
        """What learns; by the size where nobody decided it."""
        return self.decided()[0] if self.tune == "auto" else self.tune

    def decided(self) -> tuple[str, str]:
        """What learns where nothing is said, and why."""
        assert self.origin is not None
        from luban.origins import encoder_decoders

        return _tuning.of_size(encoder_decoders.block_weights(self.origin.config))


@final
class PretrainedSequenceToSequence(_tuning.AdaptedNetwork):
    """p(y_t | y_<t, x) of an encoder-decoder that was pretrained, in its own tokens: its start token begins a text, its
    end token ends it. What is saved is one network: an adapter is put into the matrix that it stands beside.
    """

    name: ClassVar[str] = _rewriting.NAME
    tasks: ClassVar[frozenset[str]] = frozenset({_rewriting.TASK})
    takes: ClassVar[frozenset[str]] = frozenset({"tokens"})
    goes_on: ClassVar[bool] = False
    Settings = Settings

    def declines(self, work: Work) -> str | None:
        if len(_networks.shapes(work)) > 1:
            return f"it reads one column, here are {len(_networks.shapes(work))} parts."
        return super().declines(work)

    def tokens(self, settings: Section) -> tuple[State, int, int]:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.features import _given as given
        from luban.features import _kept_whole
        from luban.features.text.tokens import MARKS
        from luban.origins import encoder_decoders

        origin = encoder_decoders.find(settings.origin.content)
        state = _kept_whole.state_of(given.of_content(given.read(str(origin.tokenizer))))
        most = encoder_decoders.writes(settings.origin.config, len(settings.origin.starts), settings.longest)
        return state, encoder_decoders.rows(settings.origin.config) + len(MARKS), most

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        assert isinstance(settings, Settings)
        if settings.tune != "auto":
            return {}, ""
        way, reason = settings.decided()
        return {"tune": way}, reason

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models.pretrained_sequence_to_sequence.network import RewritingModel

        ((name, _),) = _networks.shapes(work).items()
        module = RewritingModel(name, settings.origin, settings.longest)
        for half in (module.body.get_encoder(), module.body.get_decoder()):
            settings.adapt(half)
        return module

    def as_it_was(self, settings: Section) -> Candidate:
        assert isinstance(settings, Settings) and settings.origin is not None
        own = {name: getattr(settings, name) for name in _rewriting.Writing.model_fields}
        return Candidate(model=_begun.UNTOUCHED, settings={**own, "origin": settings.origin.model_dump(mode="json")})

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models import _adapters
        from luban.origins import encoder_decoders

        module.take(encoder_decoders.find(settings.origin.content).network)  # type: ignore[operator]
        adapts = settings.way in _tuning.ADAPTERS
        for name, parameter in module.named_parameters():
            if adapts:
                able = _adapters.learns(name)
            else:
                able = module.learns(name, decoder=settings.way == "decoder")  # type: ignore[operator]
            parameter.requires_grad_(able)
            parameter.rate = _tuning.FASTER if adapts else 1.0  # type: ignore[attr-defined]

    def rate(self, settings: Section) -> tuple[float, str]:
        assert isinstance(settings, Settings) and settings.origin is not None
        rate, why = RATES[str(settings.origin.config["model_type"])]
        more = f"; an adapter learns {_tuning.FASTER:g} times as fast" if settings.way in _tuning.ADAPTERS else ""
        return rate, f"{why}{more}"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS, about=STEPS)

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.origins import configs, encoder_decoders, loading

        told, outline = loading.laid_out(settings.origin.config, encoder_decoders.KIND)
        own = {name.removeprefix("body."): values for name, values in weights.items()}
        strange = sorted(own.keys() - outline.state_dict().keys())
        if strange:
            raise BundleError(f"'{strange[0][:80]}' is no weight of {type(outline).__name__}.")
        return {**told, **({configs.PREFIX: settings.prefix} if settings.prefix else {})}, own


model = PretrainedSequenceToSequence()
