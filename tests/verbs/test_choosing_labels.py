"""Labels by entailment and by images: the numbers of `transformers`, on tiny random models in their real layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from luban.core.errors import UsageError
from luban.verbs.embed import embed
from luban.verbs.predict import predict
from origins import tiny
from verbs.program import luban

LABELS = ["sport=goal match", "money=bank profit", "trade"]
PHRASES = ["goal match", "bank profit", "trade"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def classifier(kind: str, folder: Path) -> Path:
    """A classifier of pairs in the layout of `transformers`, with a tokenizer that frames pairs as its kind does."""
    import torch
    from tokenizers import Tokenizer, processors
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaForSequenceClassification,
    )  # fmt: skip

    tiny.write(folder)
    torch.manual_seed(3)
    names = {0: "contradiction", 1: "neutral", 2: "entailment"}
    sizes: dict[str, Any] = {key: value for key, value in tiny.CONFIG.items() if key != "model_type"}
    sizes |= {"initializer_range": 1.0, "id2label": names, "label2id": {name: n for n, name in names.items()}}
    if kind == "bert":
        model: Any = BertForSequenceClassification(BertConfig(**sizes))
    else:
        model = RobertaForSequenceClassification(RobertaConfig(**sizes, pad_token_id=0, type_vocab_size=1))
    model.save_pretrained(folder)
    tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1" if kind == "bert" else "[CLS] $A [SEP] [SEP] $B [SEP]"
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=62, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_text_has_the_label_that_follows_from_it_as_the_pipeline_says(kind: str, tmp_path: Path) -> None:
    from transformers import pipeline

    folder = classifier(kind, tmp_path / kind)
    texts = tiny.texts(12)["headline"]
    found = predict(None, pl.DataFrame({"headline": texts}), from_=str(folder), labels=LABELS).predictions
    asked = pipeline("zero-shot-classification", model=str(folder), device="cpu")
    if kind == "roberta":
        asked.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    for line, text in zip(found, texts, strict=True):
        said = asked(text, candidate_labels=PHRASES)
        wanted = dict(zip(said["labels"], said["scores"], strict=True))
        assert list(line["probabilities"].values()) == pytest.approx([wanted[each] for each in PHRASES], abs=1e-5)
    assert len({line["prediction"] for line in found}) > 1, "a model that says one thing of all shows nothing"


def test_a_classifier_of_other_labels_gives_vectors_as_any_encoder_does(tmp_path: Path) -> None:
    folder = classifier("bert", tmp_path / "bert")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": "bad", "1": "fair", "2": "good"}
    (folder / "config.json").write_text(json.dumps(config))
    from luban.origins import entailment

    assert not entailment.is_one(folder)
    assert (
        len(predict(None, pl.DataFrame(tiny.texts(3)), from_=str(folder), labels=LABELS, text="headline").predictions)
        == 3
    )


def towers(folder: Path) -> Path:
    """CLIP in the layout of `transformers`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    numbers = {name: number for number, name in enumerate(names)}
    tokenizer: Any = Tokenizer(models.BPE(numbers, [], unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    begin, end = numbers["<|startoftext|>"], numbers["<|endoftext|>"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>",
        special_tokens=[("<|startoftext|>", begin), ("<|endoftext|>", end)],
    )
    torch.manual_seed(4)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **sizes, "vocab_size": len(names), "max_position_embeddings": 24, "bos_token_id": begin, "eos_token_id": end,
        "pad_token_id": end, "projection_dim": 12,
    }  # fmt: skip
    vision = {**sizes, "image_size": 20, "patch_size": 10, "projection_dim": 12}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12, initializer_factor=20.0))
    model.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"shortest_edge": 20}, crop_size={"height": 20, "width": 20}
    ).save_pretrained(folder)  # fmt: skip
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
    ).save_pretrained(folder)  # fmt: skip
    return folder


def photographs(folder: Path) -> list[Path]:
    """Images of several sizes, of noise that leans to one colour."""
    draw = np.random.default_rng(0)
    folder.mkdir()
    for number, (height, width) in enumerate([(20, 20), (31, 47), (64, 25), (90, 91)]):
        pixels = draw.integers(0, 120, (height, width, 3)) + np.eye(3, dtype=int)[number % 3] * 130
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return sorted(folder.glob("*.png"))


