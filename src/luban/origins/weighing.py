"""From the weights of an origin into a body that was built of its config."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from luban.batch import Array
from luban.core.errors import BundleError

_CURE = "config.json and the weights must be of one model: fetch or write the folder again"


def put(body: nn.Module, weights: Mapping[str, Array]) -> None:
    """Puts the weights in the place of fresh ones; weights that the body has not are left over.

    Raises BundleError where one is missing or has another shape.
    """
    wanted = {name: tensor for name, tensor in body.state_dict().items() if tensor.is_floating_point()}
    missing = sorted(wanted.keys() - weights.keys())
    if missing:
        raise BundleError(f"the pretrained model lacks '{missing[0][:80]}', which its config asks for.", fix=_CURE)
    odd = next((name for name, tensor in wanted.items() if tuple(tensor.shape) != weights[name].shape), None)
    if odd is not None:
        raise BundleError(
            f"'{odd[:80]}' of the pretrained model has the shape {weights[odd].shape}, and its config asks for "
            f"{tuple(wanted[odd].shape)}.",
            fix=_CURE,
        )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(torch.from_numpy(weights[name]))
