"""Networks of the library `transformers` with their heads: of a config without memory, and of a folder with weights.

Which configs are taken is said where a kind of models is; here no code of a folder is looked at, and no pickle opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from luban.core.errors import BundleError, UsageError
from luban.core.lazy import require
from luban.origins import configs, layout

if TYPE_CHECKING:
    from torch import nn

Kind = Literal["AutoModelForCausalLM", "AutoModelForMaskedLM", "AutoModelForSeq2SeqLM"]
"""What the library calls a family of networks with heads."""


def outline(config: Mapping[str, Any], kind: Kind) -> Any:
    """The network of a config without memory. Raises ValueError for too many weights."""
    import torch

    asked, family = _asked(config), _family(kind)
    with torch.device("meta"):
        found = family.from_config(asked)
    configs.bounded(found)
    return found


def laid_out(config: Mapping[str, Any], kind: Kind) -> tuple[dict[str, Any], Any]:
    """The content of `config.json`, and the network without memory."""
    found = outline(config, kind)
    return {"architectures": [type(found).__name__], "dtype": "float32", **config}, found


def network(path: Path, config: Mapping[str, Any], kind: Kind, cure: str) -> nn.Module:
    """The network in a folder with its weights, float32, ready to answer.

    Raises UsageError, with this cure, where no network is made of the config; BundleError for weights that are missing
    or do not fit.
    """
    import torch
    from safetensors import SafetensorError

    try:
        outline(config, kind)
        asked = _asked(config)
    except (ValueError, TypeError, ZeroDivisionError) as reason:
        what = f"no network is made of this config: {str(reason)[:160]}."
        raise UsageError(what, where=str(path / layout.CONFIG), fix=cure) from None
    try:
        with quietly():
            found, told = _family(kind).from_pretrained(
                path,
                config=asked,
                dtype=torch.float32,
                attn_implementation="sdpa",
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (SafetensorError, RuntimeError, OSError) as error:
        raise BundleError(f"its weights cannot be read: {str(error)[:120]}.", where=str(path)) from None
    missing = sorted(told["missing_keys"])
    if missing:
        raise BundleError(f"it lacks '{missing[0][:80]}', which its config asks for.", where=str(path))
    ready: nn.Module = found.eval()
    return ready


@contextmanager
def quietly() -> Iterator[None]:
    """The library shows no bars and no warnings of its own; what it found is told by an error."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _asked(config: Mapping[str, Any]) -> Any:
    require("transformers", extra="nets", purpose="building a pretrained model")
    from transformers import AutoConfig

    values = dict(config)
    return AutoConfig.for_model(values.pop("model_type"), **values)


def _family(kind: Kind) -> Any:
    import transformers

    return getattr(transformers, kind)
