"""What was decided about the training of a network before its first step, each choice with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from luban.recipe.recipe import Train
from luban.training.estimating import Estimate


@dataclass(frozen=True)
class Choices:
    """train: the recipe's part with nothing left open. reasons: by key, in words, of what was open. estimate: what the
    training will take, where that is counted.
    """

    train: Train
    reasons: Mapping[str, str]
    estimate: Estimate | None = None

    def to_json(self) -> dict[str, Any]:
        told = {} if self.estimate is None else {"estimate": self.estimate.to_json()}
        return {"train": self.train.model_dump(mode="json"), "reasons": dict(self.reasons), **told}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Choices:
        estimate = Estimate(**document["estimate"]) if "estimate" in document else None
        return cls(Train.model_validate(document["train"]), document["reasons"], estimate)

    def chosen(self) -> dict[str, Any]:
        """The values of what was open."""
        return {key: getattr(self.train, key) for key in sorted(self.reasons)}

    def open(self, key: str) -> bool:
        """Whether nobody has said yet what it is."""
        return bool(getattr(self.train, key) == "auto")

    def decided(self, reason: str, **values: Any) -> Choices:
        """The same with these values of its training, for this reason."""
        reasons = {**self.reasons, **dict.fromkeys(values, reason)}
        return replace(self, train=self.train.model_copy(update=values), reasons=reasons)
