"""`--from`: a pretrained model competes with the others, and what was learned from it is a bundle like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from explained_again import explained_again
from luban.core.errors import UsageError
from luban.origins import naming
from luban.verbs.predict import predict
from origins import tiny
from verbs.program import luban as program

FEW: dict[str, Any] = {"train.epochs": 2, "train.learning_rate": 1e-3, "train.batch_size": 16}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tiny.write(tmp_path / "tiny")


def fit(folder: Path, model: Any, out: str = "it.luban", changes: Any = None, **others: Any) -> luban.Bundle:
    data = pl.DataFrame(tiny.texts(80))
    found: luban.Bundle = luban.fit(
        data,
        "topic",
        model=model,
        from_=str(folder),
        set={**FEW, **(changes or {})},
        folds=2,
        out=out,
        repair="off",
        threads=1,
        **others,
    )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pretrained-features", "pretrained-text"])
def test_a_bundle_of_it_needs_its_folder_no_more(folder: Path, model: str) -> None:
    made = fit(folder, model)
    new = pl.DataFrame(tiny.texts(20, seed=5)).select("headline")
    said = made.predict_proba(new)
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()
    again = luban.load(made.path)
    difference = again.predict_proba(new).drop("row", strict=False) - said.drop("row", strict=False)
    assert difference.to_numpy().__abs__().max() < 1e-5
    assert made.measurements[0].value > 0.7
    recipe = (Path(made.path) / "recipe.yaml").read_text()
    assert str(folder) not in recipe and "sha256:" in recipe


@pytest.mark.slow
@pytest.mark.parametrize("tune", ["full", "lora"])
def test_what_was_tuned_opens_in_transformers_and_can_be_begun_from(folder: Path, tune: str) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel, AutoTokenizer

    made = fit(folder, "pretrained-text", changes={"model.pretrained-text.tune": tune, "train.calibration": "none"})
    new = pl.DataFrame(tiny.texts(20, seed=5)).select("headline")
    place = Path(made.path) / "model"
    network, told = AutoModel.from_pretrained(place, output_loading_info=True)
    # No classifier of luban's is fed by the pooler, so it may be fresh.
    assert all(name.startswith("pooler.") for name in told["missing_keys"]) and not told["unexpected_keys"]
    read = AutoTokenizer.from_pretrained(place)(new["headline"].to_list(), padding=True, return_tensors="pt")
    with torch.no_grad():
        states = network.eval()(**read).last_hidden_state
    mask = read["attention_mask"][:, :, None]
    head = load_file(place / "form.safetensors")
    logits = (states * mask).sum(1) / mask.sum(1) @ head["head.weight"].T + head["head.bias"]
    theirs = torch.softmax(logits, 1) if logits.shape[1] > 1 else torch.sigmoid(logits)
    ours = made.predict_proba(new).drop("row", strict=False).to_numpy()
    assert np.abs(ours[:, -1] - theirs[:, -1].numpy()).max() < 1e-4
    origin, before = naming.find(str(made.path)), naming.find(str(folder))
    assert (origin.marks, origin.summary, dict(origin.config)) == (before.marks, before.summary, dict(before.config))
    moved = origin.weights()["encoder.layer.0.attention.self.query.weight"]
    assert np.array_equal(moved, network.encoder.layer[0].attention.self.query.weight.detach().numpy())
    assert not np.array_equal(moved, before.weights()["encoder.layer.0.attention.self.query.weight"])


@pytest.mark.slow
def test_its_recipe_gives_the_same_bundle_and_the_same_call_answers_at_once(folder: Path) -> None:
    first = fit(folder, "pretrained-text")
    assert fit(folder, "pretrained-text").resumed
    data = pl.DataFrame(tiny.texts(80))
    again = luban.fit(data, recipe=Path(first.path) / "recipe.yaml", from_=str(folder), out="again.luban", threads=1)
    assert again.content_sha256 == first.content_sha256


def test_the_models_that_begin_from_it_compete_with_those_that_were_asked_for(folder: Path) -> None:
    from luban.verbs.asking import recipe_of

    recipe = recipe_of(None, None, origin=str(folder), target="topic")
    assert recipe.model.names == ("pretrained-features", "pretrained-text", "auto")
    assert recipe.features.longest == 64, "its own places are fewer than the usual ones"
    assert recipe_of(None, None, origin=str(folder), model="linear").model.names[-1] == "linear"
    alone = recipe_of(None, None, origin=str(folder), model="pretrained-features")
    assert alone.model.names == ("pretrained-features",)
    kept = recipe_of(None, {"features.longest": 9}, origin=str(folder))
    assert kept.features.longest == 9


def test_a_name_that_is_no_model_ends_before_anything_is_read(folder: Path) -> None:
    data = folder / "texts.csv"
    pl.DataFrame(tiny.texts(30)).write_csv(data)
    done = program("fit", str(data), "--target", "topic", "--from", "nothing-here", "--json")
    assert done.code == 2
    assert "minilm" in done.document["error"]["fix"]


@pytest.mark.parametrize("task", ["anomaly", "clustering"])
def test_a_task_that_nothing_pretrained_does_is_told(folder: Path, task: str) -> None:
    with pytest.raises(UsageError, match=f"no model that begins from a pretrained one does {task}"):
        luban.fit(pl.DataFrame(tiny.texts(20)), task=task, from_=str(folder), out="it.luban")


def test_data_that_is_asked_for_as_a_model_is_told(folder: Path) -> None:
    data = folder / "texts.csv"
    pl.DataFrame(tiny.texts(30)).write_csv(data)
    done = program("fit", "sample:minilm", "--target", "topic", "--json")
    assert done.code == 2
    assert "--from minilm" in done.document["error"]["fix"]


def probabilities(bundle: luban.Bundle, images: Path) -> list[float]:
    answers = predict(bundle, str(images)).predictions
    assert answers is not None
    return [line["probabilities"]["light"] for line in answers]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pretrained-features", "pretrained-image"])
def test_images_are_begun_from_a_network_of_images(folder: Path, tmp_path: Path, model: str) -> None:
    images, origin = tiny.paint(tmp_path / "images", 60), tiny.write_images(tmp_path / "network")
    made = luban.fit(
        str(images), "label", model=model, from_=str(origin), set={**FEW, "train.epochs": 20}, folds=2, out="it.luban",
        repair="off", threads=1,
    )  # fmt: skip
    said = probabilities(made, images)
    for file in origin.iterdir():
        file.unlink()
    assert probabilities(luban.load(made.path), images) == pytest.approx(said, abs=1e-5)
    assert (Path(made.path) / "runtime" / "model.onnx").is_file()
    assert made.measurements[0].value > 0.7
    assert "sha256:" in (Path(made.path) / "recipe.yaml").read_text()


def test_images_keep_the_size_that_the_network_learned_on(folder: Path, tmp_path: Path) -> None:
    from luban.verbs.asking import recipe_of

    origin = tiny.write_images(tmp_path / "network", image_size=160)
    recipe = recipe_of(None, None, origin=str(origin), target="label")
    assert recipe.model.names == ("pretrained-features", "pretrained-image", "auto")
    assert (recipe.features.image_most, recipe.features.image_size) == (160, "auto")
    assert recipe_of(None, {"features.image_most": 50}, origin=str(origin)).features.image_most == 50


@pytest.mark.slow
def test_values_of_images_are_learned_too(folder: Path, tmp_path: Path) -> None:
    import numpy as np

    origin = tiny.write_images(tmp_path / "network")
    draw = np.random.default_rng(0)
    light = draw.uniform(0, 100, 60)
    pixels = (draw.integers(0, 150, (60, 12, 12)) + light[:, None, None]).astype(np.uint8)
    data = pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (12, 12))), "light": light})
    made = luban.fit(
        data, "light", model="pretrained-features", from_=str(origin), folds=2, out="it.luban", repair="off", threads=1
    )
    assert made.measurements[0].difference is not None and made.measurements[0].difference.high < 0


def test_what_it_answers_is_explained_after_reload_as_before(folder: Path) -> None:
    explained_again(fit(folder, "pretrained-text"), pl.DataFrame(tiny.texts(2, seed=5)).select("headline"))


def of_sounds(bundle: luban.Bundle, sounds: Path) -> list[float]:
    answers = predict(bundle, str(sounds)).predictions
    assert answers is not None
    return [line["probabilities"]["low"] for line in answers]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pretrained-features", "pretrained-sound"])
def test_sounds_are_begun_from_an_encoder_of_sounds(folder: Path, tmp_path: Path, model: str) -> None:
    sounds, origin = tiny.hum(tmp_path / "sounds", 60), tiny.write_sounds(tmp_path / "network")
    made = luban.fit(
        str(sounds), "label", model=model, from_=str(origin), set={**FEW, "train.epochs": 20}, folds=2, out="it.luban",
        repair="off", threads=1,
    )  # fmt: skip
    said = of_sounds(made, sounds)
    for file in origin.iterdir():
        file.unlink()
    assert of_sounds(luban.load(made.path), sounds) == pytest.approx(said, abs=1e-5)
    assert (Path(made.path) / "runtime" / "model.onnx").is_file()
    assert "sha256:" in (Path(made.path) / "recipe.yaml").read_text()
    assert np.corrcoef(said, [str(path.parent.name) == "low" for path in sorted(sounds.rglob("*.wav"))])[0, 1] > 0.3
    explained_again(made, pl.DataFrame({"path": [str(path) for path in sorted(sounds.rglob("*.wav"))[:2]]}))


def test_sounds_are_heard_as_the_encoder_learned(folder: Path, tmp_path: Path) -> None:
    from luban.verbs.asking import recipe_of

    origin = str(tiny.write_sounds(tmp_path / "network"))
    recipe = recipe_of(None, None, origin=origin, target="label")
    assert recipe.model.names == ("pretrained-features", "pretrained-sound", "auto")
    features = recipe.features
    assert (features.spectrogram, features.mel_bands, features.sample_rate, features.longest) == (
        "whisper", 8, 16_000, "auto",
    )  # fmt: skip
    for path, value, reason in (
        ("features.mel_bands", 40, "hears sounds with mel_bands 8, and not 40"),
        ("features.sample_rate", 8_000, "hears sounds with sample_rate 16000"),
        ("features.longest", 500, "sounds of 500 frames are longer than the 100"),
    ):
        with pytest.raises(UsageError, match=reason):
            recipe_of(None, {path: value}, origin=origin, target="label")


def test_texts_do_not_begin_from_an_encoder_of_sounds_nor_sounds_from_one_of_texts(
    folder: Path, tmp_path: Path
) -> None:
    origin = tiny.write_sounds(tmp_path / "network")
    pl.DataFrame(tiny.texts(40)).write_csv("texts.csv")
    sounds = tiny.hum(tmp_path / "sounds", 20)
    for data, target, name, model in (
        ("texts.csv", "topic", origin, "pretrained-sound"),
        (str(sounds), "label", folder, "pretrained-text"),
    ):
        done = program("fit", data, "--target", target, "--from", name, "--model", model, "--out", "no.luban")
        assert done.code == 2 and "it is for" in done.told
        assert "error: --from:" in done.told and "leave --from out" in done.told
    writing = ("--target", "topic", "--task", "sequence-to-sequence", "--from", origin, "--out", "no.luban")
    done = program("fit", "texts.csv", *writing)
    assert done.code == 2 and "this model reads sounds" in done.told
