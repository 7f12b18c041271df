"""A folder of a pretrained model is read as data, and what is not taken is named with its cure."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel

from luban.core.errors import BundleError, UsageError
from luban.origins import configs, layout, naming
from origins import tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write(tmp_path / "tiny")


def test_an_origin_holds_what_the_folder_says(folder: Path) -> None:
    found = layout.opened(folder)
    assert found.config["hidden_size"] == 16
    assert found.marks == (0, 1, 2, 3, 4)
    assert (found.summary, found.licence) == ("mean", "cc-by-nc-4.0")
    assert configs.longest(found.config) == 64
    theirs = BertModel.from_pretrained(folder).state_dict()
    ours = found.weights()
    for name in configs.body(found.config).state_dict():
        if name in ours:
            assert np.array_equal(ours[name], theirs[name].numpy())
    assert {
        name for name, tensor in configs.body(found.config).state_dict().items() if tensor.dtype.is_floating_point
    } <= (ours.keys())


def test_its_pooling_says_how_a_text_becomes_one_vector(folder: Path) -> None:
    said = folder / "1_Pooling" / "config.json"
    assert layout.opened(folder).summary == "mean"
    said.write_text('{"pooling_mode_cls_token": true}')
    assert layout.opened(folder).summary == "first"


def test_where_no_pooling_is_said_all_layers_count(folder: Path) -> None:
    before = layout.opened(folder)
    (folder / "1_Pooling" / "config.json").unlink()
    after = layout.opened(folder)
    assert after.summary == "layers"
    assert after.sha256 == before.sha256


def test_weights_of_a_model_with_a_head_are_those_of_its_body(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    before = layout.opened(folder).weights()
    headed = {f"bert.{name}": tensor for name, tensor in weights.items()} | {"cls.predictions.bias": torch.zeros(128)}
    save_file(headed, folder / "model.safetensors")
    after = layout.opened(folder).weights()
    assert before.keys() <= after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_several_files_of_weights_are_read_together(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: weights[name] for name in own}, folder / file)
    (folder / "model.safetensors").unlink()
    places = {name: file for file, own in parts.items() for name in own}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert layout.opened(folder).weights().keys() == weights.keys()
    places["odd"] = "../elsewhere.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(UsageError, match="which is not beside it"):
        layout.opened(folder)


def test_another_weight_is_another_origin(folder: Path) -> None:
    first = layout.opened(folder).sha256
    assert layout.opened(folder).sha256 == first
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(weights, folder / "model.safetensors")
    assert layout.opened(folder).sha256 != first


@pytest.mark.parametrize("name", layout.PICKLES)
def test_a_pickle_is_refused_without_being_opened(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    # Whoever unpickled it would see this file appear.
    ran = folder / "ran"
    (folder / name).write_bytes(b"cbuiltins\nexec\n(Vopen('%s','w')\ntR." % str(ran).encode())
    with pytest.raises(UsageError, match="a pickle, which may hold code") as error:
        layout.opened(folder)
    assert "weights_only=True" in str(error.value.fix)
    assert not ran.exists()


def test_the_command_that_is_advised_makes_weights_that_can_be_read_of_a_pickle(folder: Path) -> None:
    network = BertModel.from_pretrained(folder)
    # As the word embedding of a model that fills is its output too.
    tied = {**network.state_dict(), "cls.predictions.decoder.weight": network.embeddings.word_embeddings.weight}
    before = layout.opened(folder).weights()
    (folder / "model.safetensors").unlink()
    torch.save(tied, folder / "pytorch_model.bin")
    with pytest.raises(UsageError) as error:
        layout.opened(folder)
    program, *places = shlex.split(str(error.value.fix))[-3:]
    subprocess.run([sys.executable, "-c", program, *places], check=True)
    after = layout.opened(folder).weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_model_that_goes_on_with_texts_is_told_where_it_can_be_used(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(UsageError, match="its kind is 'llama'") as error:
        layout.opened(folder)
    assert "luban generate" in str(error.value.fix) and "--task chat" in str(error.value.fix)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt5"}, "its kind is 'gpt5'"),
        ({"hidden_size": 10**9}, "'hidden_size' is 1,000,000,000; at most 16,384"),
        ({"num_hidden_layers": 2.5}, "'num_hidden_layers' is '2.5' instead of a whole number"),
        ({"vocab_size": 0}, "'vocab_size' is '0' instead of a whole number"),
    ],
)
def test_an_absurd_config_is_named(folder: Path, changes: dict[str, object], reason: str) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(UsageError, match=reason):
        layout.opened(folder)


def test_sizes_that_need_too_many_weights_are_refused_before_memory_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"it would have [\d,]+ weights"):
        configs.body({**tiny.CONFIG, "hidden_size": 16_384, "num_attention_heads": 2, "num_hidden_layers": 200})


def test_code_that_a_folder_brings_is_not_part_of_its_config() -> None:
    document = {**tiny.CONFIG, "auto_map": {"AutoModel": "evil.Model"}, "_name_or_path": "somewhere/else"}
    assert configs.checked(document) == dict(sorted(tiny.CONFIG.items()))


def test_a_folder_without_tokenizer_says_how_to_write_one(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"has no tokenizer\.json") as error:
        layout.opened(folder)
    assert "save_pretrained" in str(error.value.fix)


def test_a_tokenizer_that_does_not_say_what_begins_a_text_is_refused(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(UsageError, match="which tokens begin and end"):
        layout.opened(folder)


def test_weights_that_were_cut_short_are_named(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BundleError, match="cannot be read"):
        layout.opened(folder).weights()


def test_an_unknown_name_is_answered_with_the_near_one(folder: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'minilm'"):
        naming.find("minlm")


def test_a_content_is_found_where_it_was_seen_last(folder: Path) -> None:
    found = naming.find(str(folder))
    name = found.content
    assert naming.find(name) == found
    moved = folder.rename(folder.with_name("moved"))
    with pytest.raises(UsageError, match="not where it was") as error:
        naming.find(name)
    assert "--from" in str(error.value.fix)
    assert naming.find(str(moved)).sha256 == found.sha256
    assert naming.find(name).path == moved.resolve()


def test_another_model_in_the_same_place_is_not_taken_for_the_one_that_was_there(folder: Path) -> None:
    name = naming.find(str(folder)).content
    tiny.write(folder, seed=1)
    with pytest.raises(UsageError, match="not where it was"):
        naming.find(name)
