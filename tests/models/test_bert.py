"""What a masked language model is in `transformers`: the same weights say the same there, in either style."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from luban.core import registry
from luban.models.bert.network import MaskedLanguageModel
from luban.protocols import Shape, Work

SMALL = {"width": 16, "layers": 2, "heads": 2, "context": 16}
VOCABULARY = 40


@pytest.mark.parametrize("style, kind", [("modern", "ModernBertForMaskedLM"), ("classic", "BertForMaskedLM")])
def test_the_same_weights_say_the_same_in_transformers(style: str, kind: str) -> None:
    from transformers import AutoConfig, AutoModelForMaskedLM

    work = Work("masked-lm", 1, 1, 0, shapes={"text": Shape("tokens", (VOCABULARY,), longest=16)})
    bert = registry.find("models", "bert")
    settings = bert.Settings(style=style, **SMALL)
    torch.manual_seed(0)
    module = bert.build(work, settings).eval()
    assert isinstance(module, MaskedLanguageModel)
    config, weights = bert.laid_out(settings, work, {n: w.numpy() for n, w in module.state_dict().items()})
    assert config["architectures"] == [kind]
    values = {key: value for key, value in config.items() if key not in ("architectures", "dtype", "model_type")}
    theirs = AutoModelForMaskedLM.from_config(AutoConfig.for_model(config["model_type"], **values)).eval()
    loaded = theirs.load_state_dict({n: torch.from_numpy(w) for n, w in weights.items()}, strict=False)
    assert not loaded.unexpected_keys and all(
        name.endswith("decoder.weight") or name == "cls.predictions.decoder.bias" for name in loaded.missing_keys
    )
    theirs.tie_weights()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(5, VOCABULARY, (3, 12)))
    chosen = torch.zeros(3, 12, dtype=torch.bool)
    chosen[:, 4] = True
    with torch.inference_mode():
        said, _ = module.scores(tokens, torch.ones_like(chosen), chosen, tokens[chosen])
        logits = theirs(input_ids=tokens).logits[chosen]
    expected = torch.nn.functional.cross_entropy(logits, tokens[chosen], reduction="none")
    torch.testing.assert_close(said, expected, atol=1e-5, rtol=1e-5)
