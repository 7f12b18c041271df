"""Encoder-decoders are read as data, and what is not taken is named with its cure."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from luban.core.errors import BundleError, UsageError
from luban.features import _given as given
from luban.origins import causal, configs, encoder_decoders, layout
from origins import rewriting, speaking


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return rewriting.write(tmp_path / "tiny")


def change(folder: Path, name: str = "config.json", **changes: Any) -> None:
    file = folder / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}), encoding="utf-8")


def test_marks_beginnings_and_what_is_never_written_are_those_of_the_folder(tmp_path: Path) -> None:
    wanted = {
        "t5": ((0, 2, 1, 1, 0), (0,), ()),
        "bart": ((1, 1, 0, 2, 1), (2, 0), ()),
        "marian": ((2, 1, 0, 0, 2), (2,), (2,)),
    }
    for name, told in wanted.items():
        found = encoder_decoders.opened(rewriting.write(tmp_path / name, name))
        assert (found.marks, found.starts, found.never) == told
        assert found.licence == "cc-by-nc-4.0" and found.prefix == ""
    # BART was taught that each text begins so, also where its folder does not say it.
    change(tmp_path / "bart", "generation_config.json", forced_bos_token_id=None)
    assert encoder_decoders.opened(tmp_path / "bart").starts == (2, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "pegasus"}, "its kind is 'pegasus', and of encoder-decoders bart, marian, t5 are known"),
        ({"d_model": 10**9}, "'d_model' is 1,000,000,000; at most 16,384"),
        ({"num_layers": 10**6}, "'num_layers' is 1,000,000; at most 200"),
        ({"num_heads": -1}, "'num_heads' is '-1' instead of a whole number"),
        ({"vocab_size": 250_000}, "it has 250,000 tokens; at most 99,000"),
        ({"decoder_start_token_id": 10**6}, "'decoder_start_token_id' is '1000000', and it has"),
        ({"model_type": "marian", "decoder_vocab_size": 7}, "reads in other tokens than it writes"),
        ({"model_type": "bart", "tie_word_embeddings": False}, "output layer is another one"),
    ],
)
def test_an_absurd_config_is_named(folder: Path, changes: dict[str, object], reason: str) -> None:
    change(folder, **changes)
    change(folder, "generation_config.json", decoder_start_token_id=changes.get("decoder_start_token_id", 0))
    with pytest.raises(UsageError, match=reason):
        encoder_decoders.opened(folder)


def test_too_many_weights_are_refused_before_memory_is_asked_for(folder: Path) -> None:
    change(folder, d_model=16_384, d_ff=65_536, num_layers=100)
    with pytest.raises(UsageError, match=r"it would have [\d,]+ weights"):
        encoder_decoders.opened(folder).network()


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["decoder.block.1.layer.2.DenseReluDense.wo.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BundleError, match=r"lacks 'decoder\.block\.1\.layer\.2\.DenseReluDense\.wo\.weight'"):
        encoder_decoders.opened(folder).network()


def test_a_pickle_is_refused_and_a_folder_without_tokenizer_told(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "kept.json")
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        encoder_decoders.opened(folder)
    (folder / "kept.json").rename(folder / "tokenizer.json")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="a pickle, which may hold code"):
        encoder_decoders.opened(folder)


def test_a_tokenizer_with_more_tokens_than_rows_is_refused(folder: Path) -> None:
    change(folder, vocab_size=50)
    with pytest.raises(UsageError, match=r"its tokenizer has \d+ tokens, and its weights a row for 50"):
        encoder_decoders.opened(folder)


def test_the_pieces_of_marian_become_one_tokenizer_by_the_command_that_is_told(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers.convert_slow_tokenizer import import_protobuf

    folder = rewriting.write(tmp_path / "marian", "marian")
    (folder / "tokenizer.json").unlink()
    words = ["</s>", "<unk>", "\u2581a", "\u2581cat", "\u2581eine", "\u2581Katze", "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    for name, own in (("source", words[2:4]), ("target", words[4:6])):
        model = import_protobuf().ModelProto()
        for word in own:
            model.pieces.add(piece=word, score=-1.0)
        (folder / f"{name}.spm").write_bytes(model.SerializeToString())
    with pytest.raises(UsageError, match="cuts texts by sentencepiece") as error:
        encoder_decoders.opened(folder)
    _, command = str(error.value.fix).split(": ", 1)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True)
    cuts = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert cuts.encode("a cat eine Katze", add_special_tokens=False).ids == [2, 3, 4, 5]
    assert encoder_decoders.opened(folder).tokenizer.is_file()


def test_each_family_is_told_what_can_be_done_with_it(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its kind is 't5'") as error:
        layout.opened(folder)
    assert error.value.fix == configs.REWRITES
    with pytest.raises(UsageError, match="its kind is 't5'") as error:
        causal.find(str(folder))
    assert error.value.fix == configs.REWRITES
    with pytest.raises(UsageError, match="its kind is 'llama'") as error:
        layout.opened(speaking.write(tmp_path / "llama"))
    assert "--task chat (or causal-lm)" in str(error.value.fix)


def test_a_map_of_characters_is_taken_where_it_is_bounded(folder: Path) -> None:
    document = json.loads((folder / "tokenizer.json").read_text())

    def told(data: bytes) -> bytes:
        document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()}
        return json.dumps(document).encode()

    empty = (1024).to_bytes(4, "little") + bytes(1024)
    assert given.of_content(given.checked(told(empty + b"fi\0"))).size > 10
    with pytest.raises(ValueError, match="may write more than 1,000 characters for one"):
        given.checked(told(empty + b"a" * 2_000 + b"\0"))
    with pytest.raises(ValueError, match="cut short"):
        given.checked(told((400).to_bytes(4, "little")))
    # A tree that leads out of itself stops the library.
    with pytest.raises(BundleError, match="does not take the tokenizer"):
        given.of_content(given.checked(told((4).to_bytes(4, "little") + bytes(4) + b"fi\0")))
    document["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "?"}
    with pytest.raises(ValueError, match="not written as bytes"):
        given.checked(json.dumps(document).encode())
