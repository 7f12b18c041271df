"""Pretrained models inside luban's networks: the settings of them. `_tuning` says how they go on learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from luban.core.errors import UsageError
from luban.models import _begun
from luban.origins import configs

OF_TEXTS, OF_IMAGES, OF_SOUNDS = "pretrained-text", "pretrained-image", "pretrained-sound"
"""The models that fine-tune, by what they read; also the architectures of forms whose body is frozen."""
FILLING, RAW = "pretrained-masked", "masked-lm"
"""The model that goes on filling hidden tokens, and the task in which it does."""
STEPS = 300
"""Steps of a fine-tuning, about, where the recipe leaves it open."""
_WORDS = {"tokens": "texts", "image": "images", "sequence": "sounds"}
_FINE_TUNERS = {"tokens": OF_TEXTS, "image": OF_IMAGES, "sequence": OF_SOUNDS}


class Origin(_begun.Begun):
    """Which pretrained model is begun from, and what it is made of."""

    marks: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...] = Field((0, 0, 0, 0, 0), min_length=5, max_length=5)
    """The numbers of its tokens that pad, are unknown, begin, end and mask."""
    summary: Literal["mean", "first", "layers"] = "mean"
    """What of all the states stands for a text: the mean of the last ones, the first of them, or the mean of those of
    all layers, embeddings among them."""

    @classmethod
    def known(cls, config: dict[str, Any]) -> dict[str, Any]:
        return configs.checked(config)


class Beginning(_begun.Beginning):
    """Abstract. The settings of whatever begins from a pretrained model."""

    unnamed: ClassVar[str] = "a pretrained model is what it begins from; name one by --from"
    origin: Origin | None = Field(None, validate_default=True)
    """The pretrained model; `--from NAME` says which."""


def fine_tuner(config: Mapping[str, Any]) -> str:
    """The model that fine-tunes what has this config."""
    return _FINE_TUNERS[configs.reads(config)]


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
