"""The table of operators that torch's exporter makes for each network, kept: it takes a third of an export's time."""

from __future__ import annotations

import functools
from typing import Any


def one_table() -> tuple[Any, str, Any]:
    """What `setattr` takes to have the exporter keep its table. An export changes nothing of it."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    return registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib))
