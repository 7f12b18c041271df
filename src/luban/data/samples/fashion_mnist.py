"""Fashion-MNIST: 70,000 pictures of clothes, 28 by 28 grey values, ten classes (Zalando, 2017; MIT licence).

Its own split: 60,000 rows train, 10,000 test. It is fetched, inside Debian's package dataset-fashion-mnist.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, final

from luban.data.samples import _archives, _fetched

PACKAGE = _fetched.Package(
    "dataset-fashion-mnist",
    "0.0~git20200523.55506a9-1",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    "debian",
)
FOLDER = "usr/share/datasets/fashion-mnist/"


@final
class FashionMnist:
    """Grey images of 28 by 28, ten classes."""

    target: ClassVar[str] = "label"
    title: ClassVar[str] = "70,000 pictures of clothes: which of ten, 28 x 28 grey values"
    rows: ClassVar[int] = 70_000
    fetch: ClassVar[bool] = True
    ending: ClassVar[str] = ""

    def write(self, place: Path) -> None:
        for name, content in _archives.of_deb(_fetched.download(PACKAGE), FOLDER):
            (place / name).write_bytes(content)


sample = FashionMnist()
