"""Changes of training rows: shapes and types stay, a law for each, chance is that of torch, and nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from luban.core.errors import UsageError
from luban.protocols import Shape, Work
from luban.recipe.recipe import Train
from luban.training import augmenting
from luban.training.gathering import Part

SHAPES = {
    "picture": Shape("image", (3, 12, 10)),
    "sound": Shape("sequence", (9,), 20, (1.0,) * 9, (2.0,) * 9),
    "notes": Shape("tokens", (50,), 15),
    "table": Shape("vector", (4,)),
}
WORK = Work("multiclass", 3, 6, 4, shapes=SHAPES)
STRENGTHS = {name: 20.0 if name == "rotate" else 0.5 for name in augmenting.CHANGES}


def part() -> Part:
    torch.manual_seed(3)
    tensors = {
        "picture": torch.randint(1, 255, (6, 3, 12, 10), dtype=torch.uint8),
        "sound": torch.randn(6, 20, 9),
        "sound.lengths": torch.tensor([20, 12, 5, 1, 20, 8]),
        "notes": torch.randint(5, 50, (6, 15)),
        "notes.lengths": torch.tensor([15, 9, 4, 1, 2, 15]),
        "table": torch.randn(6, 4),
    }
    return Part(np.arange(6), tensors, torch.tensor([0, 1, 2, 0, 1, 2]), None)


def changed(name: str, strength: float | None = None, seed: int = 0) -> dict[str, torch.Tensor]:
    before = part()
    torch.manual_seed(seed)
    how = Train(augment={name: STRENGTHS[name] if strength is None else strength})
    return augmenting.augmented(before, how, WORK).tensors


@pytest.mark.parametrize("name", augmenting.CHANGES)
def test_a_change_keeps_shapes_and_types_and_touches_only_its_kinds(name):
    before, after = part().tensors, changed(name)
    touched = set()
    for place, tensor in before.items():
        assert after[place].shape == tensor.shape
        assert after[place].dtype == tensor.dtype
        if not torch.equal(after[place], tensor):
            touched.add(SHAPES[place].kind)
    assert touched == augmenting.CHANGES[name].kinds


@pytest.mark.parametrize("name", augmenting.CHANGES)
def test_chance_is_that_of_torch(name):
    place = next(place for place, shape in SHAPES.items() if shape.kind in augmenting.CHANGES[name].kinds)
    assert torch.equal(changed(name)[place], changed(name)[place])
    assert not torch.equal(changed(name)[place], changed(name, seed=1)[place])


@pytest.mark.parametrize("name", ["mask", "shift", "noise"])
def test_what_is_behind_a_sequence_stays(name):
    before, after = part(), changed(name)
    for row, length in enumerate(before.tensors["sound.lengths"].tolist()):
        behind = before.tensors["sound"][row, length:]
        if name == "mask":
            # A band of channels is silent along the whole row; padding is never attended.
            continue
        assert torch.equal(after["sound"][row, length:], behind)


def test_a_crop_moves_the_picture_as_a_whole():
    before, after = part().tensors["picture"], changed("crop", 0.2)["picture"]
    found = 0
    for old, new in zip(before, after, strict=True):
        padded = torch.nn.functional.pad(old, (2, 2, 2, 2))
        found += any(
            torch.equal(new, padded[:, down : down + 12, right : right + 10]) for down in range(5) for right in range(5)
        )
    assert found == len(before)


def test_a_flip_mirrors_some_pictures_and_leaves_the_others():
    before, after = part().tensors["picture"], changed("flip", 0.5)["picture"]
    mirrored = [torch.equal(new, old.flip(2)) for old, new in zip(before, after, strict=True)]
    kept = [torch.equal(new, old) for old, new in zip(before, after, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert any(mirrored) and any(kept)
    assert torch.equal(changed("flip", 1.0)["picture"], before.flip(3))


def test_a_cutout_blackens_a_square_of_its_size():
    after = changed("cutout", 0.5)["picture"]
    assert ((after == 0).all(dim=1).flatten(1).sum(dim=1) == 6 * 5).all()


def test_random_changes_differ_from_image_to_image_and_grow_with_their_strength():
    before = part().tensors["picture"]
    weak, strong = (
        torch.stack(
            [(changed("random", strength, seed)["picture"].float() - before).abs().mean() for seed in range(20)]
        )
        for strength in (0.1, 1.0)
    )
    assert strong.mean() > weak.mean()
    alike = before[:1].expand(6, -1, -1, -1)
    after = augmenting.augmented(
        Part(np.arange(6), {"picture": alike}, torch.zeros(6), None), Train(augment={"random": 1.0}), WORK
    ).tensors["picture"]
    assert len(after.flatten(1).unique(dim=0)) > 2


def test_a_small_turn_leaves_the_middle():
    before = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    before[0, 0, 3:6, 3:6] = 200
    work = Work("binary", 2, 1, 0, shapes={"picture": Shape("image", (1, 9, 9))})
    turned = augmenting.augmented(
        Part(np.zeros(1), {"picture": before}, torch.zeros(1), None), Train(augment={"rotate": 10.0}), work
    )
    assert turned.tensors["picture"][0, 0, 4, 4] == 200


def test_dropped_words_become_the_unknown_one_and_marks_stay():
    before = part()
    before.tensors["notes"][:, :5] = torch.arange(5)
    after = augmenting.augmented(before, Train(augment={"drop": 1.0}), WORK).tensors["notes"]
    assert torch.equal(after[:, :5], before.tensors["notes"][:, :5])
    assert (after[:, 5:] == augmenting.UNKNOWN).all()


def test_mixed_rows_have_mixed_answers():
    shapes = {"table": SHAPES["table"]}
    work = Work("multiclass", 3, 6, 4, shapes=shapes)
    before = Part(np.arange(6), {"table": part().tensors["table"]}, part().target, None)
    torch.manual_seed(1)
    mixed = augmenting.augmented(before, Train(augment={"mixup": 1.0}), work)
    assert torch.allclose(mixed.target.sum(dim=1), torch.ones(6))
    share = mixed.target.gather(1, before.target[:, None]).min()
    assert 0 < share < 1
    assert mixed.tensors["table"].mean().item() == pytest.approx(before.tensors["table"].mean().item(), abs=1e-5)


@pytest.mark.parametrize(
    ("augment", "told"),
    [
        ({"crob": 0.1}, "no change is called 'crob'.*crop"),
        ({"mixup": 0.4}, "'mixup' changes image and vector, and the rows hold"),
        ({"noise": 0.0}, "the strength of 'noise' cannot be 0"),
        ({"noise": 7}, "the strength of 'noise' cannot be 7"),
    ],
)
def test_changes_that_make_no_sense_are_refused(augment, told):
    with pytest.raises(UsageError, match=told):
        augmenting.check(augment, WORK)


def test_a_change_that_nothing_takes_is_refused():
    work = Work("binary", 2, 1, 4, shapes={"table": SHAPES["table"]})
    with pytest.raises(UsageError, match="'flip' changes image, and the rows hold vector"):
        augmenting.check({"flip": 0.5}, work)
