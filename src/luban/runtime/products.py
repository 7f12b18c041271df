"""Products with a fixed matrix, in the precision that a language model calculates in while it writes.

For one token at a time a product takes as long as its matrix takes to be read. int8 reads a quarter of it: weights are
rounded once, with a scale for each output, and what is multiplied by them as it comes, with one scale for the tokens
that come together (Jacob et al., 2018; dynamic quantisation). bfloat16 reads half.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.nn import functional

from luban.core.errors import UsageError

Precision = Literal["float32", "bfloat16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Product: TypeAlias = Callable[[Tensor], Tensor]
"""(tokens, outputs) float32 for (tokens, inputs) float32."""
_ENGINES = ("fbgemm", "qnnpack")
"""What torch multiplies whole numbers by, the quickest first: of x86 processors with AVX2, and of ARM."""
_REACH = 127


def product(weight: Tensor, bias: Tensor | None, precision: Precision) -> Product:
    """x w' + b. weight: (outputs, inputs) float32, kept as it is in float32 and copied else.

    >>> identity = product(torch.eye(2), None, "float32")
    >>> identity(torch.tensor([[1.0, 2.0]])).tolist()
    [[1.0, 2.0]]
    """
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    if precision == "int8":
        return _int8(weight, bias)
    if precision == "float32":
        return lambda inputs: functional.linear(inputs, weight, bias)
    lower, added = weight.bfloat16(), None if bias is None else bias.bfloat16()
    return lambda inputs: functional.linear(inputs.bfloat16(), lower, added).float()


def able(precision: Precision) -> str | None:
    """What to know of a precision on this processor before it is used; None for nothing.

    Raises UsageError where it cannot be used at all.
    """
    if precision == "int8" and _engine() is None:
        raise UsageError(
            "this processor has nothing that multiplies whole numbers quickly.",
            where="--precision int8",
            fix="leave --precision out",
        )
    if precision == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        return "This processor has no products in bfloat16: it takes half the memory, and no less time."
    return None


def _engine() -> str | None:
    able = torch.backends.quantized.supported_engines
    return next((name for name in _ENGINES if name in able), None)


def _int8(weight: Tensor, bias: Tensor | None) -> Product:
    largest = weight.abs().amax(dim=1)
    scales = torch.where(largest > 0, largest / _REACH, 1.0)
    whole = (weight / scales[:, None]).round().to(torch.int8)
    before, engine = torch.backends.quantized.engine, _engine()
    assert engine is not None, "who asks for int8 has asked `able`"
    with warnings.catch_warnings():
        # torch means to drop tensors of this kind, and has no other way yet to what it packs them into.
        warnings.simplefilter("ignore", UserWarning)
        numbers = torch._make_per_channel_quantized_tensor(
            whole, scales.double(), torch.zeros(len(scales), dtype=torch.int64), 0
        )
    try:
        torch.backends.quantized.engine = engine
        packed = torch.ops.quantized.linear_prepack(numbers, bias)
    finally:
        torch.backends.quantized.engine = before
    # Without VNNI two products are added in 16 bits, which overflow unless one bit is given up.
    narrow = engine == "fbgemm" and not torch.cpu._is_vnni_supported()
    run = torch.ops.quantized.linear_dynamic
    return lambda inputs: run(inputs, packed, narrow)
