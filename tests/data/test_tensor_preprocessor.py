"""Rows as tensors: named by their columns, the same after being written and on disk; odd states are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban import states
from luban.batch import Ragged, Tensors
from luban.core.errors import BundleError, DataError
from luban.data import encoded, encoders
from luban.data.preprocessor import Preprocessor
from luban.data.tensor_preprocessor import TensorPreprocessor
from luban.protocols import State
from luban.recipe.recipe import Features
from luban.schema.schema import Column, Schema

RANDOM = np.random.default_rng(0)
ROWS = 30
KINDS = {"age": "number", "picture": "image", "town": "category", "notes": "text", "pulse": "series"}
FRAME = pl.DataFrame(
    {
        "age": RANDOM.normal(40, 9, ROWS),
        "picture": RANDOM.integers(0, 256, (ROWS, 5, 4), dtype=np.uint8),
        "town": ["Ulm", "Bonn", None] * (ROWS // 3),
        "notes": [f"note {i} " + "well " * (i % 4) for i in range(ROWS)],
        "pulse": [RANDOM.normal(size=(i % 5 + 1, 2)).tolist() for i in range(ROWS)],
    }
)


def schema_of(frame: pl.DataFrame, kinds: dict[str, str]) -> Schema:
    return Schema(tuple(Column(name, kind, "input", "", str(frame[name].dtype)) for name, kind in kinds.items()))


def fitted(frame: pl.DataFrame = FRAME, kinds: dict[str, str] = KINDS) -> TensorPreprocessor:
    return TensorPreprocessor.fit(frame, schema_of(frame, kinds), Features())


def same(one: Tensors, other: Tensors) -> bool:
    if set(one.parts) != set(other.parts):
        return False
    for name, part in one.parts.items():
        twin = other.parts[name]
        if isinstance(part, Ragged):
            assert isinstance(twin, Ragged)
            if not np.array_equal(part.values, twin.values) or not np.array_equal(part.offsets, twin.offsets):
                return False
        elif not np.array_equal(part, twin):
            return False
    return True


def test_each_column_with_a_tensor_is_a_part_and_all_others_are_the_table() -> None:
    preprocessor = fitted()
    rows = preprocessor.transform(FRAME)
    assert set(rows.parts) == set(preprocessor.shapes) == {"picture", "notes", "pulse", "table"}
    assert rows.shape == (ROWS,)
    kinds = {name: shape.kind for name, shape in preprocessor.shapes.items()}
    assert kinds == {"picture": "image", "notes": "tokens", "pulse": "sequence", "table": "vector"}
    assert set(preprocessor.columns) == set(preprocessor.baselines()) == set(KINDS)


def test_the_table_is_what_other_models_see_of_its_columns() -> None:
    own = {"age": "number", "town": "category"}
    alone = Preprocessor.fit(FRAME, schema_of(FRAME, own), Features())
    assert np.array_equal(fitted().transform(FRAME).parts["table"], alone.transform(FRAME))  # type: ignore[arg-type]


def test_tables_without_other_columns_and_without_a_table() -> None:
    assert set(fitted(kinds={"notes": "text"}).transform(FRAME).parts) == {"notes"}
    with pytest.raises(DataError, match="no column is left"):
        Preprocessor.fit(FRAME, schema_of(FRAME, {}), Features())


def test_columns_that_are_called_as_other_parts_are_do_not_clash() -> None:
    names = {"table": "notes", "table (column)": "pulse", "notes.lengths": "picture", "notes": "notes"}
    frame = pl.DataFrame([FRAME["age"], *(FRAME[old].alias(new) for new, old in names.items())])
    kinds = {"age": "number", **{new: KINDS[old] for new, old in names.items()}}
    preprocessor = fitted(frame, kinds)
    rows = preprocessor.transform(frame)
    assert len(rows.parts) == len(preprocessor.shapes) == 5
    assert isinstance(rows.parts["table"], np.ndarray) and rows.parts["table"].dtype == np.float32
    ragged = [name for name, part in rows.parts.items() if isinstance(part, Ragged)]
    assert len(ragged) == 3
    assert not {f"{name}.lengths" for name in ragged} & set(rows.parts)
    assert set(preprocessor.columns) == set(kinds)


def test_what_was_learned_survives_being_written() -> None:
    preprocessor = fitted()
    kind, state = states.from_bytes(states.to_bytes("preprocessing", preprocessor.state()))
    again = encoders.rebuild(state)
    assert kind == "preprocessing" and isinstance(again, TensorPreprocessor)
    assert same(again.transform(FRAME), preprocessor.transform(FRAME))
    assert again.shapes == preprocessor.shapes
    assert set(encoders.states(again)) == {"picture", "notes", "pulse"}


def test_rows_of_a_row_about_which_nothing_is_known_can_be_encoded() -> None:
    preprocessor = fitted()
    row = pl.DataFrame({name: pl.Series([value]) for name, value in preprocessor.baselines().items()})
    assert preprocessor.transform(row).shape == (1,)


def _odd_states(state: State) -> dict[str, State]:
    texts = Preprocessor.fit(FRAME, schema_of(FRAME, {"notes": "text"}), Features()).state()
    parts, kinds = state.parts, list(state.values["tensors"])
    first, block = parts[0], parts[-1]
    return {
        "another value": replace(state, values={**state.values, "other": 1}),
        "no kinds": replace(state, values={**state.values, "tensors": []}),
        "kinds that are none": replace(state, values={**state.values, "tensors": "text"}),
        "a kind without tensors": replace(state, values={**state.values, "tensors": ["number", *kinds[1:]]}),
        "an unknown kind": replace(state, values={**state.values, "tensors": ["os", *kinds[1:]]}),
        "a kind that is a list": replace(state, values={**state.values, "tensors": [["text"], *kinds[1:]]}),
        "another kind": replace(state, values={**state.values, "tensors": kinds[::-1]}),
        "a part too few": replace(state, parts=parts[1:]),
        "no block where one is said": replace(state, parts=parts[:-1]),
        "a block where none is said": replace(state, values={**state.values, "block": False}),
        "a block of a wrong type": replace(state, values={**state.values, "block": 1.0}),
        "a column twice": replace(state, parts=(first, (first[0], parts[1][1]), *parts[2:])),
        "a column of the block twice": replace(state, parts=(("age", first[1]), *parts[1:])),
        "an odd part": replace(state, parts=((first[0], State({})), *parts[1:])),
        "an odd block": replace(state, parts=(*parts[:-1], (block[0], State({"kinds": ["number"]})))),
        "a text in the block": replace(state, parts=(*parts[:-1], ("block", texts))),
        "an array": replace(state, arrays={"x": np.zeros(1)}),
    }


@pytest.mark.parametrize("case", sorted(_odd_states(fitted().state())))
def test_a_state_that_fitting_never_gives_is_refused(case: str) -> None:
    with pytest.raises(BundleError):
        TensorPreprocessor.rebuild(_odd_states(fitted().state())[case])


@pytest.mark.parametrize("together", [4, 4_096])
def test_rows_on_disk_are_the_rows_in_their_order(
    tmp_path: Path, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded, "_TOGETHER", together)
    preprocessor = fitted()
    rows = np.array([7, 3, 29, 0, 12, 11, 4])
    encoded.write(FRAME.lazy(), rows, preprocessor, tmp_path / "rows")
    found = encoded.open_inputs(tmp_path / "rows")
    assert isinstance(found, Tensors) and same(found, preprocessor.transform(FRAME[rows]))
    assert all(file.suffix in (".npy", ".json") for file in (tmp_path / "rows").iterdir())
    assert isinstance(found.parts["picture"], np.memmap)


def test_the_names_of_columns_are_no_names_of_files(tmp_path: Path) -> None:
    odd = "../../a/b\0c"
    frame = FRAME.select(pl.col("pulse").alias(odd))
    preprocessor = fitted(frame, {odd: "series"})
    encoded.write(frame.lazy(), np.arange(ROWS), preprocessor, tmp_path / "x" / "rows")
    found = encoded.open_inputs(tmp_path / "x" / "rows")
    assert isinstance(found, Tensors) and same(found, preprocessor.transform(frame))
    assert [each.name for each in tmp_path.iterdir()] == ["x"]


def test_a_matrix_on_disk_is_still_a_matrix(tmp_path: Path) -> None:
    preprocessor = Preprocessor.fit(FRAME, schema_of(FRAME, {"age": "number"}), Features())
    encoded.write(FRAME.lazy(), np.arange(ROWS), preprocessor, tmp_path / "rows")
    assert isinstance(encoded.open_inputs(tmp_path / "rows"), np.ndarray)
