"""From a torch module to an ONNX model, for any number of rows and any length of their ragged parts."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import onnx

from luban.collate import LENGTHS
from luban.protocols import NoGraph, Shape

if TYPE_CHECKING:
    from torch import Tensor, nn

OPERATOR_SET = 18
ROWS = "rows"
_EXAMPLE_ROWS, _EXAMPLE_LENGTH = 3, 11
"""Neither is 1, which the exporter would take for a constant, not even where a length was halved three times."""


def export(module: nn.Module, shapes: Mapping[str, Shape]) -> onnx.ModelProto:
    """The module, which takes its tensors by name, as an ONNX model without external data and without functions.

    Inputs are the tensors in the order of their names: float32 vectors and sequences, uint8 images, int64 tokens, and
    `<name>.lengths` int64. The output is the module's, float32. Axes that vary are called `rows` and `<name>.length`.

    Raises NoGraph with the reason where torch cannot export the module.
    """
    import torch

    from luban.runtime.torch_recurrence import drawn

    names, tensors, axes = _examples(shapes)

    class ByPosition(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = drawn(copy.deepcopy(module))

        def forward(self, *tensors: Tensor) -> Any:
            return self.module(dict(zip(names, tensors, strict=True)))

    try:
        with _quietly():
            program = torch.onnx.export(
                ByPosition().eval(),
                tuple(tensors),
                input_names=names,
                output_names=["outputs"],
                opset_version=OPERATOR_SET,
                dynamo=True,
                dynamic_shapes=(tuple(axes),),
                external_data=False,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        # The exporter wraps what happened in advice to whoever wrote the module.
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise NoGraph(f"torch cannot export it: {reason[:200]}") from None
    assert program is not None
    return _named(program.model_proto, dict(zip(names, axes, strict=True)))


def _examples(shapes: Mapping[str, Shape]) -> tuple[list[str], list[Tensor], list[dict[int, Any]]]:
    """The names of the tensors, sorted, an example of each, and which of its axes vary."""
    import torch

    found: dict[str, tuple[Tensor, dict[int, Any]]] = {}
    varies = torch.export.Dim.DYNAMIC
    for number, (name, shape) in enumerate(shapes.items()):
        kind = {"image": torch.uint8, "tokens": torch.int64, "words": torch.int64}.get(shape.kind, torch.float32)
        size = shape.inner
        if not shape.ragged:
            found[name] = torch.ones(_EXAMPLE_ROWS, *size, dtype=kind), {0: varies}
            continue
        # Each part has a length of its own, so that none is taken for another's.
        steps = _EXAMPLE_LENGTH + 2 * number
        found[name] = torch.ones(_EXAMPLE_ROWS, steps, *size, dtype=kind), {0: varies, 1: varies}
        found[name + LENGTHS] = torch.full((_EXAMPLE_ROWS,), steps, dtype=torch.int64), {0: varies}
    names = sorted(found)
    return names, [found[name][0] for name in names], [found[name][1] for name in names]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps back what the exporter prints and logs about its own progress; errors are raised as ever."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)


def _named(model: onnx.ModelProto, axes: Mapping[str, Mapping[int, Any]]) -> onnx.ModelProto:
    """The model without functions and without what tells where it was made; its varying axes by their names."""
    from onnx import inliner

    whole = inliner.inline_local_functions(model) if model.functions else model
    for value in whole.graph.input:
        for axis in axes[value.name]:
            dimension = value.type.tensor_type.shape.dim[axis]
            if not dimension.dim_param:
                raise NoGraph(f"its graph would be for {dimension.dim_value} {'steps' if axis else 'rows'} only")
            # Only here: names of parts hold signs that torch does not take in the name of an axis.
            dimension.dim_param = f"{value.name}.length" if axis else ROWS
    del whole.graph.value_info[:]
    for node in whole.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del whole.graph.metadata_props[:], whole.metadata_props[:]
    whole.graph.name = "luban"
    onnx.checker.check_model(whole)
    return whole
