"""Encoders of sounds: folders of `transformers` and files of CTranslate2, read as data, and what is not taken."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperModel

from luban.core.errors import UsageError
from luban.origins import configs, ctranslate2, from_ctranslate2, layout, naming, sounds, weighing
from origins import listening, tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write_sounds(tmp_path / "tiny")


def states(origin: layout.Origin) -> torch.Tensor:
    """Of some frames, by the encoder of an origin."""
    body = configs.body(origin.config).eval()
    weighing.put(body, origin.weights())
    frames = torch.randn(2, 8, sounds.frames(origin.config), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found: torch.Tensor = body(frames).last_hidden_state
    return found


def test_a_folder_of_whisper_gives_the_states_that_transformers_gives(folder: Path) -> None:
    origin = naming.find(str(folder))
    assert (origin.licence, configs.reads(origin.config)) == ("mit", "sequence")
    assert (configs.layers(origin.config), sounds.frames(origin.config)) == (2, 100)
    assert not [name for name in origin.weights() if name.startswith("decoder")]
    theirs = WhisperModel.from_pretrained(folder).encoder.eval()
    frames = torch.randn(2, 8, 100, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(states(origin), theirs(frames).last_hidden_state)


def test_only_the_half_that_hears_decides_which_model_it_is(folder: Path) -> None:
    before = naming.find(str(folder)).config
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**document, "decoder_layers": 7, "vocab_size": 99}))
    assert layout.opened(folder).config == before


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"d_model": 10**9}, "'d_model' is '1000000000' instead of a whole number from 1 to 16,384"),
        ({"encoder_layers": 0}, "'encoder_layers' is '0'"),
        ({"encoder_attention_heads": 3}, "its width 16 is no multiple of its heads"),
        ({"dropout": 1.0}, "'dropout' is '1.0' instead of a share"),
        ({"activation_function": "exec"}, "'activation_function' is 'exec'"),
        ({"d_model": 16_384, "encoder_layers": 200, "encoder_ffn_dim": 131_072}, None),
    ],
)
def test_sizes_that_are_absurd_are_refused(folder: Path, changes: dict[str, Any], reason: str | None) -> None:
    document = {**json.loads((folder / "config.json").read_text()), **changes}
    (folder / "config.json").write_text(json.dumps(document))
    if reason is None:
        with pytest.raises(ValueError, match="weights; at most"):
            configs.body(layout.opened(folder).config)
        return
    with pytest.raises(UsageError, match=reason):
        layout.opened(folder)


def test_a_folder_must_say_how_it_hears(folder: Path) -> None:
    place = folder / "preprocessor_config.json"
    said = json.loads(place.read_text())
    place.write_text(json.dumps({**said, "sampling_rate": 8_000}))
    with pytest.raises(UsageError, match="'sampling_rate' is '8000', and 16,000 is known") as error:
        naming.find(str(folder))
    assert error.value.where == str(place)
    place.unlink()
    with pytest.raises(UsageError, match="nobody knows how it hears sounds") as error:
        naming.find(str(folder))
    assert "AutoFeatureExtractor" in str(error.value.fix)


def test_weights_in_a_pickle_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.bin").write_bytes(b"\x80\x02cos\nsystem\n")
    with pytest.raises(UsageError, match="its weights are a pickle"):
        naming.find(str(folder))


@pytest.mark.parametrize(("kind", "near"), [("float32", 1e-6), ("float16", 2e-3), ("int16", 2e-3), ("int8", 2e-2)])
def test_a_file_of_ctranslate2_holds_the_same_model(folder: Path, tmp_path: Path, kind: str, near: float) -> None:
    weights, _ = listening.of_transformers(folder)
    written = listening.write(tmp_path / kind, weights, 2, kind)
    assert from_ctranslate2.is_one(written) and not from_ctranslate2.is_one(folder)
    ours, theirs = naming.find(str(written)), naming.find(str(folder))
    assert {**ours.config, "dropout": 0.0} == {**theirs.config, "dropout": 0.0}
    assert ours.licence == "mit"
    assert torch.allclose(states(ours), states(theirs), atol=near)
    # The decoder came along, so that plain `transformers` opens it.
    opened = WhisperModel.from_pretrained(ours.path)
    wanted = WhisperModel.from_pretrained(folder).state_dict()
    for name, tensor in opened.state_dict().items():
        assert torch.allclose(tensor, wanted[name], atol=near), name
    assert naming.find(str(written)).sha256 == ours.sha256, "it is made once"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (listening.head(1 << 31), "it says that it holds 2,147,483,648 tensors"),
        (listening.head(1), "it ends too early"),
        (listening.head(0, version=9), "its version is 9"),
        (listening.head(1) + struct.pack("<H", 60_000), "a name of 60,000 letters"),
        (listening.head(1) + listening.text("a") + b"\x09", "'a' has 9 sides"),
        (listening.head(1) + listening.variable("a", np.ones(3, np.float32), 77), r"not known \(kind 77\)"),
        (
            listening.head(1) + listening.text("a") + struct.pack("<BIIBI", 2, 1 << 31, 1 << 31, 0, 4),
            "does not lie inside the file",
        ),
        (listening.head(1) + listening.text("a") + struct.pack("<BIBI", 1, 1 << 20, 0, 4 << 20), "does not lie inside"),
        (
            listening.head(0) + struct.pack("<I", 1) + listening.text("a") + listening.text("b"),
            "'a' is another name of 'b', which it does not hold",
        ),
        (listening.head(0) + struct.pack("<I", 0), "it does not say 'encoder/num_heads'"),
        (listening.head(0, layout="TransformerSpec") + struct.pack("<I", 0), "TransformerSpec"),
    ],
)
def test_a_file_that_asks_for_too_much_is_refused(tmp_path: Path, data: bytes, reason: str) -> None:
    place = tmp_path / "odd"
    place.mkdir()
    (place / "model.bin").write_bytes(data)
    with pytest.raises(UsageError, match=reason) as error:
        from_ctranslate2.folder(place)
    assert error.value.where == str(place / "model.bin")


def test_a_tensor_that_no_whisper_has_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, _ = listening.of_transformers(folder)
    monkeypatch.setitem(listening._TOP, "embed_tokens", "eval/weight")
    with pytest.raises(UsageError, match=r"'decoder/(embeddings|eval)/weight'"):
        from_ctranslate2.folder(listening.write(tmp_path / "odd", weights, 2))


def test_scales_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole = listening.variable("w", np.ones((2, 3), np.int8)) + listening.variable("w_scale", np.zeros(2, np.float32))
    path = tmp_path / "model.bin"
    path.write_bytes(listening.head(2) + whole + struct.pack("<I", 0))
    with pytest.raises(UsageError, match="the scales of 'w' do not fit it"):
        ctranslate2.opened(path).weights("w")


def test_numbers_of_16_bits_of_both_kinds_are_read(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 0.25], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    parts = listening.variable("half", values.astype(np.float16)) + listening.variable("upper", upper, 5)
    path = tmp_path / "model.bin"
    path.write_bytes(listening.head(2) + parts + struct.pack("<I", 0))
    file = ctranslate2.opened(path)
    assert np.array_equal(file.weights("half"), values) and np.array_equal(file.weights("upper"), values)
