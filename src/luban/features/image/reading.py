"""The pixels of images: files opened with a bound on their size, turned upright, without transparency."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core.lazy import require
from luban.features._files import Unreadable, opened

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MOST_PIXELS = 64_000_000
"""Pixels of an image at most: a small file can say that it has many more, and they would fill the memory."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What is opened; pillow knows others, and starts programs for some of them."""
_TURNED = (5, 6, 7, 8)
"""Orientations (EXIF) in which height and width change places."""
_ORIENTATION = 0x0112
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    AttributeError,
    struct.error,
    zlib.error,
)
"""What pillow raises for bytes that are no image, or a damaged one."""


def size(value: str | bytes) -> tuple[int, int]:
    """(height, width) of an image that stands upright; only its header is read. Raises Unreadable."""
    with _reasons(), _image(value) as picture:
        width, height = picture.size
        return (width, height) if picture.getexif().get(_ORIENTATION) in _TURNED else (height, width)


def decoded(value: str | bytes, at_least: int = 0) -> Picture:
    """The image in gray (L) or in colours (RGB), upright, on white where it is transparent.

    at_least: the pixels of its sides that are needed; a large JPEG is then decoded at a fraction of its size.
    Raises Unreadable.
    """
    ops = require("PIL.ImageOps", extra="nets", purpose="reading images")
    with _reasons(), _image(value) as picture:
        if at_least:
            picture.draft(None, (at_least, at_least))
        picture.load()
        return _plain(ops.exif_transpose(picture))


def fitted(picture: Picture, height: int, width: int) -> Array:
    """(height, width) or (height, width, 3) uint8: resized until it covers the size, then cut in the middle."""
    from PIL.Image import Resampling

    if picture.size != (width, height):
        scale = min(picture.width / width, picture.height / height)
        across, down = width * scale, height * scale
        left, top = (picture.width - across) / 2, (picture.height - down) / 2
        # Rounding must not push the box over the edge.
        box = (max(left, 0), max(top, 0), min(left + across, picture.width), min(top + down, picture.height))
        picture = picture.resize((width, height), Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return np.asarray(picture)


def of_pixels(pixels: Array) -> Picture:
    """The image of (height, width) or (height, width, 1 or 3) uint8."""
    image = require("PIL.Image", extra="nets", purpose="resizing images")
    found: Picture = image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels))
    return found


def gray(colors: Array) -> Array:
    """(rows, 1, height, width) uint8 of (rows, 3, height, width): luma as pillow calculates it (ITU-R 601-2).

    >>> gray(np.array([255, 0, 0], np.uint8).reshape(1, 3, 1, 1)).item()
    76
    """
    weights = np.array([19595, 38470, 7471], np.uint32)
    luma = np.einsum("rchw,c->rhw", colors.astype(np.uint32), weights) + np.uint32(0x8000)
    return (luma >> 16).astype(np.uint8)[:, None]


@contextmanager
def _image(value: str | bytes) -> Iterator[Picture]:
    image = require("PIL.Image", extra="nets", purpose="reading images")
    with image.open(opened(value), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise Unreadable(_too_large(width * height, f"{width:,} x {height:,}, "))
        yield picture


@contextmanager
def _reasons() -> Iterator[None]:
    """Turns what pillow raises and warns of into reasons."""
    image = require("PIL.Image", extra="nets", purpose="reading images")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            yield
    except (image.DecompressionBombWarning, image.DecompressionBombError) as error:
        pixels = re.search(r"\d+", str(error))
        raise Unreadable(_too_large(int(pixels.group()) if pixels else MOST_PIXELS)) from None
    except image.UnidentifiedImageError:
        raise Unreadable(f"this is no image of the formats {', '.join(FORMATS)}") from None
    except _DAMAGED as error:
        raise Unreadable(f"the image is damaged ({str(error) or type(error).__name__:.80})") from None


def _too_large(pixels: int, sides: str = "") -> str:
    return f"the image says it has {sides}{pixels:,} pixels, and at most {MOST_PIXELS:,} are read"


def _plain(picture: Picture) -> Picture:
    from PIL import Image

    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture)
    if picture.has_transparency_data:
        front = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB")
    if picture.mode in ("L", "RGB"):
        return picture
    return picture.convert("L" if picture.mode in ("1", "LA", "La") else "RGB")


def _eight_bits(picture: Picture) -> Picture:
    """Of 16 bits the upper 8; pillow itself cuts off what is brighter than 255."""
    pixels: Any = np.asarray(picture)
    if pixels.dtype.kind == "f" or pixels.min() < 0 or pixels.max() > 0xFFFF:
        raise Unreadable("its pixels are neither of 8 nor of 16 bits")
    deep = picture.mode != "I" or pixels.max() > 0xFF
    return of_pixels((pixels >> 8 if deep else pixels).astype(np.uint8))
