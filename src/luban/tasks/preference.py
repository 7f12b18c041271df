"""Preferences: a language model learns to find the answer that was chosen likelier than the one that was rejected."""

from __future__ import annotations

from typing import ClassVar, final

from luban.batch import Answers, PerRow, dense
from luban.tasks._chats import Answering


@final
class PreferenceTuning(Answering):
    """Direct preference optimisation (Rafailov et al., 2023) on pairs of answers. Beside the score stands that of the
    language model as it was, which is also what it may not go far from.
    """

    name: ClassVar[str] = "preference"
    metrics: ClassVar[tuple[str, ...]] = ("preference-margin", "preference-accuracy")
    compared_by: ClassVar[str] = "preference-margin"
    baseline: ClassVar[str] = "untouched"

    def outputs(self, classes: tuple[str, ...]) -> int:
        return 2

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The margin of each pair: by how many nats the chosen answer is likelier."""
        counted = dense(outputs)
        return Answers(counted[:, 0] - counted[:, 1], counted=counted)


task = PreferenceTuning()
