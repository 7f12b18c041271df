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


def test_heads_begin_by_looking_beside_each_token() -> None:
    work = Work("masked-lm", 1, 1, 0, shapes={"text": Shape("tokens", (500,), longest=32)})
    bert = registry.find("models", "bert")
    torch.manual_seed(0)
    module = bert.build(work, bert.Settings(width=64, heads=2, layers=1, context=32)).eval()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(5, 500, (1, 32)))

    def moved(place: int) -> float:
        """How much the first head answers otherwise at step 16 where the token at a place is another one."""
        other = tokens.clone()
        other[0, place] = 5 + (other[0, place] - 4) % 495
        attention = module.body.layers[0].attn
        heads = []
        held = attention.Wo.register_forward_pre_hook(lambda _, given: heads.append(given[0][0, 16, :32]))
        with torch.inference_mode():
            module.states(tokens), module.states(other)
        held.remove()
        return float((heads[0] - heads[1]).norm())

    assert moved(15) > 3 * max(moved(place) for place in (10, 12, 13, 16, 17, 18, 20))


def test_only_the_chosen_steps_go_through_the_last_layer_and_say_the_same() -> None:
    work = Work("masked-lm", 1, 1, 0, shapes={"text": Shape("tokens", (VOCABULARY,), longest=16)})
    bert = registry.find("models", "bert")
    module = bert.build(work, bert.Settings(**SMALL)).eval()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(2, VOCABULARY, (3, 12)))
    chosen = torch.from_numpy(np.random.default_rng(1).random((3, 12)) < 0.3)
    with torch.inference_mode():
        assert torch.allclose(module.states_of(tokens, None, chosen), module.states(tokens)[chosen], atol=1e-6)
