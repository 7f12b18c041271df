"""The network of a config of `pictures`: a stem, inverted residual blocks, a head, and the mean over all places.

A block widens its channels by a convolution of one place, looks around in each channel by itself, and narrows them
again; what went in is added where it has the same shape (Sandler et al., 2018). Everything but the narrow ends goes
through min(max(x, 0), 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM_KERNEL = 3


@final
class Layer(nn.Module):
    """norm(w * x), and min(max(.., 0), 6) of it unless it is `linear`. config: its `padding` and `epsilon`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        config: Mapping[str, Any],
        *,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.linear = kernel, stride, linear
        # What TensorFlow calls `same` depends on the size of what comes in.
        self.same = config["padding"] == "same" and stride > 1
        self.convolution = nn.Conv2d(
            inputs, outputs, kernel, stride, 0 if self.same else kernel // 2, groups=inputs if depthwise else 1,
            bias=False,
        )  # fmt: skip
        nn.init.kaiming_normal_(self.convolution.weight, mode="fan_out")
        self.norm = nn.BatchNorm2d(outputs, eps=config["epsilon"])

    def forward(self, maps: Tensor) -> Tensor:
        if self.same:
            maps = functional.pad(maps, [*self._around(maps.shape[3]), *self._around(maps.shape[2])])
        answers = self._normalised(self.convolution(maps))
        return answers if self.linear else functional.relu6(answers)

    def _normalised(self, maps: Tensor) -> Tensor:
        norm = self.norm
        # One value has no variance: it is seen as when the network answers.
        if norm.training and maps.numel() == maps.shape[1]:
            return functional.batch_norm(
                maps, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        answers: Tensor = norm(maps)
        return answers

    def _around(self, side: int) -> tuple[int, int]:
        """Places before and behind, so that ceil(side / stride) come out."""
        missing = max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)
        return missing // 2, missing - missing // 2


@final
class Block(nn.Module):
    """x + project(depthwise(expand(x))); without x where the shape changes, and without `expand` where it is 1."""

    def __init__(
        self, inputs: int, outputs: int, widening: int, kernel: int, stride: int, config: Mapping[str, Any]
    ) -> None:
        super().__init__()
        inside = inputs * widening
        self.expand = None if widening == 1 else Layer(inputs, inside, 1, 1, config)
        self.depthwise = Layer(inside, inside, kernel, stride, config, depthwise=True)
        self.project = Layer(inside, outputs, 1, 1, config, linear=True)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        wide = maps if self.expand is None else self.expand(maps)
        narrow: Tensor = self.project(self.depthwise(wide))
        return maps + narrow if self.adds else narrow


@final
class InvertedResiduals(nn.Module):
    """(rows, width) of standardised images (rows, 3, height, width) of any size.

    levels: `last` for the head's means over all places; `all` for those of every stage before them, the lowest first.
    What a stage sees is less about the classes that were learned, and more about what an image looks like.
    """

    def __init__(self, config: Mapping[str, Any], levels: str = "last") -> None:
        super().__init__()
        self.stem = Layer(3, config["stem"], STEM_KERNEL, 2, config)
        self.blocks, before = nn.ModuleList(), config["stem"]
        for widening, filters, count, stride, kernel in config["stages"]:
            for number in range(count):
                self.blocks.append(Block(before, filters, widening, kernel, 1 if number else stride, config))
                before = filters
        self.head = Layer(before, config["head"], 1, 1, config)
        counts = [stage[2] for stage in config["stages"]]
        self.ends = [sum(counts[: number + 1]) - 1 for number in range(len(counts))] if levels == "all" else []
        self.width: int = config["head"] + sum(stage[1] for stage in config["stages"] if levels == "all")

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(images.contiguous(memory_format=torch.channels_last))
        found = []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self.ends:
                found.append(maps.mean(dim=(2, 3)))
        return torch.cat([*found, self.head(maps).mean(dim=(2, 3))], dim=1)