def test_an_image_has_the_label_that_describes_it_as_transformers_says(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    folder, files = towers(tmp_path / "clip"), photographs(tmp_path / "images")
    rows = pl.DataFrame({"image": [*map(str, files), None]})
    found = predict(None, rows, from_=str(folder), labels=LABELS, text="image").predictions
    model = CLIPModel.from_pretrained(folder).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(PHRASES, padding=True, return_tensors="pt")
    tokens = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    pixels = CLIPImageProcessorPil.from_pretrained(folder)([Image.open(file) for file in files], return_tensors="pt")
    with torch.inference_mode():
        wanted = model(**tokens, **pixels).logits_per_image.softmax(dim=1).numpy()
    said = np.array([list(line["probabilities"].values()) for line in found[:-1]])
    assert said == pytest.approx(wanted, abs=1e-5)
    assert np.ptp(wanted, axis=0).max() > 0.01, "images that all answer alike show nothing"
    assert sum(found[-1]["probabilities"].values()) == pytest.approx(1.0)


def test_the_command_answers_a_folder_of_images(tmp_path: Path) -> None:
    towers(tmp_path / "clip")
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        photographs(tmp_path / "images" / name)
    done = luban("predict", "--from", "clip", "--labels", "a red one,a green one", "images")
    assert done.code == 0
    assert done.lines[0] == "row,prediction,probability_a red one,probability_a green one"
    assert len(done.lines) == 9


def test_an_image_that_cannot_be_read_is_named_with_its_row(tmp_path: Path) -> None:
    towers(tmp_path / "clip")
    files = photographs(tmp_path / "images")
    files[2].write_bytes(b"no image")
    rows = pl.DataFrame({"image": list(map(str, files))})
    rows.write_csv("rows.csv")
    done = luban("predict", "--from", "clip", "--labels", "a,b", "rows.csv", "--text", "image")
    assert done.code == 3 and "row 2" in done.told


@pytest.mark.parametrize(
    ("file", "changes", "told"),
    [
        ("config.json", {"projection_dim": 10**9}, "'projection_dim' is '1000000000'"),
        ("config.json", {"vision_config": None}, "it has no 'vision_config'"),
        ("preprocessor_config.json", {"crop_size": {"height": 9, "width": 9}}, "do not suit its tower of 20"),
        ("preprocessor_config.json", {"size": {"shortest_edge": 10**6}}, "do not suit its tower of 20"),
        ("preprocessor_config.json", {"image_std": [0, 1, 1]}, "how images are standardised"),
    ],
)
def test_a_folder_that_is_not_taken_is_refused(file: str, changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    folder, files = towers(tmp_path / "clip"), photographs(tmp_path / "images")
    document = {**json.loads((folder / file).read_text()), **changes}
    (folder / file).write_text(json.dumps(document))
    with pytest.raises(UsageError, match=told) as raised:
        predict(None, pl.DataFrame({"image": [str(files[0])]}), from_=str(folder), labels=LABELS, text="image")
    assert file in str(raised.value.where)


def test_words_find_images_and_images_find_texts_as_transformers_compares_them(tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

    folder, files = towers(tmp_path / "clip"), photographs(tmp_path / "images")
    model = CLIPModel.from_pretrained(folder).eval()
    tokens = AutoTokenizer.from_pretrained(folder)(PHRASES, padding=True, return_tensors="pt")
    tokens = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    pixels = CLIPImageProcessorPil.from_pretrained(folder)([Image.open(file) for file in files], return_tensors="pt")
    with torch.inference_mode():
        said = model(**tokens, **pixels)
        near = (said.logits_per_image / model.logit_scale.exp()).numpy()
        alike = (said.image_embeds @ said.image_embeds.T).numpy()
    images = {"image": [str(file) for file in files]}
    for number, phrase in enumerate(PHRASES):
        found = embed(images, from_=str(folder), find=phrase, top=4, text="image").document["found"]
        assert [line["row"] for line in found] == np.argsort(-near[:, number], kind="stable").tolist()
        assert [line["similarity"] for line in found] == pytest.approx(np.sort(near[:, number])[::-1], abs=1e-5)
    found = embed(images, from_=str(folder), find=str(files[2]), top=2, text="image").document["found"]
    assert found[0]["row"] == 2 and found[0]["similarity"] == pytest.approx(1.0, abs=1e-5)
    assert found[1]["similarity"] == pytest.approx(np.sort(alike[2])[-2], abs=1e-5)
    texts = embed({"said": PHRASES}, from_=str(folder), find=str(files[1]), top=3, text="said").document["found"]
    assert [line["row"] for line in texts] == np.argsort(-near[1], kind="stable").tolist()


def test_the_command_finds_and_writes_what_two_towers_say_of_a_folder(tmp_path: Path) -> None:
    towers(tmp_path / "clip")
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        photographs(tmp_path / "images" / name)
    asked = ("embed", "images", "--from", "clip")
    first, second = (luban(*asked, "--find", words, "--json").document["found"] for words in ("zzz", "goal match"))
    assert len(first) == 5 and [line["similarity"] for line in first] != [line["similarity"] for line in second]
    table = pl.read_csv(luban(*asked).out)
    assert table.shape == (8, 13)
    assert np.linalg.norm(table.drop("row").to_numpy(), axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    (tmp_path / "noise.txt").write_text("no image")
    refused = luban(*asked, "--find", "noise.txt")
    assert refused.code == 2 and "--find picture.jpg, or a text" in refused.told
    Path("images/b/1.png").write_bytes(b"no image")
    assert luban(*asked, "--find", "goal").code == 3
