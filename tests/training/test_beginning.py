"""Weights that begin from counts of the rows: what they are, what they say, and that every way to them is the same."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from luban.batch import Array, Batch, Ragged, Tensors
from luban.core.errors import Interrupted
from luban.core.registry import find
from luban.models.bert import Settings, counts
from luban.models.bert.network import MaskedLanguageModel
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate
from luban.training import gradient
from luban.training.request import Asked
from training.networks import decided

SIZE, CONTEXT = 40, 16
WORK = Work("masked-lm", 1, 1, 0, shapes={"text": Shape("tokens", (SIZE,), longest=CONTEXT)})
MODEL = find("models", "bert")


def documents(count: int = 60, seed: int = 0) -> list[Array]:
    """Documents in which each token is followed by one of two, so that what stands between two others is known."""
    random = np.random.default_rng(seed)
    follows = random.integers(5, SIZE, (SIZE, 2))
    found = []
    for _ in range(count):
        tokens = [int(random.integers(5, SIZE))]
        while len(tokens) < 30:
            tokens.append(int(follows[tokens[-1], random.integers(2)]))
        found.append(np.array([2, *tokens, 3], np.int32))
    return found


def blocks() -> Array:
    values = np.concatenate(documents())
    return values[: len(values) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)


def network(**asked: object) -> MaskedLanguageModel:
    torch.manual_seed(0)
    small = {"width": 64, "layers": 1, "heads": 4, "context": CONTEXT, **asked}
    module = MODEL.build(WORK, Settings.model_validate(small)).eval()
    assert isinstance(module, MaskedLanguageModel)
    return module


def information(learned: Array, apart: int) -> Array:
    """log(1 + n(a b) n / (n(a) n(b))) of the pairs of one document that stand so far apart, one by one."""
    table = np.zeros((SIZE, SIZE))
    for block in learned:
        for place in range(CONTEXT - apart):
            if 2 not in block[place + 1 : place + apart + 1]:
                table[block[place], block[place + apart]] += 1
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()
    return np.log1p(np.divide(table, expected, out=np.zeros_like(table), where=expected > 0))


def weighted(learned: Array) -> Array:
    seen = np.bincount(learned.ravel(), minlength=SIZE)
    return np.sqrt(np.maximum(seen, counts.RARELY * seen.mean()))[:, None]


def test_embeddings_begin_as_the_factors_of_who_follows_whom() -> None:
    learned = blocks()
    wanted = information(learned, 1)
    weight = weighted(learned)
    left, right, _ = counts.sides(learned, SIZE, 24)
    vectors, values, others = np.linalg.svd(wanted * weight * weight.T)
    nearest = (vectors[:, :10] * values[:10]) @ others[:10] / weight / weight.T
    assert left.shape == right.shape == (SIZE, 10)
    np.testing.assert_allclose(left @ right.T, nearest, atol=1e-4)
    module = network()
    counts.begin(module, learned)
    left, right, _ = counts.sides(learned, SIZE, 62)
    table = module.embedding.detach().numpy()
    rank = left.shape[1]
    seen = np.unique(learned)
    one, other = table[seen, 2 : 2 + rank], table[seen, 2 + rank : 2 + 2 * rank]
    scale = np.linalg.norm(one) / np.linalg.norm(left[seen])
    np.testing.assert_allclose(one @ other.T, scale**2 * (left[seen] @ right[seen].T), atol=1e-4)


def test_what_stands_near_is_told_by_one_vector_of_each_token() -> None:
    learned = np.array([[2, *([5, 6, 7] * 4), 3, 0, 0], [2, *([8, 9, 10] * 4), 3, 0, 0]], np.int32)
    _, _, near = counts.sides(learned, SIZE, 20)
    alike = near @ near.T
    assert alike[5, 6] > 1 and alike[8, 9] > 1 and abs(alike[5, 9]) < 0.1


def test_tokens_of_two_documents_are_no_pair() -> None:
    together = np.array([[2, 5, 6, 5, 3, 2, 7, 8, 7, 3]], np.int32)
    apart = np.array([[2, 5, 6, 5, 3], [2, 7, 8, 7, 3]], np.int32)
    left, right, _ = counts.sides(together, SIZE, 60)
    said = left @ right.T
    assert said[5, 6] > 1 and abs(said[3, 2]) < 1e-4
    for one, other in zip(counts.sides(together, SIZE, 60), counts.sides(apart, SIZE, 60), strict=True):
        np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-4)


def test_a_network_that_begins_from_counts_fills_before_its_first_step() -> None:
    learned = blocks()
    drawn, counted = network(), network()
    MODEL.begin_from(counted, Tensors({"text": learned}), Settings(begins="counts", width=64, heads=4, layers=1))
    tokens = torch.from_numpy(learned[:100].astype(np.int64))
    chosen = torch.zeros(tokens.shape, dtype=torch.bool)
    chosen[:, 8] = tokens[:, 8] >= 5
    own, wanted = torch.ones_like(chosen), tokens[chosen]
    with torch.inference_mode():
        shown = tokens.masked_fill(chosen, 4)
        (before, _), (now, right) = (each.scores(shown, own, chosen, wanted) for each in (drawn, counted))
    assert now.mean() < 0.7 * before.mean()
    assert right.float().mean() > 0.3


def test_a_token_that_was_never_seen_keeps_what_was_drawn() -> None:
    learned = blocks()
    learned = learned[~(learned == 9).any(axis=1)]
    module = network()
    drawn = module.embedding.detach().clone()
    counts.begin(module, learned)
    assert torch.nn.functional.cosine_similarity(module.embedding[9, 1:], drawn[9, 1:], dim=0) > 0.999
    assert torch.isfinite(module.embedding).all()


@pytest.mark.parametrize("width, heads", [(8, 1), (16, 2), (48, 3), (160, 5), (256, 8)])
def test_every_size_begins(width: int, heads: int) -> None:
    module = network(width=width, heads=heads, layers=2)
    counts.begin(module, blocks())
    with torch.inference_mode():
        assert torch.isfinite(module({"text": torch.from_numpy(blocks())})).all()


def test_a_setting_turns_it_off_and_a_fit_decides_where_nothing_is_said() -> None:
    rows = Tensors({"text": blocks()})
    drawn, left = network(), network()
    MODEL.begin_from(left, rows, Settings(begins="random"))
    MODEL.begin_from(left, rows, Settings())
    assert torch.equal(drawn.embedding, left.embedding)
    for asked, found in (({}, {"begins": "counts"}), ({"style": "classic"}, {"begins": "random"})):
        choices, reason = MODEL.sized(Settings.model_validate(asked), WORK, 100.0, None)
        assert choices == found and reason
    assert MODEL.sized(Settings(begins="random"), WORK, 100.0, None) == ({}, "")
    with pytest.raises(ValueError, match="'classic' cannot begin from counts"):
        network(style="classic", begins="counts")


def test_embeddings_that_begin_from_counts_learn_at_a_smaller_rate() -> None:
    assert network(begins="counts").embedding.rate == 0.3
    assert not hasattr(network(begins="random").embedding, "rate")


def test_a_training_that_begins_from_counts_and_is_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    batch = Batch(Tensors({"text": Ragged.of(documents(20))}))
    settings = {"width": 16, "layers": 1, "heads": 2, "context": CONTEXT, "begins": "counts"}
    candidate = Candidate(model="bert", settings=settings)
    how = decided(optimizer="muon", schedule="trapezoid", epochs=2, batch_size=8)

    def fitted(**options: object) -> dict[str, Array]:
        form = gradient.fit(batch, WORK, candidate, Asked(how, 0, **options)).form  # type: ignore[arg-type]
        return dict(form.network.weights)

    whole, stops = fitted(), 0
    while True:
        asked = itertools.count(1)
        try:
            parts = fitted(folder=tmp_path, interrupted=lambda asked=asked: next(asked) >= 3)
            break
        except Interrupted:
            stops += 1
            assert stops < 20
    assert stops > 1
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
