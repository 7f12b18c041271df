"""Models that begin from a pretrained network of images: what they see, what learns, and what stays."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from conformance.test_fetched_samples import here
from luban import collate
from luban.batch import Batch, Tensors
from luban.core import registry
from luban.core.errors import UsageError
from luban.evidence.trace import Trace
from luban.models._pretrained_image import PretrainedImage, resizing
from luban.origins import configs, naming, weighing
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import beginning, optimizing
from luban.training.tracing import Tracing
from origins import tiny

FROZEN = registry.find("models", "pretrained-features")
SHAPE = Shape("image", (1, 9, 12))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write_images(tmp_path / "tiny")


def rows(count: int = 24, seed: int = 0) -> tuple[Tensors, np.ndarray[Any, Any]]:
    """Noise, of which every second image is lighter at its left."""
    pixels = np.random.default_rng(seed).integers(0, 200, (count, 1, 9, 12)).astype(np.uint8)
    pixels[1::2, :, :, :6] += 55
    return Tensors({"image": pixels}), np.arange(count) % 2


def work(task: str = "binary", count: int = 24) -> Work:
    return Work(task, 2 if task == "binary" else 1, count, 0, shapes={"image": SHAPE})


def described(folder: Path, **others: Any) -> dict[str, Any]:
    return {"origin": naming.find(str(folder)).settings(), **others}


def begun(folder: Path, **others: Any) -> Any:
    torch.manual_seed(0)
    return beginning.begun(Candidate(model="pretrained-image", settings=described(folder, **others)), work())


@pytest.mark.parametrize(("side", "wanted"), [(28, 112), (9, 32), (12, 12), (12, 5), (50, 32)])
def test_resizing_is_that_of_torch(side: int, wanted: int) -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 1, side, side)
    weights = resizing(side, wanted)
    theirs = functional.interpolate(image, size=wanted, mode="bilinear", align_corners=False, antialias=True)
    assert torch.allclose(weights @ image @ weights.T, theirs, atol=1e-5)


def test_a_gray_image_is_seen_as_the_same_in_colours_standardised_as_it_was_taught(folder: Path) -> None:
    inputs, _ = rows(4)
    module = begun(folder).eval()
    body = configs.body(tiny.IMAGES).eval()
    weighing.put(body, naming.find(str(folder)).weights())
    with torch.inference_mode():
        ours = module.features(collate.to_torch(inputs, np.arange(4)))
        pixels = torch.tensor(inputs.parts["image"]).float()
        # The longer side becomes as long as the images that it learned from.
        large = functional.interpolate(pixels, size=(24, 32), mode="bilinear", align_corners=False, antialias=True)
        center, spread = (torch.tensor(tiny.IMAGES[name])[:, None, None] for name in ("center", "spread"))
        assert torch.allclose(ours, body((large.repeat(1, 3, 1, 1) - center) / spread), atol=1e-4)
        colored = PretrainedImage(
            Shape("image", (3, 9, 12)), tiny.IMAGES, 32, levels="last", frozen=0, statistics="kept", dropout=0.0
        ).eval()
        colored.body.load_state_dict(body.state_dict())
        assert torch.allclose(colored(pixels.repeat(1, 3, 1, 1)), ours, atol=1e-4)


def test_lower_blocks_learn_more_slowly_and_frozen_ones_not_at_all(folder: Path) -> None:
    module = begun(folder, layer_decay=0.5, frozen=1)
    groups = optimizing.optimizer(module, Train(), 0.1).param_groups
    shares = {id(parameter): group["share"] for group in groups for parameter in group["params"]}
    found = {name: shares.get(id(parameter)) for name, parameter in module.named_parameters()}
    body = "encoders.0.body."
    assert found[f"{body}stem.convolution.weight"] is None
    assert found[f"{body}blocks.0.project.norm.weight"] is None
    assert found[f"{body}blocks.1.expand.convolution.weight"] == 0.5
    assert found[f"{body}blocks.2.depthwise.convolution.weight"] == 1.0
    assert found[f"{body}head.convolution.weight"] == 1.0
    assert found["head.weight"] == 10.0


@pytest.mark.parametrize(
    ("settings", "moving"),
    [
        ({"statistics": "kept"}, set()),
        ({"statistics": "learned"}, {"stem", "blocks.0", "blocks.1", "blocks.2", "head"}),
        ({"statistics": "learned", "frozen": 2}, {"blocks.2", "head"}),
    ],
)
def test_what_is_frozen_keeps_its_statistics_while_the_rest_trains(
    folder: Path, settings: dict[str, Any], moving: set[str]
) -> None:
    module = begun(folder, **settings).train()
    before = {name: value.clone() for name, value in module.state_dict().items() if "running" in name}
    module(collate.to_torch(rows()[0], np.arange(24)))
    after = module.state_dict()
    changed = {name.split(".body.")[1] for name, value in before.items() if not torch.equal(value, after[name])}
    assert {part for part in ("stem", "blocks.0", "blocks.1", "blocks.2", "head")
            if any(name.startswith(part) for name in changed)} == moving  # fmt: skip
    assert module.training and module.encoders[0].dropout.training


def test_what_a_setting_freezes_is_no_finding(folder: Path) -> None:
    module = begun(folder, frozen=2)
    trace = Trace()
    optimiser = optimizing.optimizer(module, Train(), 0.1)
    Tracing(trace, module, optimiser, work(), Train(), steps=9, recipe={})
    frozen = {one.name for one in trace.parameters if one.frozen}
    assert "encoders.0.body.blocks.1.expand.convolution.weight" in frozen
    assert "encoders.0.body.blocks.2.expand.convolution.weight" not in frozen
    assert registry.find("conditions", "frozen-or-unused-parameter").examine(trace) == []


def test_frozen_features_answer_as_a_logistic_regression_on_every_level(folder: Path) -> None:
    inputs, codes = rows()
    form = FROZEN.fit(Batch(inputs, codes), work(), FROZEN.Settings(**described(folder, C=5.0)), seed=0, threads=1)
    module = begun(folder, levels="all").eval()
    with torch.inference_mode():
        found = module.features(collate.to_torch(inputs, np.arange(24))).numpy().astype(float)
    assert found.shape[1] == 8 + 12 + 16
    standard = (found - found.mean(axis=0)) / found.std(axis=0)
    wanted = LogisticRegression(C=5.0 / 36, max_iter=1000).fit(standard, codes).predict_proba(standard)
    assert form.outputs(inputs) == pytest.approx(wanted, abs=1e-3)


def test_another_side_gives_other_features(folder: Path) -> None:
    inputs, codes = rows()
    answers = [
        FROZEN.fit(Batch(inputs, codes), work(), FROZEN.Settings(**described(folder, side=side)), seed=0, threads=1)
        for side in (None, 48)
    ]
    assert np.abs(answers[0].outputs(inputs) - answers[1].outputs(inputs)).max() > 1e-3


def test_a_model_of_texts_does_not_begin_where_images_are_read(folder: Path) -> None:
    texts = tiny.write(folder.with_name("texts"))
    inputs, codes = rows()
    asked = FROZEN.Settings(origin=naming.find(str(texts)).settings())
    with pytest.raises(UsageError, match="reads texts, and here images are read"):
        FROZEN.fit(Batch(inputs, codes), work(), asked, seed=0, threads=1)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "mobilenet-v2"])
def test_a_published_network_tells_a_palace(name: str) -> None:
    """A photograph that comes with scikit-learn, of the Summer Palace: class 698 of ImageNet."""
    place = here(name)
    config = configs.checked(json.loads((place / "config.json").read_text()))
    weights = load_file(place / "model.safetensors")
    body = configs.body(config).eval()
    weighing.put(body, {key: tensor.numpy() for key, tensor in weights.items()})
    photograph = Image.open(str(files("sklearn.datasets.images") / "china.jpg")).convert("RGB").resize((299, 200))
    pixels = torch.tensor(np.asarray(photograph.crop((50, 0, 250, 200)).resize((224, 224)))).permute(2, 0, 1)[None]
    center, spread = (torch.tensor(config[key])[:, None, None] for key in ("center", "spread"))
    with torch.inference_mode():
        scores = body((pixels - center) / spread) @ weights["classifier.weight"].T + weights["classifier.bias"]
    assert int(scores.argmax()) == 698
    assert float(torch.softmax(scores, dim=1).max()) > 0.3
