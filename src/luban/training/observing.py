"""Looking at one forward pass: what reaches the network, what each layer and each activation function gives out.

Activation functions are seen however they are called, as a module or as a function. What happens within one operation,
such as the gates of an LSTM, is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from luban.batch import Array
from luban.evidence.trace import Activation, Arriving, LayerSignals

MOST_NUMBERS = 1 << 14
"""Numbers of an output that are looked at: those of the first rows of the batch."""
MOST_KEPT = 1 << 18
"""Numbers of an answer that are kept beyond the step."""
SATURATED = 0.95
"""From which absolute value on a tanh, or a sigmoid scaled to -1..1, counts as saturated."""
ENOUGH = 200
"""Examples in which a unit was never active before it counts as dead; positions of an image or a text count too."""

_FUNCTIONS: Mapping[Any, str] = {
    **dict.fromkeys((torch.relu, torch.relu_, functional.relu, functional.relu6, Tensor.relu, Tensor.relu_), "relu"),
    **dict.fromkeys((torch.tanh, functional.tanh, Tensor.tanh), "tanh"),
    **dict.fromkeys((torch.sigmoid, functional.sigmoid, Tensor.sigmoid), "sigmoid"),
    **dict.fromkeys((torch.softmax, functional.softmax, Tensor.softmax), "softmax"),
    **dict.fromkeys((torch.log_softmax, functional.log_softmax, Tensor.log_softmax), "log-softmax"),
}
_CHANNELS_FIRST = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.InstanceNorm1d,
    nn.InstanceNorm2d,
)  # fmt: skip


def layers(module: nn.Module) -> dict[str, nn.Module]:
    """The layers that hold weights of their own, by name."""
    found = module.named_modules()
    return {name or "network": layer for name, layer in found if any(True for _ in layer.parameters(recurse=False))}


@final
class Observer:
    """Looks at forward passes of a module. Final.

    signals, activations: what the last pass showed, by layer. order: the layers in the order in which rows passed them.
    arriving: what reached the first layer with weights. answer: what the network answered, of the first rows.
    counting: whether this pass counts among the examples in which a unit was active or never.
    recent: by the place of a ReLU, which units the latest counted passes saw active, and in how many examples.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.layers = layers(module)
        self._around = {name for name, layer in self.layers.items() if any(True for _ in layer.children())}
        self.signals: dict[str, LayerSignals] = {}
        self.activations: dict[str, Activation] = {}
        self.order: dict[str, None] = {}
        self.arriving: Arriving | None = None
        self.answer: Tensor | None = None
        self.counting = True
        self.recent: dict[str, list[tuple[Array, int]]] = {}
        self._reached = False
        self._sites: list[tuple[str, str, Tensor]] = []
        self._outputs: list[tuple[str, tuple[Tensor, Tensor, Tensor], Tensor]] = []
        self._latest: tuple[str, nn.Module | None] = ("network", None)

    def start(self) -> Any:
        """Begins to look; what it returns goes to `stop`."""
        self.signals, self.activations, self._sites, self._outputs = {}, {}, [], []
        hooks = [layer.register_forward_hook(self._look(name)) for name, layer in self.layers.items()]
        mode = _Functions(self._called)
        mode.__enter__()  # type: ignore[no-untyped-call]
        return hooks, mode

    def stop(self, begun: Any, answer: Any = None) -> None:
        """Ends it. answer: what the network gave out."""
        hooks, mode = begun
        mode.__exit__(None, None, None)
        for hook in hooks:
            hook.remove()
        self.answer = _tensor(answer)
        with torch.no_grad():
            self._read()
            for name, function, values in self._sites:
                self.activations[name] = self._activation(name, function, values)
        self._sites = []
        self.answer = None if self.answer is None else first_rows(self.answer)

    @contextmanager
    def looking(self) -> Iterator[None]:
        begun = self.start()
        try:
            yield
        finally:
            self.stop(begun)

    def _look(self, name: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            # What is calculated here is none of the network's own: it goes by the mode, which is slow.
            with torch._C.DisableTorchFunction():
                self._passed(name, layer, inputs, output)

        return hook

    def _passed(self, name: str, layer: nn.Module, inputs: Any, output: Any) -> None:
        self._latest = (name, layer)
        if not self._reached and not _normalises(layer):
            self._reached = True
            self.arriving = _arriving(inputs[0]) if inputs else None
        values = _tensor(output)
        if values is None:
            return
        if not self._holds_others(name, layer):
            self.order.setdefault(name)
        self._outputs.append((name, *_summed(values)))

    def _read(self) -> None:
        """Reads what the layers gave out, of all of them at once: a device waits for its numbers only here."""
        numbers = read([one for _, sums, _ in self._outputs for one in sums])
        for at, (name, _, some) in enumerate(self._outputs):
            mean, spread, others = numbers[3 * at : 3 * at + 3]
            count = max(some.numel(), 1)
            seen = self.signals.setdefault(name, LayerSignals())
            seen.mean, seen.deviation, seen.nonfinite = mean, spread / math.sqrt(count), 0.0
            seen.zeros = (some.numel() - others) / count
            if some.numel() and not math.isfinite(mean):
                # What was changed in its place since then may look finite again.
                seen.nonfinite = max(int((~torch.isfinite(some)).sum()), 1) / count
        self._outputs = []

    def _holds_others(self, name: str, layer: nn.Module) -> bool:
        """Whether layers within this one have a place in the order already: then it has none of its own."""
        if name not in self._around:
            return False
        inside = "" if layer is self._module else f"{name}."
        return any(other != name and other.startswith(inside) for other in self.order)

    def _called(self, function: str, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim > 1:
            self._sites.append((self._site(function), function, output))

    def _site(self, function: str) -> str:
        name = self._latest[0]
        taken = {site for site, _, _ in self._sites}
        return name if name not in taken else f"{name} ({function} {len(taken)})"

    def _activation(self, name: str, function: str, output: Tensor) -> Activation:
        values = _some(output)
        zeros, saturated, dead, examples = 0.0, 0.0, 0.0, len(values)
        if function == "relu":
            # What is not a number is no dead unit: another condition tells of it.
            axis, count = self._axis(name, values), max(values.numel(), 1)
            active = torch.count_nonzero(values, dim=[d for d in range(values.ndim) if d != axis]).cpu().numpy()
            zeros = 1.0 - int(active.sum()) / count
            dead, examples = self._dead(name, active > 0, count // max(active.size, 1))
        elif function in ("tanh", "sigmoid"):
            scaled = values if function == "tanh" else 2 * values - 1
            saturated = float((scaled.abs() > SATURATED).sum()) / max(values.numel(), 1)
        final = self.answer is not None and output.data_ptr() == self.answer.data_ptr()
        return Activation(function, zeros, saturated, dead, examples, final)

    def _axis(self, name: str, values: Tensor) -> int:
        """The axis of the units of a layer."""
        layer = self.layers.get(name.split(" (")[0])
        images = values.ndim == 4 and not isinstance(layer, nn.Linear)
        return 1 if isinstance(layer, _CHANNELS_FIRST) or images else values.ndim - 1

    def _dead(self, name: str, ever: Array, examples: int) -> tuple[float, int]:
        """The share of units that were 0 in each of the latest examples, and how many these are.

        ever: (units,) whether a unit was active in one of the `examples` of this pass.
        """
        if not self.counting:
            return 0.0, 0
        recent = self.recent.setdefault(name, [])
        recent.append((ever, examples))
        while sum(count for _, count in recent[1:]) >= ENOUGH:
            recent.pop(0)
        alive = np.logical_or.reduce([units for units, _ in recent if units.shape == ever.shape])
        return 1.0 - int(alive.sum()) / max(alive.size, 1), sum(count for _, count in recent)


class _Functions(TorchFunctionMode):
    """Tells `told(name, output)` of each activation function that is called."""

    def __init__(self, told: Any) -> None:
        super().__init__()
        self.told = told

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        name = _FUNCTIONS.get(func)
        if name is not None:
            self.told(name, output)
        return output


def _arriving(values: Any) -> Arriving | None:
    if not isinstance(values, Tensor) or not values.is_floating_point() or not values.numel():
        return None
    some = _some(values)
    finite = torch.isfinite(some)
    kept = torch.where(finite, some, torch.zeros_like(some))
    deviations = 1.0
    if some.ndim == 2 and len(some) > 1:
        each = kept.double().std(dim=0)
        varying = each[each > 0]
        deviations = float(varying.max() / varying.median()) if len(varying) else 1.0
    root = float(kept.double().square().mean().sqrt())
    return Arriving(root, float(kept.abs().max()), deviations, 1.0 - float(finite.sum()) / some.numel(), len(some))


def _summed(values: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """The mean, the norm around it, and the count of what is not zero, of the first rows; and these rows.

    Two passes of one operation each: a tenth of what torch takes for a standard deviation, and as exact.
    """
    some = _some(values)
    mean = some.mean()
    return (mean, torch.linalg.vector_norm(some - mean), torch.count_nonzero(some)), some


def read(numbers: Sequence[Tensor]) -> list[float]:
    """The values of tensors of one number each, in one go where they lie on one device.

    >>> read([torch.tensor(2), torch.tensor(0.5)])
    [2.0, 0.5]
    """
    if len({one.device for one in numbers}) > 1 or (numbers and numbers[0].device.type == "cpu"):
        return [float(one.item()) for one in numbers]
    return torch.stack([one.float() for one in numbers]).tolist() if numbers else []


def first_rows(values: Tensor) -> Tensor:
    """A copy of as many rows as may be kept, one at least; the rest, and what led to them, can go."""
    each = max(values[0].numel(), 1) if len(values) else 1
    return values.detach()[: max(MOST_KEPT // each, 1)].clone()


def dense(gradient: Tensor) -> Tensor:
    """A gradient as it is, or the part that a sparse one holds."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _some(values: Tensor) -> Tensor:
    values, numbers = values.detach(), values.numel()
    if numbers > MOST_NUMBERS:
        values = values[: max(MOST_NUMBERS * len(values) // numbers, 1)]
    return values.float()


def _tensor(output: Any) -> Tensor | None:
    values = output[0] if isinstance(output, tuple | list) and output else output
    values = getattr(values, "logits", values)
    return values if isinstance(values, Tensor) and values.is_floating_point() and values.ndim else None


def _normalises(layer: nn.Module) -> bool:
    return type(layer).__name__.endswith(("Norm", "Norm1d", "Norm2d", "Norm3d"))
