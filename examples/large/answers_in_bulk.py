"""Thousands of texts answered by a BERT, as fast as one core can.

Usually done wrong: texts are answered one by one, or in the order in which they come, each batch padded to its longest;
Usually done wrong: texts are answered one by one, or as they come, each batch padded to its longest;
network is taken for a probability; and int8 is switched on because it is fast, without a look at what it changes. Here
texts of like length pass together, in a graph, the answers do not depend on who else is in the batch, probabilities are
calibrated on rows that were held out, and int8 is compared with float32 on the very same texts.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import luban
from luban.data.catalogue import sample_path
from luban.verbs.predict import predict

ROWS = int(os.environ.get("ROWS", "1500"))
KNOWN = min(ROWS // 2, 500)


def headlines() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Some headlines with their topic, and others."""
    table = pl.read_csv(sample_path("bbc-headlines"))
    drawn = np.random.default_rng(0).permutation(len(table))[:ROWS]
    return table[drawn[:KNOWN]], table[drawn[KNOWN:]]


def answered(bundle: luban.Bundle, rows: pl.DataFrame, place: Path, precision: str) -> tuple[pl.DataFrame, float]:
    """The answers to all rows, and the CPU seconds that they took."""
    began = time.process_time()
    predict(bundle, rows, out=place / f"{precision}.csv", precision=precision, threads=1)
    return pl.read_csv(place / f"{precision}.csv"), time.process_time() - began


known, others = headlines()
with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    # The body stays as it was pretrained: one pass over the texts, and a linear model that is calibrated.
    bundle = luban.fit(
        known, "topic", from_="minilm", model="pretrained-features", test=others, folds=2, repair="off",
        out=place / "topics.luban",
    )  # fmt: skip
    for figure in bundle.measurements[:1]:
        print(f"{figure.name}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}, {figure.rows:,} headlines)")
    found = {precision: answered(bundle, others.drop("topic"), place, precision) for precision in ("float32", "int8")}
    for precision, (answers, seconds) in found.items():
        right = (answers["prediction"] == others["topic"]).mean()
        print(f"{precision}: {right:.3f} right, {len(others) / max(seconds, 1e-9):,.0f} texts a CPU second")
    (exact, _), (small, _) = found.values()
    print(f"int8 says the same as float32 of {(exact['prediction'] == small['prediction']).mean():.1%}")
    sure = exact.select(pl.max_horizontal(pl.selectors.starts_with("probability_"))).to_series()
    print(f"they call themselves {sure.mean():.3f} sure on average")
