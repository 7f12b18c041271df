"""luban: from a person's data to a model they can depend on. The public names, loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from luban.core.lazy import attributes
from luban.core.version import VERSION

if TYPE_CHECKING:
    from luban.core.errors import LubanError as LubanError
    from luban.core.errors import TrainingFault as TrainingFault
    from luban.verbs.bundle import Bundle as Bundle
    from luban.verbs.bundle import load as load
    from luban.verbs.diagnose import diagnose as diagnose
    from luban.verbs.fit import fit as fit
    from luban.verbs.sample import sample as sample
    from luban.watching import watch as watch

__version__ = VERSION
__all__ = ["Bundle", "LubanError", "TrainingFault", "diagnose", "fit", "load", "sample", "watch"]
__getattr__, __dir__ = attributes(
    __name__,
    {
        "Bundle": "luban.verbs.bundle",
        "LubanError": "luban.core.errors",
        "TrainingFault": "luban.core.errors",
        "diagnose": "luban.verbs.diagnose",
        "fit": "luban.verbs.fit",
        "load": "luban.verbs.bundle",
        "sample": "luban.verbs.sample",
        "watch": "luban.watching",
    },
)
