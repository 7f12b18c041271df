"""Models that begin from a pretrained encoder of sounds: what they hear, what stands for a sound, and what learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperModel

from luban import collate
from luban.batch import Batch, Ragged, Tensors
from luban.core import registry
from luban.core.errors import UsageError
from luban.origins import naming
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import beginning, optimizing
from origins import tiny

FROZEN = registry.find("models", "pretrained-features")
SOUND = registry.find("models", "pretrained-sound")
SHAPE = Shape("sequence", (8,), longest=60, center=(0.0,) * 8, spread=(1.0,) * 8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write_sounds(tmp_path / "tiny")


def rows(count: int = 12, seed: int = 0) -> tuple[Tensors, np.ndarray[Any, Any]]:
    """Noise of 11 to 60 frames, of which every second sound is louder in its lower bands."""
    draw = np.random.default_rng(seed)
    found = [draw.uniform(-1.0, 0.0, (int(draw.integers(11, 61)), 8)).astype(np.float32) for _ in range(count)]
    for sound in found[1::2]:
        sound[:, :4] += 0.9
    return Tensors({"sound": Ragged.of(found)}), np.arange(count) % 2


def work(shape: Shape = SHAPE, count: int = 12) -> Work:
    return Work("binary", 2, count, 0, shapes={"sound": shape})


def described(folder: Path, **others: Any) -> dict[str, Any]:
    return {"origin": naming.find(str(folder)).settings(), **others}


def begun(folder: Path, shape: Shape = SHAPE, **others: Any) -> Any:
    torch.manual_seed(0)
    candidate = Candidate(model="pretrained-sound", settings=described(folder, **others))
    return beginning.begun(candidate, work(shape))


def vectors(module: Any, inputs: Tensors) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = module.eval().features(collate.to_torch(inputs, np.arange(inputs.shape[0])))
    return found


def test_with_all_the_silence_it_is_the_whole_window_of_whisper(folder: Path) -> None:
    inputs, _ = rows(3)
    # The longest sound is 60 of the 100 frames, so of silence there is room for 40 behind each.
    ours = vectors(begun(folder, silence=30.0), inputs)
    theirs = WhisperModel.from_pretrained(folder).encoder.eval()
    part = inputs.parts["sound"]
    assert isinstance(part, Ragged)
    for row in range(3):
        own = part.values[part.offsets[row] : part.offsets[row + 1]]
        silent = max(float(own.max()) - 2.0, -1.5)
        window = np.full((100, 8), silent, np.float32)
        window[: len(own)] = own
        if len(own) < 60:
            continue
        with torch.inference_mode():
            states = theirs(torch.tensor(window.T[None])).last_hidden_state[0]
        assert torch.allclose(ours[row], states[: (len(own) + 1) // 2].mean(dim=0), atol=1e-5)


def test_a_sound_of_the_longest_length_is_read_as_transformers_reads_it(folder: Path) -> None:
    sound = np.random.default_rng(3).uniform(-1, 1, (100, 8)).astype(np.float32)
    shape = Shape("sequence", (8,), longest=100)
    ours = vectors(begun(folder, shape), Tensors({"sound": Ragged.of([sound])}))
    theirs = WhisperModel.from_pretrained(folder).encoder.eval()
    with torch.inference_mode():
        wanted = theirs(torch.tensor(sound.T[None])).last_hidden_state[0].mean(dim=0)
    assert torch.allclose(ours[0], wanted, atol=1e-5)


def test_silence_is_heard_and_is_no_part_of_the_mean(folder: Path) -> None:
    inputs, _ = rows(4)
    none, some, more = (vectors(begun(folder, silence=seconds), inputs) for seconds in (0.0, 0.1, 0.2))
    assert not torch.allclose(none, some, atol=1e-4) and not torch.allclose(some, more, atol=1e-4)
    part = inputs.parts["sound"]
    assert isinstance(part, Ragged)
    sound = part.values[part.offsets[1] : part.offsets[2]]
    if len(sound) % 2:
        sound = sound[:-1]
    # Ten frames of silence that a person recorded are a part of the sound, and of its mean.
    silent = np.full((10, 8), max(float(sound.max()) - 2.0, -1.5), np.float32)
    recorded = Tensors({"sound": Ragged.of([np.concatenate([sound, silent])])})
    left_out = vectors(begun(folder, silence=0.1), Tensors({"sound": Ragged.of([sound])}))
    assert not torch.allclose(left_out, vectors(begun(folder, silence=0.0), recorded), atol=1e-4)


@pytest.mark.parametrize("silence", [0.0, 0.03, 0.3])
def test_a_sound_alone_has_the_vector_that_it_has_among_others(folder: Path, silence: float) -> None:
    inputs, _ = rows(8)
    module = begun(folder, silence=silence)
    with torch.no_grad():
        for parameter in module.parameters():
            # Large enough for each state to change what others are.
            parameter.mul_(8.0)
    together = vectors(module, inputs)
    for row in range(8):
        assert torch.allclose(vectors(module, inputs[np.array([row])])[0], together[row], rtol=1e-4, atol=1e-4)


def test_layers_are_the_mean_of_the_normalised_states_of_all(folder: Path) -> None:
    inputs, _ = rows(3)
    assert not torch.allclose(vectors(begun(folder), inputs), vectors(begun(folder, summary="layers"), inputs))
    assert vectors(begun(folder, summary="layers"), inputs).abs().max() < 5


def test_lower_blocks_learn_more_slowly_and_positions_not_at_all(folder: Path) -> None:
    module = begun(folder, layer_decay=0.5, frozen=1)
    groups = optimizing.optimizer(module, Train(), 0.1).param_groups
    shares = {id(parameter): group["share"] for group in groups for parameter in group["params"]}
    found = {name: shares.get(id(parameter)) for name, parameter in module.named_parameters()}
    body = "encoders.0.body."
    assert found[f"{body}conv1.weight"] is None and found[f"{body}layers.0.fc1.weight"] is None
    assert (found[f"{body}layers.1.fc1.weight"], found[f"{body}layer_norm.weight"], found["head.weight"]) == (1, 1, 20)
    assert f"{body}embed_positions.weight" not in found
    assert f"{body}embed_positions.weight" in module.state_dict()


def test_adapters_are_put_into_the_matrices_that_they_stand_beside(folder: Path) -> None:
    module = begun(folder, tune="lora", rank=2)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith(("left", "right")):
                parameter.normal_(std=0.1)
    inputs, _ = rows(3)
    settings = SOUND.Settings(**described(folder, tune="lora", rank=2))
    weights, plain = SOUND.merged(module.state_dict(), settings)
    whole = SOUND.build(work(), plain)
    whole.load_state_dict(weights)
    assert plain.tune == "full"
    assert torch.allclose(vectors(whole, inputs), vectors(module, inputs), atol=1e-4)


def test_the_time_decides_between_the_head_and_all_of_it(folder: Path) -> None:
    settings = SOUND.Settings(**described(folder))
    assert SOUND.sized(settings, work(), 40.0, None)[0] == {"tune": "full"}
    many = Work("binary", 2, 10**9, 0, shapes={"sound": SHAPE})
    choice, reason = SOUND.sized(settings, many, 40.0, 60.0)
    assert choice == {"tune": "head"} and "the time is enough for" in reason
    assert SOUND.sized(SOUND.Settings(**described(folder, tune="gradual")), work(), 40.0, None) == ({}, "")


def test_a_linear_model_tells_sounds_apart(folder: Path) -> None:
    inputs, codes = rows()
    form = FROZEN.fit(Batch(inputs, codes), work(), FROZEN.Settings(**described(folder)), seed=0, threads=1)
    assert (form.outputs(inputs).argmax(axis=1) == codes).mean() > 0.9


def test_a_series_is_no_sound(folder: Path) -> None:
    with pytest.raises(UsageError, match="reads sounds, as 8 bands, and here are steps of 3 numbers"):
        begun(folder, Shape("sequence", (3,), longest=9))
    with pytest.raises(UsageError, match="sounds of 101 frames are longer than the 100") as error:
        begun(folder, Shape("sequence", (8,), longest=101))
    assert error.value.fix == "--set features.longest=100"


def test_models_of_other_kinds_do_not_begin_where_sounds_are_read(folder: Path) -> None:
    inputs, codes = rows()
    for place, what in (
        (tiny.write(folder.with_name("texts")), "texts"),
        (tiny.write_images(folder.with_name("i")), "images"),
    ):
        asked = FROZEN.Settings(origin=naming.find(str(place)).settings())
        with pytest.raises(UsageError, match=f"reads {what}, and here sounds are read"):
            FROZEN.fit(Batch(inputs, codes), work(), asked, seed=0, threads=1)
    texts = Work("binary", 2, 9, 0, shapes={"text": Shape("tokens", (50,), longest=9)})
    assert "it is for series or sounds, and the columns hold texts" in str(SOUND.declines(texts))
