"""Pretrained models inside luban's networks: the settings that describe them, and how their weights go on learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from luban.core.errors import UsageError
from luban.models._begun import Begun
from luban.origins import configs
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

OF_TEXTS, OF_IMAGES = "pretrained-text", "pretrained-image"
"""The models that fine-tune, by what they read; also the architectures of forms whose body is frozen."""
STEPS = 300
"""Steps of a fine-tuning, about, where the recipe leaves it open."""
_WORDS = {"tokens": "texts", "image": "images"}


class Origin(Begun):
    """Which pretrained model is begun from, and what it is made of."""

    marks: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = Field((0, 0, 0, 0, 0), min_length=5, max_length=5)
    """The numbers of its tokens that pad, are unknown, begin, end and mask."""
    summary: Literal["mean", "first"] = "mean"
    """What of all the states stands for a text: their mean, or the state of the first mark."""

    @classmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        return configs.checked(config)


class Beginning(Section):
    """Abstract. The settings of whatever begins from a pretrained model."""

    origin: Origin | None = Field(None, validate_default=True)
    """The pretrained model; `--from NAME` says which."""

    @field_validator("origin")
    @classmethod
    def _named(cls, origin: Origin | None) -> Origin:
        if origin is None:
            raise PydanticCustomError("origin", "a pretrained model is what it begins from; name one by --from")
        return origin


def fine_tuner(config: Mapping[str, Any]) -> str:
    """The model that fine-tunes what has this config."""
    return OF_IMAGES if configs.reads(config) == "image" else OF_TEXTS


def epochs(steps: int, fewest: int, most: int, *, about: int = STEPS) -> tuple[int, str]:
    """How many passes, of so many steps, and why. about: how many steps are aimed at.

    >>> epochs(40, 3, 10)
    (8, 'about 300 steps, in 3 to 10 epochs of 40')
    """
    count = min(max(-(-about // max(steps, 1)), fewest), most)
    return count, f"about {about} steps, in {fewest} to {most} epochs of {steps:,}"


def reads(config: Mapping[str, Any], kind: str) -> None:
    """Raises UsageError where a pretrained model of this config does not read this kind of shapes."""
    able = configs.reads(config)
    if able != kind:
        raise UsageError(
            f"the pretrained model reads {_WORDS[able]}, and here {_WORDS[kind]} are read.",
            where="--from",
            fix=f"name one that reads {_WORDS[kind]}; luban sample lists some",
        )


def begin(module: nn.Module, origin: Origin, *, frozen: int, decay: float, head: float) -> None:
    """Puts the weights of an origin into each body of a module, and says how fast each parameter goes on learning.

    frozen: blocks from below that do not, and what is beneath them. decay: how much slower each block learns than the
    one above it. head: how many times as fast as the topmost block everything outside of a body does.
    Raises UsageError where the origin is not found, BundleError where its weights do not fit.
    """
    from luban.origins import naming, weighing

    weights = naming.find(origin.content).weights()
    blocks = configs.layers(origin.config)
    for part in module.modules():
        if hasattr(part, "body"):
            weighing.put(part.body, weights)
    for name, parameter in module.named_parameters():
        height = _height(name, blocks)
        parameter.requires_grad_(height is None or height >= frozen + 1 or not frozen)
        parameter.rate = head if height is None else decay ** (blocks - height)  # type: ignore[attr-defined]


def _height(name: str, blocks: int) -> int | None:
    """How high a parameter of a body stands: 0 beneath its blocks, 1 to `blocks`; None outside of a body.

    >>> _height("encoders.0.body.encoder.layer.3.output.dense.weight", 6), _height("head.weight", 6)
    (4, None)
    >>> _height("encoders.0.body.stem.norm.weight", 16), _height("encoders.0.body.head.norm.weight", 16)
    (0, 16)
    """
    if ".body." not in name:
        return None
    inside = name.split(".body.", 1)[1].split(".")
    if inside[0] in ("head", "final_norm"):
        return blocks
    number = next((int(word) for word in inside if word.isdecimal()), None)
    return 0 if number is None else min(number + 1, blocks)
