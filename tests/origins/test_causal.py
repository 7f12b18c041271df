"""Language models are read as data, from folders and GGUF files, and what is not taken is named with its cure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from luban.core.errors import BundleError, UsageError
from luban.data import catalogue
from luban.origins import causal, causal_configs, naming
from origins import speaking


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return speaking.write(tmp_path / "tiny")


@pytest.mark.parametrize("kind", causal_configs.KINDS)
def test_a_folder_gives_the_network_that_transformers_opens(kind: str, tmp_path: Path) -> None:
    folder = speaking.write(tmp_path / "tiny", kind)
    found = causal.find(str(folder))
    asked = torch.arange(3, 20)[None]
    with torch.no_grad():
        theirs = AutoModelForCausalLM.from_pretrained(folder).eval()(asked).logits
        assert torch.equal(found.network()(asked).logits, theirs)
    assert (found.context, found.ends, found.licence) == (64, (2,), "llama3")


def test_a_chat_becomes_the_text_that_transformers_makes_of_it(folder: Path) -> None:
    turns = [{"role": "user", "content": "in the end"}, {"role": "assistant", "content": "yes"}]
    theirs = AutoTokenizer.from_pretrained(folder)
    found = causal.find(str(folder))
    for ask in (False, True):
        text = found.chat(turns, ask=ask)
        assert text == theirs.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask)
        assert found.tokenizer().encode(text).ids == theirs(text)["input_ids"]
    told = json.loads((folder / "tokenizer_config.json").read_text())
    del told["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    with pytest.raises(UsageError, match="no template of chats"):
        causal.find(str(folder)).chat(turns, ask=True)


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('only two turns') }}",
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{% for one in range(10 ** 9) %}{% endfor %}",
        "{% for",
    ],
)
def test_a_template_reaches_nothing_but_its_turns(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(UsageError, match="does not take these turns"):
        causal.find(str(folder)).chat([{"role": "user", "content": "x"}], ask=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "gpt5"}, "its kind is 'gpt5'"),
        ({"hidden_size": 10**9}, "'hidden_size' is 1,000,000,000; at most 16,384"),
        ({"num_key_value_heads": 10**6}, "'num_key_value_heads' is 1,000,000"),
    ],
)
def test_an_absurd_config_is_named(folder: Path, changes: dict[str, object], reason: str) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
    with pytest.raises(UsageError, match=reason):
        causal.find(str(folder))


def test_too_many_weights_are_refused_before_memory_is_asked_for(folder: Path) -> None:
    config = folder / "config.json"
    large = {"hidden_size": 16_384, "num_hidden_layers": 100, "intermediate_size": 65_536}
    config.write_text(json.dumps({**json.loads(config.read_text()), **large}))
    with pytest.raises(UsageError, match=r"it would have [\d,]+ weights"):
        causal.find(str(folder)).network()


def test_weights_that_are_missing_are_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BundleError, match=r"lacks 'model\.layers\.1\.mlp\.up_proj\.weight'"):
        causal.find(str(folder)).network()


def test_a_pickle_is_refused_and_a_folder_without_tokenizer_told(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "kept.json")
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        causal.find(str(folder))
    (folder / "kept.json").rename(folder / "tokenizer.json")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="a pickle, which may hold code"):
        causal.find(str(folder))


def test_a_bundle_of_another_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="this bundle holds no language model") as error:
        causal.find(str(tmp_path))
    assert "--task causal-lm" in str(error.value.fix)


def test_an_unknown_name_is_answered_with_the_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'smollm2'"):
        causal.find("smolm2")


@pytest.mark.parametrize("name", ["nothing", "minilmm", "mobilenet"])
def test_what_cannot_write_is_not_named_where_a_language_model_is_looked_for(name: str) -> None:
    with pytest.raises(UsageError) as error:
        causal.find(name)
    assert "smollm2" in error.value.message
    for reading in set(catalogue.models()) - {"smollm2"}:
        assert f"'{reading}'" not in error.value.message and f" {reading}" not in error.value.message


def test_a_gguf_file_gives_the_model_that_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    first = causal.find(str(folder))
    found = causal.find(str(speaking.gguf(folder, tmp_path / "tiny.gguf")))
    asked = torch.arange(3, 20)[None]
    with torch.no_grad():
        assert torch.equal(found.network()(asked).logits, first.network()(asked).logits)
    assert (found.context, found.ends, found.licence) == (64, (2,), "mit")
    text = first.chat([{"role": "user", "content": "the thin été 12"}], ask=True)
    assert found.chat([{"role": "user", "content": "the thin été 12"}], ask=True) == text
    assert found.tokenizer().encode(text).ids == first.tokenizer().encode(text).ids
    assert AutoModelForCausalLM.from_pretrained(found.path).num_parameters() > 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"general.architecture": "mamba"}, "its architecture is 'mamba'"),
        ({"llama.block_count": 4_000_000}, "'num_hidden_layers' is 4,000,000"),
        ({"llama.embedding_length": "wide"}, r"does not say 'llama\.embedding_length', a number"),
        ({"tokenizer.ggml.pre": "other"}, "its tokenizer is 'gpt2' with 'other'"),
        ({"llama.rope.scaling.type": "yarn"}, "its places are scaled"),
    ],
)
def test_a_gguf_file_that_is_not_taken_is_told(
    folder: Path, tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        causal.find(str(speaking.gguf(folder, tmp_path / "tiny.gguf", **changes)))


def test_rows_are_not_answered_by_a_language_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a language model, which goes on with texts") as error:
        naming.find(str(speaking.gguf(folder, tmp_path / "tiny.gguf")))
    assert "luban generate" in str(error.value.fix)
