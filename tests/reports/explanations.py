"""Explanations as pages see them, one for each kind of picture, and how their values were cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.evidence.explanation import Unit
from luban.protocols import Cut, Shown

RANDOM = np.random.default_rng(0)
TEXT = "Not bad at all:\nthe <b>plot</b> is thin, but 质量很好。"
WORDS = ["Anna", "lives", "in", "New York", "<i>"]


def _cut(shown: Shown | None, regions: Any = None) -> Cut:
    return Cut((Unit("x", "x"),), lambda stays: None, regions, shown)  # type: ignore[arg-type, return-value]


CUTS = {
    "text": _cut(Shown("text", TEXT)),
    "words": _cut(Shown("words", WORDS)),
    "gray": _cut(Shown("image", RANDOM.integers(0, 256, (1, 6, 9), np.uint8)), np.arange(9)[None].repeat(6, 0) // 3),
    "colors": _cut(
        Shown("image", RANDOM.integers(0, 256, (3, 600, 500), np.uint8)), np.arange(500)[None].repeat(600, 0) // 100
    ),
    "sound": _cut(Shown("sound", RANDOM.normal(size=(80, 40)).astype(np.float32), step=0.01)),
    "series": _cut(Shown("series", RANDOM.normal(size=(24, 1)).cumsum(axis=0))),
    "channels": _cut(Shown("series", RANDOM.normal(size=(2_000, 30)))),
    "nothing": _cut(None),
}  # fmt: skip
PLACES: dict[str, list[tuple[float, ...]]] = {
    "text": [(0, 3), (4, 7), (20, 32), (42, 43)],
    "words": [(0, 1), (1, 3), (3, 5)],
    "gray": [(0,), (1,), (2,)],
    "colors": [(0,), (1,), (2,), (3,), (4,)],
    "sound": [(0.0, 0.2), (0.2, 0.4), (0.4, 0.8)],
    "series": [(0, 8), (8, 16), (16, 24)],
    "channels": [(0, 1_000, 0, 1), (1_000, 2_000, 0, 1), (0, 1_000, 1, 30), (1_000, 2_000, 1, 30)],
    "nothing": [()],
}
KINDS = tuple(CUTS)


def attribution(unit: str, adds: float, error: float | None = 0.01, **more: Any) -> dict[str, Any]:
    return {"unit": unit, "attribution": adds, "standard_error": error, **more}


def explanation(kind: str = "", row: int = 3, **more: Any) -> dict[str, Any]:
    """Of one row with two whole columns, and one that was cut; without a kind of the whole columns alone."""
    columns = [
        attribution("age", 0.312, 0.01, column="age", value="41"),
        attribution("income", -0.126, 0.02, column="income", value="1200"),
        attribution("street", 0.001, 0.02, column="street", value="none"),
    ]
    places = PLACES.get(kind, [])
    parts = [
        attribution(
            f"part {number}", 0.2 * (-0.5) ** number, 0.002, column="x", **({"place": list(place)} if place else {})
        )
        for number, place in enumerate(places)
    ]
    return {
        "row": row,
        "output": "yes",
        "prediction": "yes",
        "value": 0.75,
        "base_value": 0.25,
        "scale": "probability",
        "method": "shap",
        "reason": "any model can be asked",
        "calls": 512,
        "attributions": [*columns, *parts],
        "completeness_error": 1e-12,
        "faithfulness": {
            "insertion": 0.7, "deletion": 0.3, "gap": 0.4, "inverse_gap": -0.4, "random_gap": 0.01,
            "above_random": 1.0, "holds": True, "text": "The model agrees with this order.",
        },
        **more,
    }  # fmt: skip
