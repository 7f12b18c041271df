"""Clothes told apart after 50 pictures of each kind, by a network that saw a million photographs.

Usually done wrong: pictures are standardised by their own mean rather than by that of the network's lessons; gray ones
go in at 28 pixels, which shrink to one place before the last layer; batch normalisation learns from batches of eight;
the last layer, which tells dogs from dogs, is taken for all that the network knows; and the figure stands beside
nothing. Here the network sees them as it was taught, every stage of it is asked, nothing of it learns, and a linear
model on pixels answers the same pictures.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import luban
from luban.verbs.compare import compare

EACH = int(os.environ.get("ROWS", "500")) // 10
TEST = 20 * EACH


def clothes() -> tuple[pl.DataFrame, pl.DataFrame]:
    """So many pictures of each class with a label, and others."""
    from luban.data.open import open_dataset

    table = open_dataset("sample:fashion-mnist").frame.drop("split").collect()
    drawn = np.random.default_rng(0).permutation(len(table))
    labels = table["label"].to_numpy()[drawn]
    known = np.concatenate([drawn[np.flatnonzero(labels == label)[:EACH]] for label in np.unique(labels)])
    return table[known], table[drawn[~np.isin(drawn, known)][:TEST]]


train, test = clothes()
with tempfile.TemporaryDirectory() as folder:
    asked = {"pixels": {"model": "linear"}, "imagenet": {"model": "pretrained-features", "from_": "efficientnet-lite0"}}
    bundles = {
        name: luban.fit(train, "label", test=test, folds=2, repair="off", out=Path(folder) / f"{name}.luban", **how)
        for name, how in asked.items()
    }
    for name, bundle in bundles.items():
        accuracy = bundle.measurements[0]
        print(f"{name}: {accuracy.value:.3f} of {accuracy.rows:,} pictures ({accuracy.low:.3f} to {accuracy.high:.3f})")
    print(compare(bundles["pixels"], bundles["imagenet"], data=test).text)
