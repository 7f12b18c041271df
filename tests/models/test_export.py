"""What is exported answers other numbers of rows and other lengths alike. Each network on each kind of data stands in
`conformance.test_network_graphs`; here is what has no class to answer, other settings, and what cannot be exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from luban.protocols import NoGraph, Shape
from luban.runtime import torch_export
from luban.runtime.torch_export import export
from luban.runtime.torch_recurrence import drawn
from models.networks import ANSWERING, SHAPES, inputs, network

WITHOUT_CLASSES = [
    (name, kind) for name, model in ANSWERING.items() if "multiclass" not in model.tasks for kind in sorted(model.takes)
]
ROWS: tuple[tuple[int, ...], ...] = ((4,), (1,), (2, 2), (9, 1, 4, 6, 3), (30, 17))
"""The lengths of the rows of a batch; those of `SHAPES` are up to 9."""


def answered(data: bytes, tensors: Mapping[str, torch.Tensor]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == sorted(tensors)
    return session.run(None, {name: tensor.numpy() for name, tensor in tensors.items()})[0]


def agrees(module: Any, data: bytes, shapes: Mapping[str, Shape], lengths: tuple[int, ...]) -> None:
    tensors = inputs(shapes, lengths)
    with torch.inference_mode():
        wanted = module(tensors).numpy()
    found = answered(data, tensors)
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), WITHOUT_CLASSES, ids=lambda part: part)
def test_its_graph_says_what_it_says(name: str, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    shapes = {"the part.1": SHAPES[kind]}
    module = network(name, shapes, 1)
    graph = export(module, shapes)
    assert capfd.readouterr() == ("", "")
    assert not graph.functions
    assert [opset.domain for opset in graph.opset_import] == [""]
    data = graph.SerializeToString()
    for lengths in ROWS:
        agrees(module, data, shapes, lengths)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("cnn", {"pooling": "average", "normalisation": "layer"}),
        ("gru", {"layers": 2, "bidirectional": False, "summary": "last"}),
        ("lstm", {"layers": 2, "summary": "max"}),
        ("transformer", {"positions": "learned", "summary": "last"}),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_other_settings_are_exported_too(name: str, settings: dict[str, Any]) -> None:
    shapes = {"words": SHAPES["tokens"]}
    module = network(name, shapes, **settings)
    data = export(module, shapes).SerializeToString()
    for lengths in ROWS:
        agrees(module, data, shapes, lengths)


@pytest.mark.slow
def test_parts_of_all_kinds_together_are_exported() -> None:
    module = network("cnn", SHAPES)
    graph = export(module, SHAPES)
    axes = {one.name: [d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim] for one in graph.graph.input}
    assert axes == {
        "image": ["rows", 3, 9, 12],
        "sequence": ["rows", "sequence.length", 2],
        "sequence.lengths": ["rows"],
        "tokens": ["rows", "tokens.length"],
        "tokens.lengths": ["rows"],
        "vector": ["rows", 5],
        "words": ["rows", "words.length", 5],
        "words.lengths": ["rows"],
    }
    for lengths in ROWS:
        agrees(module, graph.SerializeToString(), SHAPES, lengths)


@pytest.mark.slow
def test_exporting_again_gives_the_same_bytes_and_leaves_the_module_as_it_was() -> None:
    shapes = {"table": SHAPES["vector"]}
    module = network("mlp", shapes, dropout=0.5).train()
    first, second = (export(module, shapes).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert module.training
    agrees(module.eval(), first, shapes, (1, 1, 1))


@pytest.mark.slow
def test_what_torch_cannot_export_is_told() -> None:
    class Deciding(torch.nn.Module):
        def forward(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
            values = inputs["table"]
            return values if bool(values.sum() > 0) else -values

    with pytest.raises(NoGraph, match=r"torch cannot export it: .*data-dependent"):
        export(Deciding(), {"table": SHAPES["vector"]})


@pytest.mark.slow
def test_a_graph_for_one_length_alone_is_none() -> None:
    class Counting(torch.nn.Module):
        def forward(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
            steps = [step * 1.5 for step in inputs["series"].unbind(1)]
            return torch.stack(steps).sum(dim=0) + inputs["series.lengths"][:, None]

    with pytest.raises(NoGraph, match="torch cannot export it: Found the following conflicts"):
        export(Counting(), {"series": SHAPES["sequence"]})


def test_an_axis_that_the_exporter_fixed_all_the_same_is_told() -> None:
    value = onnx.helper.make_tensor_value_info("series", onnx.TensorProto.FLOAT, ["rows", 11, 2])
    node = onnx.helper.make_node("Identity", ["series"], ["outputs"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "graph", [value], []))
    with pytest.raises(NoGraph, match="its graph would be for 11 steps only"):
        torch_export._named(model, {"series": {0: None, 1: None}})


@pytest.mark.parametrize(
    "layer", [torch.nn.LSTM(2, 3), torch.nn.GRU(2, 3, 2, batch_first=True)], ids=["first", "stacked"]
)
def test_recurrent_layers_that_no_node_draws_are_told(layer: torch.nn.Module) -> None:
    with pytest.raises(NoGraph, match="only single recurrent layers"):
        drawn(torch.nn.Sequential(layer))
