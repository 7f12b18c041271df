"""Which regions of an image speak for an answer, and which against it: the image, and beside it in gray the regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from luban.batch import Array
from luban.reports.charts._marks import Mark, png
from luban.reports.charts._svg import WIDTH, element, label, picture

GAP = 12
HIGHEST = 300
LABELLED = 5
"""Regions with the largest attributions, which are named in the picture."""
_MOST_SIDE = 448
"""Pixels of a side that are drawn; of larger images fewer."""
_GRAY = np.array([0.299, 0.587, 0.114])
_PALEST = (120, 245)
"""The gray of black and of white below the colours, which would not be seen on either."""
_PALE = (_PALEST[1] - _PALEST[0]) / 255


def regions(name: str, title: str, pixels: Array, numbers: Array, marks: Sequence[Mark]) -> Markup:
    """The picture. pixels: (channels, height, width) uint8. numbers: (height, width) the region of each pixel.

    marks: with the number of their region as place.
    """
    down, across = (np.arange(min(side, _MOST_SIDE)) * side // min(side, _MOST_SIDE) for side in numbers.shape)
    numbers = numbers[down][:, across]
    shown = np.moveaxis(pixels[:, down][:, :, across], 0, 2)
    shown = shown[..., 0] if shown.shape[2] == 1 else np.ascontiguousarray(shown)
    gray = np.rint(_PALEST[0] + (shown if shown.ndim == 2 else shown @ _GRAY) * _PALE).astype(np.uint8)
    height, width = numbers.shape
    half = (WIDTH - GAP) / 2
    scale = min(half / width, HIGHEST / height)
    size = {"y": 0, "width": width * scale, "height": height * scale, "preserveAspectRatio": "none"}
    right = half + GAP
    style = "pixels" if scale > 1 else "photo"
    over = [_region(numbers == mark.place[0], mark) for mark in marks if mark.place and mark.opacity]
    strongest = sorted((mark for mark in marks if mark.place and mark.opacity), key=lambda mark: -mark.share)[:LABELLED]
    labels = [_label(numbers == mark.place[0], mark, right, scale) for mark in strongest]
    told = "; ".join(f"{mark.name} {mark.told}" for mark in strongest)
    return picture(
        name,
        height * scale,
        title,
        f"Left the image as the model sees it, right in gray with its regions coloured. The strongest: {told}.",
        element("image", href=png(shown), x=0, class_=style, **size),
        element("image", href=png(gray), x=right, class_=style, **size),
        element("g", *over, transform=f"translate({right:.2f} 0) scale({scale:.5f})"),
        *labels,
    )


def _region(inside: Array, mark: Mark) -> Markup:
    """The runs of pixels of a region, line by line."""
    edges = np.diff(np.pad(inside.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    runs = zip(rows.tolist(), starts.tolist(), (ends - starts).tolist(), strict=True)
    d = "".join(f"M{x} {y}h{length}v1h-{length}z" for y, x, length in runs)
    return element(
        "path", element("title", f"{mark.name}: {mark.told}"), d=d, class_=f"{mark.style} over",
        fill_opacity=round(mark.opacity, 3),
    )  # fmt: skip


def _label(inside: Array, mark: Mark, left: float, scale: float) -> Markup:
    """The number of a region at the pixel of it that is nearest to its middle, and which way it pulls."""
    y, x = np.nonzero(inside)
    if not len(y):
        return Markup("")
    nearest = int(np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2))
    way = "\u25b2" if mark.value >= 0 else "\u25bc"
    at = (left + (float(x[nearest]) + 0.5) * scale, (float(y[nearest]) + 0.5) * scale + 4)
    return label(f"{int(mark.place[0]) + 1}{way}", *at, anchor="middle", style="named")
