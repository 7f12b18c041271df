"""From a torch module to an ONNX model, for any number of rows and any length of their ragged parts."""

from __future__ import annotations

import contextlib
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
_EXAMPLE_ROWS, _EXAMPLE_LENGTH = 3, 7
"""Neither is 1, which the exporter would take for a constant; they differ, so that nothing is equal by chance."""


def export(module: nn.Module, shapes: Mapping[str, Shape]) -> onnx.ModelProto:
    """The module, which takes its tensors by name, as an ONNX model without external data and without functions.

    Inputs are the tensors in the order of their names: float32 vectors and sequences, uint8 images, int64 tokens, and
    `<name>.lengths` int64. The output is the module's, float32. Axes that vary are called `rows` and `<name>.length`.

    Raises NoGraph with the reason where torch cannot export the module.
    """
    import torch

    names, tensors, axes = _examples(shapes)

    class ByPosition(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *tensors: Tensor) -> Any:
            return self.module(dict(zip(names, tensors, strict=True)))

    was_training = module.training
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
                optimize=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise NoGraph(f"torch cannot export it: {str(error).strip().splitlines()[0][:200]}") from None
    finally:
        module.train(was_training)
    assert program is not None
    return _named(program.model_proto, dict(zip(names, axes, strict=True)))


def _examples(shapes: Mapping[str, Shape]) -> tuple[list[str], list[Tensor], list[dict[int, Any]]]:
    """The names of the tensors, sorted, an example of each, and which of its axes vary."""
    import torch

    found: dict[str, tuple[Tensor, dict[int, Any]]] = {}
    rows = torch.export.Dim(ROWS, min=1)
    for number, (name, shape) in enumerate(shapes.items()):
        kind = {"image": torch.uint8, "tokens": torch.int64}.get(shape.kind, torch.float32)
        size = () if shape.kind == "tokens" else shape.size
        if not shape.ragged:
            found[name] = torch.ones(_EXAMPLE_ROWS, *size, dtype=kind), {0: rows}
            continue
        # The name of a part may hold signs that torch does not take in the name of an axis: it is put in afterwards.
        length = torch.export.Dim(f"length_{number}", min=1)
        steps = _EXAMPLE_LENGTH + number
        found[name] = torch.ones(_EXAMPLE_ROWS, steps, *size, dtype=kind), {0: rows, 1: length}
        found[name + LENGTHS] = torch.full((_EXAMPLE_ROWS,), steps, dtype=torch.int64), {0: rows}
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
        dimensions = value.type.tensor_type.shape.dim
        dimensions[0].dim_param = ROWS
        if 1 in axes[value.name]:
            dimensions[1].dim_param = f"{value.name}.length"
    del whole.graph.value_info[:]
    for node in whole.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del whole.graph.metadata_props[:], whole.metadata_props[:]
    whole.graph.name = "luban"
    onnx.checker.check_model(whole)
    return whole
