"""Columns that go together otherwise, two by two, found by what a bundle keeps."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from conditions.compared import answers_only
from luban.conditions._together import _before, _correlations, carriers, unlike
from luban.data import spreads
from luban.data.spreads import placed, scores
from luban.evidence.reference import Pairs, Reference
from luban.protocols import Comparison
from luban.schema.schema import Column, Schema

NAMES = ("a", "b", "c")


def table(correlation: float, seed: int, rows: int = 500) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    x[:, 1] = correlation * x[:, 0] + np.sqrt(1 - correlation**2) * x[:, 1]
    return pl.DataFrame(dict(zip(NAMES, np.exp(x).T, strict=True)))


def kept(frame: pl.DataFrame, codes: np.ndarray | None = None) -> Reference:
    schema = Schema(tuple(Column(name, "number", "input", "", "Float64") for name in frame.columns))
    target = None if codes is None else spreads.of_target("y", codes, ("one", "other"))
    return spreads.reference(frame, schema, target, codes)


def compared(reference: Reference, newer: pl.DataFrame) -> Comparison:
    bins = [placed(each, newer[each.name].to_numpy()) for each in reference.columns]
    plain = answers_only(np.array([[9, 1], [1, 9]]), np.zeros(len(newer), dtype=int))
    return replace(plain, reference=reference, columns=tuple(zip(reference.columns, bins, strict=True)))


def test_what_is_kept_gives_spearmans_correlations() -> None:
    frame = table(0.8, 0)
    reference = kept(frame)
    assert reference.pairs is not None
    found, rows = _before(reference.pairs, list(reference.columns), None)
    exact = [spearmanr(frame[one], frame[other]).statistic for one, other in combinations(NAMES, 2)]
    assert found == pytest.approx(exact, abs=0.02), "but for the width of bins"
    assert rows == 500
    scored = np.stack([scores(each)[placed(each, frame[each.name].to_numpy())] for each in reference.columns], axis=1)
    assert _correlations(scored) == pytest.approx(found, abs=1e-3)


def test_a_pair_that_parted_is_found_and_nothing_else() -> None:
    reference = kept(table(0.8, 1))
    (found,) = unlike(compared(reference, table(0.1, 2, 200)), frozenset())
    assert found.columns == ("a", "b")
    assert (found.before, found.now) == (pytest.approx(0.8, abs=0.1), pytest.approx(0.1, abs=0.15))
    assert unlike(compared(reference, table(0.1, 2, 200)), frozenset({"a"})) == [], "a column that moved tells itself"


def test_rows_as_before_show_no_pair() -> None:
    reference = kept(table(0.8, 3))
    assert [unlike(compared(reference, table(0.8, seed, 100)), frozenset()) for seed in range(10, 60)] == [[]] * 50


def test_other_shares_of_the_classes_explain_how_columns_go_together() -> None:
    # In each class alone nothing goes together; two classes that lie apart do.
    random = np.random.default_rng(4)
    codes = np.repeat([0, 1], [400, 400])
    x = random.normal(size=(800, 3)) + 2.0 * codes[:, None]
    reference = kept(pl.DataFrame(dict(zip(NAMES, x.T, strict=True))), codes)
    newer = pl.DataFrame(dict(zip(NAMES, random.normal(size=(3, 300)), strict=True)))
    assert len(unlike(compared(reference, newer), frozenset())) == 3
    assert unlike(compared(reference, newer), frozenset(), np.array([1.0, 0.0, 0.0])) == []


def test_the_column_that_all_pairs_share_carries_them() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(600, 1)) + 0.4 * random.normal(size=(600, 3))
    frame = pl.DataFrame(dict(zip(NAMES, x.T, strict=True)))
    newer = frame.with_columns(b=pl.Series(random.permutation(frame["b"].to_numpy())))
    found = unlike(compared(kept(frame), newer), frozenset())
    assert len(found) == 2
    assert carriers(found) == ["b"]


def test_pairs_survive_json() -> None:
    reference = kept(table(0.8, 6))
    again = Reference.from_json(reference.to_json())
    assert isinstance(again.pairs, Pairs)
    assert again.pairs.columns == NAMES
    assert again.pairs.products == pytest.approx(reference.pairs.products, abs=1e-4)  # type: ignore[union-attr]
