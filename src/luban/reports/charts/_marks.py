"""What is laid over a picture of a value: how much each piece of it adds to an answer, or takes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from luban.batch import Array
from luban.reports.charts._svg import Scale, element, line

STRONGEST = 0.62
"""How opaque the strongest mark is: what lies below must still be seen."""
NORMAL = 1.96
"""Standard errors to either side of a 95% interval."""


@dataclass(frozen=True)
class Mark:
    """A piece. place: where it lies, as units have it. error: of one standard deviation; 0 where exact, or None.

    share: its size as a share of the largest one, from 0 to 1.
    """

    name: str
    value: float
    error: float | None = None
    place: tuple[float, ...] = ()
    share: float = 0.0
    told: str = ""

    @property
    def sure(self) -> bool:
        """Whether its 95% interval leaves out zero."""
        return abs(self.value) > NORMAL * (self.error or 0.0)

    @property
    def style(self) -> str:
        """`up` for what adds, `down` for what takes."""
        return "up" if self.value >= 0 else "down"

    @property
    def opacity(self) -> float:
        """How opaque it lies over a picture; what is not told apart from zero is not coloured."""
        return STRONGEST * self.share if self.sure else 0.0


def strip(marks: Sequence[Mark], x: Scale, top: float, height: float) -> list[Markup]:
    """A bar from zero for each mark over its place, up for what adds and down for what takes, with 95% intervals."""
    ends = [mark.value + side * NORMAL * (mark.error or 0.0) for mark in marks for side in (-1, 1)]
    y = Scale(min([0.0, *ends]), max([0.0, *ends, 1e-300]), top + height, top)
    drawn = [line(x.start, y(0.0), x.end, y(0.0), "axis")]
    for mark in marks:
        begin, end = x(mark.place[0]), x(mark.place[1])
        high, low = sorted((y(0.0), y(mark.value)))
        box = {"x": begin + 0.5, "y": high, "width": max(end - begin - 1, 0.5), "height": max(low - high, 0.3)}
        drawn.append(element("rect", element("title", mark.told), **box, class_=mark.style))
        if mark.error:
            reach = NORMAL * mark.error
            middle = (begin + end) / 2
            drawn.append(line(middle, y(mark.value - reach), middle, y(mark.value + reach), "whisker"))
    return drawn


def png(pixels: Array) -> str:
    """A picture as an address that holds it. pixels: (height, width) or (height, width, 3) uint8.

    >>> import numpy as np
    >>> png(np.zeros((1, 1), np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    import base64

    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    parts = (_part(b"IHDR", header), _part(b"IDAT", zlib.compress(lines, 9)), _part(b"IEND", b""))
    return f"data:image/png;base64,{base64.b64encode(b''.join((_SIGNATURE, *parts))).decode()}"


_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def _part(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
