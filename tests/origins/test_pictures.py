"""A folder of a pretrained network of images is read as data, and what is not taken is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from luban.core.errors import BundleError, UsageError
from luban.data.samples import _imagenet, efficientnet_lite0, mobilenet_v2
from luban.origins import configs, layout, naming, pictures, weighing
from luban.origins.inverted_residuals import InvertedResiduals, Layer
from origins import tiny


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    return tiny.write_images(tmp_path / "tiny")


def test_an_origin_of_images_needs_no_tokenizer(folder: Path) -> None:
    found = layout.opened(folder)
    assert found.config == tiny.IMAGES
    assert (found.licence, configs.reads(found.config), configs.layers(found.config)) == ("mit", "image", 3)
    assert naming.find(str(folder)) == naming.find(found.content) == found
    other = tiny.write_images(folder.with_name("other"), seed=1)
    assert layout.opened(other).sha256 != found.sha256


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stem": 10**9}, "'stem' is '1000000000' instead of a whole number from 1 to 8,192"),
        ({"head": 2.5}, "'head' is '2.5' instead of a whole number"),
        ({"image_size": 100_000}, "'image_size' is '100000' instead of a whole number from 32 to 1,024"),
        ({"stages": []}, "'stages' is no list of 1 to 32 stages"),
        ({"stages": [[1, 8, 1, 1]]}, "stage 0 is no list of 5 numbers"),
        ({"stages": [[1, 8, 1, 3, 3]]}, "'stride of stage 0' is '3' instead of a whole number from 1 to 2"),
        ({"stages": [[1, 8, 1, 1, 4]]}, "an odd one has a middle"),
        ({"stages": [[1, 8, 64, 1, 3]] * 4}, "more than 200 blocks"),
        ({"padding": "reflect"}, "'padding' is 'reflect'; same and symmetric are known"),
        ({"epsilon": -1}, "'epsilon' is '-1' instead of a number from 1e-08 to 0.1"),
        ({"spread": [1, 1, 0]}, "'spread' is '0' instead of a number from 0.001 to 255"),
        ({"center": 127}, "'center' is no list of three numbers"),
    ],
)
def test_an_absurd_config_is_named(folder: Path, changes: dict[str, Any], reason: str) -> None:
    (folder / "config.json").write_text(json.dumps({**tiny.IMAGES, **changes}))
    with pytest.raises(UsageError) as error:
        layout.opened(folder)
    assert reason in error.value.message
    assert error.value.where == str(folder / "config.json")


def test_too_many_weights_are_refused_before_memory_is_asked_for() -> None:
    wide = {**tiny.IMAGES, "stages": [[16, 8_192, 10, 1, 11]]}
    with pytest.raises(ValueError, match=r"it would have [\d,]+ weights"):
        configs.body(pictures.checked(wide))


def test_weights_that_are_missing_or_have_another_shape_are_named(folder: Path) -> None:
    weights = layout.opened(folder).weights()
    for changes, told in (
        ({"head": 8}, "has the shape"),
        ({"stages": [*tiny.IMAGES["stages"], [1, 8, 1, 1, 3]]}, "lacks"),
    ):
        with pytest.raises(BundleError, match=told):
            weighing.put(configs.body({**tiny.IMAGES, **changes}), weights)


def test_a_pickle_is_not_read(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "model.pth")
    with pytest.raises(UsageError, match="a pickle, which may hold code"):
        layout.opened(folder)


@pytest.mark.parametrize("side", [5, 6, 7, 8])
@pytest.mark.parametrize("kernel", [3, 5])
def test_same_padding_looks_one_place_further_behind_where_it_is_uneven(side: int, kernel: int) -> None:
    layer = Layer(1, 1, kernel, 2, {"padding": "same", "epsilon": 1e-3}, linear=True).eval()
    pixels = np.arange(side * side, dtype=np.float64).reshape(side, side) % 7
    with torch.inference_mode():
        layer.convolution.weight.copy_(torch.arange(kernel * kernel).reshape(1, 1, kernel, kernel) / 10)
        found = layer(torch.tensor(pixels, dtype=torch.float32)[None, None])[0, 0].numpy()
    places = -(-side // 2)
    missing = (places - 1) * 2 + kernel - side
    before = missing // 2
    padded = np.pad(pixels, ((before, missing - before),) * 2)
    weight = layer.convolution.weight[0, 0].detach().double().numpy()
    for row in range(places):
        for column in range(places):
            seen = padded[2 * row : 2 * row + kernel, 2 * column : 2 * column + kernel]
            assert found[row, column] == pytest.approx((seen * weight).sum() / np.sqrt(1.001), rel=1e-4)


def test_its_levels_are_the_means_of_every_stage_and_then_of_the_head(folder: Path) -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 32, 32)
    both = InvertedResiduals(tiny.IMAGES, levels="all").eval()
    weighing.put(both, layout.opened(folder).weights())
    last = InvertedResiduals(tiny.IMAGES).eval()
    last.load_state_dict(both.state_dict())
    with torch.inference_mode():
        maps = both.blocks[0](both.stem(images))
        assert both.width == 8 + 12 + 16 and last.width == 16
        found = both(images)
        assert torch.allclose(found[:, :8], maps.mean(dim=(2, 3)), atol=1e-6)
        assert torch.equal(found[:, 20:], last(images))


@pytest.mark.parametrize(("sample", "weights"), [(efficientnet_lite0, 4_652_008), (mobilenet_v2, 3_504_872)])
def test_the_tensors_of_a_sample_are_those_of_the_network_in_its_order(sample: Any, weights: int) -> None:
    config = pictures.checked(sample.CONFIG)
    with torch.device("meta"):
        body = InvertedResiduals(config)
    own = [name for name, tensor in body.state_dict().items() if tensor.is_floating_point()]
    assert list(_imagenet.names(sample.CONFIG)) == [*own, *_imagenet.CLASSIFIER]
    # As many as were published, those of the classifier among them.
    assert sum(parameter.numel() for parameter in body.parameters()) + 1280 * 1000 + 1000 == weights


def test_other_tensors_beside_the_network_are_left_over(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "classifier.bias": torch.zeros(5)}, folder / "model.safetensors")
    body = configs.body(tiny.IMAGES)
    weighing.put(body, layout.opened(folder).weights())
    assert torch.equal(body.state_dict()["head.norm.bias"], weights["head.norm.bias"])
