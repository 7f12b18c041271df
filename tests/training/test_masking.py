"""Tokens that are hidden: how many, which, and what a network and counts make of them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import polars as pl
import pytest
import torch

from luban import states
from luban.batch import Array, Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms import _hiding
from luban.forms.language import surroundings
from luban.forms.masked_trigram import MaskedTrigram
from luban.models._language import Dimensions
from luban.models.bert import Settings, config, weights
from luban.models.bert.network import MaskedLanguageModel
from luban.protocols import State
from luban.recipe.recipe import Features

SIZE = 40


def network(begins: Array | None = None, **settings: object) -> MaskedLanguageModel:
    torch.manual_seed(0)
    small = Settings.model_validate({"width": 16, "layers": 1, "heads": 2, "context": 256, **settings})
    return MaskedLanguageModel("text", config(small, SIZE), small.masked, begins, between=small.between)


def tokens(rows: int = 200, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    found = torch.randint(5, SIZE, (rows, 200), generator=random)
    found[:, 0], found[:, 90], found[:, 91], found[:, -1] = 2, 3, 2, 3
    return found


def test_masking_is_dynamic_and_80_10_10() -> None:
    module, rows = network(masked=0.15, between=0.0).train(), tokens()
    torch.manual_seed(1)
    chosen = module.chosen(rows)
    hidden = module.hidden(rows, chosen)
    words = rows >= 5
    assert not chosen[~words].any()
    assert chosen[words].float().mean().item() == pytest.approx(0.15, abs=0.005)
    assert torch.equal(hidden[~chosen], rows[~chosen])
    masked, same = (hidden[chosen] == 4).float().mean().item(), (hidden[chosen] == rows[chosen]).float().mean().item()
    assert masked == pytest.approx(0.8, abs=0.01)
    # Of the tokens that are drawn at random a few are the same by chance.
    assert same == pytest.approx(0.1 + 0.1 / (SIZE - 5), abs=0.01)
    assert (hidden >= 2).all()
    assert not torch.equal(chosen, module.chosen(rows)), "the next step hides others"


def test_what_answers_hides_the_same_tokens_each_time_and_masks_all_of_them() -> None:
    module, rows = network().eval(), tokens(20)
    chosen = module.chosen(rows)
    assert torch.equal(chosen, module.chosen(rows))
    assert (module.hidden(rows, chosen)[chosen] == 4).all()


def test_the_share_is_a_setting() -> None:
    module, rows = network(masked=0.4, between=0.0).train(), tokens()
    assert module.chosen(rows)[rows >= 5].float().mean().item() == pytest.approx(0.4, abs=0.01)


def test_in_a_share_of_the_blocks_each_hidden_token_stands_between_two_that_are_known() -> None:
    module, rows = network(masked=0.3, between=0.5).train(), tokens()
    torch.manual_seed(1)
    chosen = module.chosen(rows)
    apart = ~(chosen[:, 1:] & chosen[:, :-1]).any(dim=1)
    assert apart.float().mean().item() == pytest.approx(0.5, abs=0.1)
    words = rows >= 5
    assert chosen[apart][words[apart]].float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert chosen[~apart][words[~apart]].float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert {row.nonzero()[0].item() % 2 for row in chosen[apart]} == {0, 1}, "either half is hidden"
    answering = module.eval().chosen(rows)
    assert (answering[:, 1:] & answering[:, :-1]).any(dim=1).float().mean().item() > 0.9


def test_every_second_word_is_hidden_whole() -> None:
    begins = np.zeros(SIZE, bool)
    begins[5:20] = True
    module = network(begins, between=1.0).train()
    row = torch.tensor([[2, 7, 21, 22, 8, 9, 30, 3]])
    first, second = (
        [False, True, True, True, False, True, True, False],
        [False, False, False, False, True] + [False] * 3,
    )
    found = {tuple(module.chosen(row)[0].tolist()) for _ in range(30)}
    assert found == {tuple(first), tuple(second)}


def test_whole_words_are_hidden_together() -> None:
    begins = np.zeros(SIZE, bool)
    begins[5:20] = True
    module, rows = network(begins, masked=0.15, between=0.0).train(), tokens()
    torch.manual_seed(1)
    chosen = module.chosen(rows)
    words = rows >= 5
    inside = torch.zeros_like(chosen)
    inside[:, 1:] = (rows[:, 1:] >= 20) & words[:, :-1]
    # Whatever continues a word goes with the token before it.
    assert torch.equal(chosen[:, 1:][inside[:, 1:]], chosen[:, :-1][inside[:, 1:]])
    assert chosen[words].float().mean().item() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_which_tokens_begin_words_is_told_by_their_spelling(kind: str) -> None:
    text = registry.find("features", "text").tensor
    texts = pl.Series(["unbelievable strawberries grow", "strawberry believable growth"] * 4)
    state = text.fit(texts, Features(vocabulary=300, longest=60, tokenizer=kind))
    row = text.encode(pl.Series(["strawberry growth unbelievably"]), state).values
    begins = text.begins(state)
    assert begins.shape == (text.shape(state).size[0],)
    assert begins[row[1:-1]].sum() == 3 and begins[row[1]]


def test_attention_stays_within_a_document() -> None:
    module = network().eval()
    rows = tokens(2)[:, 80:100].contiguous()
    other = rows.clone()
    other[:, 3] = 5 + (other[:, 3] - 4) % (SIZE - 5)
    before, after = module.states(rows), module.states(other)
    assert torch.allclose(before[:, 11:], after[:, 11:], atol=1e-6)
    assert not torch.allclose(before[:, :11], after[:, :11], atol=1e-4)


def test_padding_changes_nothing() -> None:
    module = network().eval()
    rows = tokens(1)[:, :30]
    padded = torch.cat([rows, torch.zeros(1, 9, dtype=torch.int64)], dim=1)
    found = module.states(padded, padded > 0)[:, :30]
    assert torch.allclose(found, module.states(rows), atol=1e-5)


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_number_of_weights_is_known_before(size: str) -> None:
    settings = Settings.model_validate({"size": size})
    found = config(settings, 500)
    with torch.device("meta"):
        module = MaskedLanguageModel("text", found, 0.15)
    sizes = Dimensions(found["hidden_size"], found["num_hidden_layers"], found["num_attention_heads"])
    assert weights(sizes, 500, settings) == sum(parameter.numel() for parameter in module.parameters())


def test_surroundings_count_each_token_once_with_a_quarter_on_either_side() -> None:
    for lengths in ([1], [7], [8], [9], [40, 3, 17]):
        counted: list[tuple[int, int]] = []
        for window, until in surroundings(lengths, 8):
            assert window.end - window.start <= 8
            assert window.counted - window.start >= 2 or window.counted == 0
            assert window.end - until >= 2 or until == lengths[window.row]
            counted += [(window.row, place) for place in range(window.counted, until)]
        assert sorted(counted) == [(row, place) for row, length in enumerate(lengths) for place in range(length)]


TEXTS = [[2, 5, 6, 7, 3], [2, 5, 6, 7, 3], [2, 5, 8, 7, 3], [2, 8, 6, 5, 3]]


def rows_of(texts: list[list[int]]) -> Ragged:
    return Ragged.of([np.array(text, np.int32) for text in texts])


def reference(left: int, right: int, size: int) -> Array:
    """The formulas, one count after the other."""
    seen = [three for text in TEXTS for three in zip(text, text[1:], text[2:], strict=False)]
    can_be = range(5, size)

    def order(counts: Counter[tuple[int, ...]], history: tuple[int, ...], lower: dict[int, float]) -> dict[int, float]:
        once, twice = (sum(count == n for count in counts.values()) for n in (1, 2))
        less = once / (once + 2 * twice) if once else 0.5
        behind = {key[-1]: count for key, count in counts.items() if key[:-1] == history}
        total = sum(behind.values())
        if not total:
            return lower
        return {w: max(behind.get(w, 0) - less, 0) / total + less * len(behind) / total * lower[w] for w in can_be}

    single = order(Counter((w,) for _, w, _ in seen), (), dict.fromkeys(can_be, 1 / (size - 5)))
    before = single if left == 4 else order(Counter((v, w) for v, w, _ in seen), (left,), single)
    behind = single if right == 4 else order(Counter((r, w) for _, w, r in seen), (right,), single)
    product = {w: before[w] * behind[w] / single[w] for w in can_be}
    lower = {w: value / sum(product.values()) for w, value in product.items()}
    both = lower if 4 in (left, right) else order(Counter((v, r, w) for v, w, r in seen), (left, right), lower)
    return np.array([both.get(w, 0.0) for w in range(size)])


def test_counts_of_neighbours_are_those_of_the_formulas_and_sum_to_one() -> None:
    model = MaskedTrigram.learned(rows_of(TEXTS), 10)
    for left, right in itertools.product((2, 4, 5, 6, 8, 9), (3, 4, 5, 7, 9)):
        found = model.probabilities(np.array([left]), np.array([right]))[0]
        assert found == pytest.approx(reference(left, right, 10), rel=1e-9, abs=1e-15)
        assert found.sum() == pytest.approx(1.0)


def test_hidden_tokens_are_those_of_the_document_alone() -> None:
    random = np.random.default_rng(0)
    text = np.array([2, *random.integers(5, 10, 400), 3], np.int32)
    hidden = _hiding.hidden(text)
    assert hidden.mean() == pytest.approx(0.15, abs=0.05) and not hidden[[0, -1]].any()
    alone = MaskedTrigram.learned(rows_of(TEXTS), 10).outputs(Tensors({"text": rows_of([text.tolist()])}))
    among = MaskedTrigram.learned(rows_of(TEXTS), 10).outputs(Tensors({"text": rows_of([*TEXTS, text.tolist()])}))
    assert alone[0] == pytest.approx(among[-1])
    assert alone[0, 1] == hidden.sum()


def test_counts_are_rebuilt_from_their_bytes_and_odd_ones_refused() -> None:
    model = MaskedTrigram.learned(rows_of(TEXTS), 10)
    kind, state = states.from_bytes(states.to_bytes(model.kind, model.state()))
    again = registry.find("forms", kind).rebuild(state)
    asked = Tensors({"text": rows_of(TEXTS)})
    assert np.array_equal(again.outputs(asked), model.outputs(asked))
    with pytest.raises(BundleError, match="not rising"):
        MaskedTrigram.rebuild(State({"size": 10}, {"keys": np.array([7, 7]), "counts": np.array([1, 1])}))
