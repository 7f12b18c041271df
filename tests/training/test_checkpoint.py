"""Checkpoints: whole or not there, two of them, no pickle, and the one before where the newest is damaged."""

from __future__ import annotations

import tracemalloc

import pytest
import torch

from luban.core.errors import ResourceError
from luban.training.checkpoint import (
    Checkpoints,
    Saved,
    Writing,
    optimizer_tensors,
    restore_optimizer,
)


def saved(step: int) -> Saved:
    return Saved(step, {"epoch": step // 10}, {"weights": torch.full((3,), float(step))})


@pytest.fixture
def checkpoints(tmp_path):
    made = Checkpoints(tmp_path / "kept")
    for step in (5, 20, 100):
        made.write(saved(step))
    made.wait()
    return made


def test_the_newest_of_two_is_read(checkpoints):
    names = sorted(path.name for path in checkpoints.folder.iterdir())
    assert [name.split("-")[0] for name in names] == ["100", "20"]
    latest = checkpoints.latest()
    assert latest.step == 100
    assert latest.values == {"epoch": 10}
    assert latest.tensors["weights"].tolist() == [100.0] * 3


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: data[:-1] + b"\x00", lambda data: b""]
)
def test_the_one_before_is_read_where_the_newest_is_damaged(checkpoints, damage):
    newest = next(checkpoints.folder.glob("100-*"))
    newest.write_bytes(damage(newest.read_bytes()))
    assert checkpoints.latest().step == 20


def test_there_is_none_where_all_are_damaged_or_nothing_was_written(checkpoints, tmp_path):
    for path in checkpoints.folder.iterdir():
        path.write_bytes(b"no state")
    assert checkpoints.latest() is None
    assert Checkpoints(tmp_path / "nothing").latest() is None


def test_what_is_written_is_the_state_of_that_moment(tmp_path):
    weights = torch.zeros(4)
    made = Checkpoints(tmp_path)
    made.write(Saved(1, {}, {"weights": weights}))
    weights += 1
    made.wait()
    assert made.latest().tensors["weights"].tolist() == [0.0] * 4


def test_a_place_that_cannot_be_written_is_told_by_the_training(tmp_path):
    (tmp_path / "file").write_text("")
    made = Checkpoints(tmp_path / "file" / "kept")
    made.write(saved(1))
    with pytest.raises((ResourceError, NotADirectoryError)):
        made.wait()
    made.wait()


def test_no_state_is_a_pickle(checkpoints):
    for path in checkpoints.folder.iterdir():
        data = path.read_bytes()
        assert int.from_bytes(data[:8], "little") < len(data)
        assert data[8:9] == b"{"


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_an_optimiser_goes_on_as_if_it_had_not_been_stopped(name):
    def learn(steps: int, stop: int | None) -> list[float]:
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        options = {"momentum": 0.9} if name == "SGD" else {}
        optimiser = getattr(torch.optim, name)(layer.parameters(), lr=0.1, **options)
        for step in range(steps):
            if step == stop:
                state = {key: tensor.clone() for key, tensor in optimizer_tensors(optimiser).items()}
                optimiser = getattr(torch.optim, name)(layer.parameters(), lr=0.1, **options)
                restore_optimizer(optimiser, state)
            optimiser.zero_grad()
            layer(torch.ones(1, 3) * step).square().sum().backward()
            optimiser.step()
        return [value for parameter in layer.parameters() for value in parameter.flatten().tolist()]

    assert learn(6, None) == learn(6, 3)


def test_states_are_written_when_their_time_has_come(tmp_path):
    made = Checkpoints(tmp_path)
    never = Writing(made, seconds=1e9)
    never.within_epoch(lambda: saved(1))
    assert made.latest() is None
    always = Writing(made, seconds=0.0)
    always.within_epoch(lambda: saved(2))
    always.wait()
    assert made.latest().step == 2
    Writing(None, 0.0).at_epoch(lambda: pytest.fail("nothing is kept"))


def test_a_file_is_what_the_library_writes_and_is_in_memory_once(tmp_path):
    from safetensors.torch import save

    weights = {"b": torch.arange(6, dtype=torch.float32).reshape(2, 3), "a": torch.tensor(3, dtype=torch.int64)}
    made = Checkpoints(tmp_path)
    made.write(Saved(4, {"epoch": 1}, weights))
    made.wait()
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == save(weights, metadata={"luban": '{"step": 4, "values": {"epoch": 1}}'})
    # Traced by hand: of 64 MB only the copy that was taken stands beside the tensor while it is written.
    large = torch.zeros(16 << 20)
    tracemalloc.start()
    made.write(Saved(5, {}, {"large": large}))
    made.wait()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert made.latest().tensors["large"].shape == large.shape


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.bool, torch.int8])
def test_types_that_no_array_has_come_back_as_they_were(kind, tmp_path):
    own = {"matrix": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).to(kind), "one": torch.tensor(1.0).to(kind)}
    made = Checkpoints(tmp_path)
    made.write(Saved(1, {}, own))
    made.wait()
    found = made.latest().tensors
    assert all(torch.equal(found[name], tensor) and found[name].dtype == kind for name, tensor in own.items())
