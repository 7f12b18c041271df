"""Small tensors of each kind, and networks on them, for the tests of architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from luban.collate import LENGTHS
from luban.core import registry
from luban.protocols import NetworkModel, Shape, Work
from origins.rewriting import ORIGIN as REWRITING
from origins.speaking import ORIGIN as SPEAKING
from origins.tiny import CODED, ORIGIN, ORIGIN_OF_IMAGES, ORIGIN_OF_SOUNDS

NETWORKS: dict[str, NetworkModel] = {
    name: model
    for name, model in ((name, registry.find("models", name)) for name in registry.names("models"))
    if model.trainer == "gradient"
}
LANGUAGE = frozenset({"causal-lm", "chat", "masked-lm", "preference"})
ANSWERING = {name: model for name, model in NETWORKS.items() if not model.tasks & {"sequence-to-sequence", *LANGUAGE}}
TAGGING = {name: model for name, model in NETWORKS.items() if "tagging" in model.tasks}
"""Those that also answer each step with (outputs,) numbers."""
"""The networks that answer a row with (outputs,) numbers; the others write."""
SHAPES = {
    "vector": Shape("vector", (5,)),
    "tokens": Shape("tokens", (20,), longest=9),
    "words": Shape("words", (40, 3, 30, 2, 2), longest=9),
    "image": Shape("image", (3, 9, 12), center=(100.0, 120.0, 90.0), spread=(50.0, 60.0, 70.0)),
    "sequence": Shape("sequence", (2,), longest=9, center=(1.0, -2.0), spread=(2.0, 0.5)),
}
SMALL: dict[str, dict[str, Any]] = {
    "resnet": {"depth": 10, "width": 4},
    "cnn": {"channels": (4, 6), "units": (8,)},
    "rnn": {"units": 6, "embedding": 5},
    "lstm": {"units": 6, "embedding": 5},
    "gru": {"units": 6, "embedding": 5},
    "transformer": {"width": 16, "heads": 2},
    "vision-transformer": {"width": 16, "heads": 2},
    "tabular-transformer": {"width": 16, "heads": 2},
    "encoder-decoder": {"width": 16, "heads": 2},
    "pretrained-codes": {"origin": CODED},
    "pretrained-text": {"origin": ORIGIN},
    "pretrained-encoder-decoder": {"origin": ORIGIN, "width": 16, "heads": 2},
    "pretrained-image": {"origin": ORIGIN_OF_IMAGES},
    "pretrained-sound": {"origin": ORIGIN_OF_SOUNDS},
    "pretrained-causal": {"origin": SPEAKING},
    "pretrained-masked": {"origin": ORIGIN},
    "pretrained-sequence-to-sequence": {"origin": REWRITING},
    "gpt": {"width": 16, "layers": 1, "heads": 2},
    "bert": {"width": 16, "layers": 1, "heads": 2},
}
"""Settings that keep the arithmetic of a test small."""
NEEDED: dict[str, dict[str, Any]] = {
    "pretrained-codes": {"origin": {**CODED, "config": {}}},
    "pretrained-encoder-decoder": {"origin": ORIGIN},
    "pretrained-text": {"origin": ORIGIN},
    "pretrained-image": {"origin": ORIGIN_OF_IMAGES, "statistics": "learned"},
    "pretrained-sound": {"origin": ORIGIN_OF_SOUNDS},
    "pretrained-causal": {"origin": SPEAKING},
    "pretrained-masked": {"origin": ORIGIN},
    "pretrained-sequence-to-sequence": {"origin": REWRITING},
}
"""Settings without which there is no network."""
LENGTHS_OF_ROWS = (9, 1, 4, 6)


def work(shapes: Mapping[str, Shape], outputs: int = 3, rows: int = 1_000, task: str = "multiclass") -> Work:
    width = sum(shape.size[0] for shape in shapes.values() if shape.kind == "vector")
    return Work(task, outputs, rows, width, shapes=shapes)


def network(
    name: str, shapes: Mapping[str, Shape], outputs: int = 3, seed: int = 0, task: str = "multiclass", **settings: Any
) -> Any:
    """The network of an architecture at small settings, answering rather than training, with all weights drawn anew.

    Biases and running statistics, which begin at 0 and 1, are drawn too: else a mistake with them would not show.
    """
    torch.manual_seed(seed)
    model = NETWORKS[name]
    module = model.build(work(shapes, outputs, task=task), model.Settings(**{**SMALL.get(name, {}), **settings})).eval()
    with torch.no_grad():
        for key, tensor in module.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif tensor.ndim == 1 and tensor.is_floating_point():
                tensor.add_(torch.empty_like(tensor).uniform_(-0.3, 0.3))
    return module


def inputs(shapes: Mapping[str, Shape], lengths: Sequence[int] = LENGTHS_OF_ROWS, seed: int = 1) -> dict[str, Tensor]:
    """A row for each length, with the padding of a batch."""
    random = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        steps = (len(lengths), max(lengths))
        if shape.kind == "vector":
            found[name] = torch.randn(len(lengths), *shape.size, generator=random)
        elif shape.kind == "image":
            found[name] = torch.randint(0, 256, (len(lengths), *shape.size), generator=random, dtype=torch.uint8)
        else:
            own = torch.arange(steps[1])[None, :] < torch.tensor(lengths)[:, None]
            if shape.kind == "tokens":
                found[name] = torch.randint(4, shape.size[0], steps, generator=random) * own
            elif shape.kind == "words":
                numbers = torch.randint(4, shape.size[0], (*steps, *shape.inner), generator=random)
                # Some words have one token, others two.
                numbers[..., -1] *= numbers[..., -2] % 2
                found[name] = numbers * own[:, :, None]
            else:
                found[name] = torch.randn(*steps, *shape.size, generator=random) * own[:, :, None]
            found[name + LENGTHS] = torch.tensor(lengths)
    return found


def alone(tensors: Mapping[str, Tensor], row: int) -> dict[str, Tensor]:
    """One row without the padding of its batch."""
    found = {name: tensor[row : row + 1] for name, tensor in tensors.items()}
    for name, lengths in found.items():
        if name.endswith(LENGTHS):
            part = name.removesuffix(LENGTHS)
            found[part] = found[part][:, : int(lengths)]
    return found


def weights(module: nn.Module) -> dict[str, Any]:
    """Parameters and buffers by name, as float64 numpy arrays."""
    return {name: tensor.detach().double().numpy() for name, tensor in module.state_dict().items()}
