"""From a form to an ONNX graph, and whether the graph says the same. Which graphs are accepted is in `accepted.py`.

    inputs   (rows, width)   float32
    outputs  (rows, outputs) float64

Graphs calculate in float64, as forms do, but for the sums over tree leaves. They hold no time, path or version, so
equal forms give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from luban.batch import Array, Inputs, Ragged, dense
from luban.collate import TABLE
from luban.protocols import Form, NoGraph, Shape
from luban.runtime.accepted import INPUTS, MOST_BYTES, OPERATOR_SETS, OUTPUTS, ends_of
from luban.runtime.answering import from_onnx

if TYPE_CHECKING:
    from torch import nn

_IR_VERSION = 9


def build(form: Form, width: int, outputs: int, shapes: Mapping[str, Shape] | None = None) -> bytes:
    """The ONNX model of a form for rows of `width` numbers and `outputs` answers, without external data.

    shapes: of the tensors that go in instead of one matrix.
    Raises NoGraph with the reason where a form has none; ValueError when the form takes or gives other numbers.
    """
    if (form.width, form.output_width) != (width, outputs):
        raise ValueError(
            f"the form answers {form.width} inputs with {form.output_width} outputs, not {width} with {outputs}."
        )
    axes = ["rows"]
    if getattr(form, "per_step", False) and shapes is not None:
        # The steps of what goes in.
        (place,) = [place for place, (_, shape) in enumerate(sorted(shapes.items())) if shape.ragged]
        axes.append(f"length{place}")
    builder = GraphBuilder()
    builder.node("Identity", form.graph(builder, INPUTS), name=OUTPUTS)
    graph = helper.make_graph(
        builder.nodes,
        "luban",
        [
            helper.make_tensor_value_info(name, kind, list(sizes))
            for name, (kind, sizes) in ends_of(width, shapes).items()
        ],
        [helper.make_tensor_value_info(OUTPUTS, TensorProto.DOUBLE, [*axes, outputs])],
        initializer=builder.tensors,
    )
    operator_sets = [helper.make_operatorsetid(domain, version) for domain, version in OPERATOR_SETS.items()]
    model = helper.make_model(graph, producer_name="luban", ir_version=_IR_VERSION, opset_imports=operator_sets)
    if model.ByteSize() > MOST_BYTES:
        raise NoGraph(f"its graph would be larger than {MOST_BYTES >> 20} MiB")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


@final
class GraphBuilder:
    """Collects nodes and tensors, and names them. Equal nodes and equal tensors are added once."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self._names: dict[object, str] = {}
        self._traced: dict[nn.Module, onnx.GraphProto] = {}

    def node(
        self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, name: str = "", **attributes: Any
    ) -> str:
        key = (operator, inputs, domain, name, repr(sorted(attributes.items())) if len(attributes) < 5 else object())
        if key not in self._names:
            names = [name or f"n{len(self.nodes)}", *(f"n{len(self.nodes)}_{more}" for more in range(1, outputs))]
            self.nodes.append(helper.make_node(operator, list(inputs), names, domain=domain, **attributes))
            self._names[key] = names[0]
        return self._names[key]

    def constant(self, values: Array) -> str:
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._names:
            self._names[key] = f"c{len(self.tensors)}"
            self.tensors.append(numpy_helper.from_array(np.array(values, order="C"), self._names[key]))
        return self._names[key]

    def double(self, name: str) -> str:
        return self.node("Cast", name, to=TensorProto.DOUBLE)

    def network(self, module: nn.Module, shapes: Mapping[str, Shape], given: Mapping[str, str] | None = None) -> str:
        from luban.runtime.torch_export import export

        exported = self._traced.get(module)
        if exported is None:
            exported = export(module, shapes).graph
        if given:
            # It may be asked for again, in another place.
            self._traced[module] = exported
        # A network that is alone on a table takes the matrix itself.
        own = {end.name: INPUTS if set(shapes) == {TABLE} else end.name for end in exported.input} | dict(given or {})
        prefix = f"n{len(self.nodes)}/"
        renamed = {**own, "": ""}
        for tensor in exported.initializer:
            renamed[tensor.name] = self.constant(numpy_helper.to_array(tensor))
        for node in exported.node:
            renamed.update({name: prefix + name for name in node.output if name})
            if node.op_type == "Constant":
                renamed[node.output[0]] = self.constant(numpy_helper.to_array(node.attribute[0].t))
                continue
            copied = onnx.NodeProto()
            copied.op_type, copied.domain = node.op_type, node.domain
            copied.attribute.extend(node.attribute)
            copied.input.extend(renamed[name] for name in node.input)
            copied.output.extend(renamed[name] for name in node.output)
            self.nodes.append(copied)
        return renamed[exported.output[0].name]


@dataclass(frozen=True)
class Parity:
    """How a graph compares with its form on some rows.

    difference: the largest difference of an output; relative to the largest output where that is above 1.
    flips: rows, or steps, that get another class: another largest output, or one on the other side of a half.
    """

    difference: float
    flips: int
    rows: int


def parity(form: Form, data: bytes, inputs: Inputs, shapes: Mapping[str, Shape] | None = None) -> Parity:
    """How the ONNX model in `data` compares with its form on these rows."""
    ours = form.outputs(inputs)
    theirs = from_onnx(data, width=form.width, outputs=form.output_width, shapes=shapes)(inputs)
    rows = len(ours)
    if isinstance(ours, Ragged) and isinstance(theirs, Ragged):
        # Each step has an answer.
        ours, theirs = ours.values, theirs.values
    ours, theirs = dense(ours), dense(theirs)
    if not len(ours):
        return Parity(0.0, 0, 0)
    scale = max(1.0, float(np.abs(ours).max()))
    flips = 0
    if ours.shape[1] > 1 and ours.min() >= 0.0 and ours.max() <= 1.0:
        other = (ours.argmax(axis=1) != theirs.argmax(axis=1)) | ((ours > 0.5) != (theirs > 0.5)).any(axis=1)
        flips = int(other.sum())
    return Parity(float(np.abs(ours - theirs).max()) / scale, flips, rows)
