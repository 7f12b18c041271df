"""What is refused of a recipe that begins from a pretrained model, whatever it does, before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luban.core.errors import UsageError


def tokenizer(changes: Mapping[str, Any]) -> None:
    """Raises UsageError where another tokenizer is asked for than that of the model that is begun from."""
    if changes.get("features.tokenizer") is not None:
        raise UsageError(
            "texts are cut as the model was taught, by its own tokenizer.",
            where="--set features.tokenizer",
            fix="leave it out; without --from a fresh model learns another one",
        )


def longer(what: str, wanted: int, steps: str, most: int) -> None:
    """Raises UsageError where longer texts or sounds are asked for than the model reads that is begun from.

    what: that is read, as `texts`; steps: what of it is counted, as `tokens`.
    """
    if wanted > most:
        raise UsageError(
            f"{what} of {wanted:,} {steps} are longer than the {most:,} that the pretrained model reads.",
            where="--set features.longest",
            fix=f"--set features.longest={most}",
        )
