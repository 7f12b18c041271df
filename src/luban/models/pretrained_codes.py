"""Fine-tuning of codes: what an autoencoder learned of rows without labels goes on learning from those with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field

from luban.core import registry
from luban.core.errors import UsageError
from luban.models import _begun, _networks, _pretrained
from luban.protocols import Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

RATE = 1e-3
"""The learning rate of the head, and of what reads rows where all of it learns."""
SLOWER = 0.3
"""How much slower what reads rows learns than the head."""
FEWEST_EPOCHS, MOST_EPOCHS, STEPS = 10, 60, 600


class Origin(_begun.Begun):
    """Which autoencoder is begun from, and what its settings are."""

    @classmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        found: Section = registry.find("models", "autoencoder").Settings.model_validate(config)
        return found.model_dump(mode="json")


class Settings(_begun.Beginning):
    """What can be set about fine-tuning."""

    unnamed: ClassVar[str] = "an autoencoder is what it begins from; name its bundle by --from"
    origin: Origin | None = Field(None, validate_default=True)
    """The autoencoder; `--from BUNDLE` says which."""
    tune: Literal["head", "full"] = "full"
    """What learns: the head alone, or what reads rows too, more slowly."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of the code of a row that the head does without, while it trains."""


@final
class PretrainedCodes(_begun.BegunNetwork):
    """y = W standardised(f(x)) + b, where f is the encoder of an autoencoder that learned without labels (Hinton and
    Salakhutdinov, 2006; Vincent et al., 2008). Rows are read as the autoencoder read them.
    """

    name: ClassVar[str] = "pretrained-codes"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED
    takes: ClassVar[frozenset[str]] = frozenset({"vector", "image"})
    Settings = Settings

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings) and settings.origin is not None
        from luban.models._coding import Coding

        shapes = _networks.shapes(work)
        own = {name: shape for name, shape in shapes.items() if shape.kind in self.takes}
        model = registry.find("models", "autoencoder")
        alone = Work("anomaly", 1, work.rows, work.width, shapes=own)
        reading = model.build(alone, model.Settings.model_validate(settings.origin.config))
        others = {name: shape for name, shape in shapes.items() if name not in own}
        return Coding(reading, settings.origin.config["code"], others, work.outputs, settings.dropout)

    def begin(self, module: nn.Module, settings: Section) -> None:
        assert isinstance(settings, Settings) and settings.origin is not None
        import torch

        from luban.origins import coded

        weights = coded.find(settings.origin.content).network().weights
        reading: Any = module.reading
        wanted = reading.state_dict()
        odd = [name for name, tensor in wanted.items() if weights.get(name, torch.empty(0)).shape != tensor.shape]
        if odd:
            raise UsageError(
                "these rows have another shape than those that the autoencoder learned.",
                where="--from",
                fix="give the same columns, or images of the same size",
            )
        reading.load_state_dict({name: torch.tensor(weights[name]) for name in wanted})
        for parameter in reading.parameters():
            parameter.requires_grad_(settings.tune == "full")
            parameter.rate = SLOWER

    def rate(self, settings: Section) -> tuple[float, str]:
        return RATE, f"the usual one of fresh weights; what was learned before learns {SLOWER:g} times as fast"

    def epochs(self, steps: int) -> tuple[int, str]:
        return _pretrained.epochs(steps, FEWEST_EPOCHS, MOST_EPOCHS, about=STEPS)


model = PretrainedCodes()
