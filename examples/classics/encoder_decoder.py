"""An encoder-decoder transformer: what a package of software is, read in English and written in French.

Two blocks of 128 numbers and four heads on either side, with rotary positions and tied embeddings of the target. The
architecture is used by itself here, in a loop of torch, so that everything that must be right can be seen.

Usually done wrong: a decoder that sees the token it shall say; the target must be moved by one, and attention look back
alone. Padding counted in the loss; here it is left out of the mean. A softmax before the cross-entropy, which has its
own. The vocabulary learned of test rows too. A loss per batch shown as a score: here it is of held-out pairs, per
token, with an interval over the pairs.
"""

import os

import numpy as np
import polars as pl
import torch
from torch.nn import functional

import luban
from luban.collate import LENGTHS
from luban.features.text import feature
from luban.models.encoder_decoder import Settings, model
from luban.protocols import Work
from luban.recipe.recipe import Features
from luban.runtime.outline import outline, rows_for

ROWS, EPOCHS, BATCH, PATIENCE = int(os.environ.get("ROWS", "15000")), int(os.environ.get("EPOCHS", "12")), 64, 3

pairs = pl.read_csv(luban.sample("en-fr-titles").path).sample(fraction=1.0, shuffle=True, seed=0)[: max(ROWS, 100)]
held_out = len(pairs) // 10
test, stopping, train = pairs[:held_out], pairs[held_out : 2 * held_out], pairs[2 * held_out :]

features = Features(vocabulary=4_000)
tensor = feature.tensor
assert tensor is not None
learned = {language: tensor.fit(train[language], features) for language in pairs.columns}
shapes = {language: tensor.shape(state) for language, state in learned.items()}
work = Work("sequence-to-sequence", shapes["french"].size[0], len(train), 0, shapes={"english": shapes["english"]})

torch.manual_seed(0)
network = model.build(work, Settings(width=128, layers=2, heads=4))
optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
steps = -(-len(train) // BATCH) * EPOCHS
warm = max(steps // 20, 1)
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimiser, lambda step: min((step + 1) / warm, 0.5 * (1 + np.cos(np.pi * step / steps)))
)


def tensors(rows: pl.DataFrame) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What is read and what is written so far, and (rows, steps) what follows each token; 0 pads."""
    english, french = (tensor.encode(rows[language], learned[language]) for language in ("english", "french"))
    written = torch.from_numpy(french.padded()).long()
    read = {
        "english": torch.from_numpy(english.padded()).long(),
        f"english{LENGTHS}": torch.from_numpy(english.lengths),
    }
    return {**read, "english.written": written[:, :-1]}, written[:, 1:]


def losses(rows: pl.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows,) the sum of the cross-entropies of each row's own tokens, and how many they are."""
    inputs, following = tensors(rows)
    each = functional.cross_entropy(network(inputs).transpose(1, 2), following, reduction="none", ignore_index=0)
    return each.sum(dim=1), (following != 0).sum(dim=1)


def measured(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    network.eval()
    with torch.inference_mode():
        found = [losses(rows[first : first + BATCH]) for first in range(0, len(rows), BATCH)]
    return tuple(torch.cat(each).numpy() for each in zip(*found, strict=True))


example = rows_for(work)
print(outline(network, {**example, "english.written": torch.ones(len(example["english"]), 10, dtype=torch.int64)}))

order = np.random.default_rng(0)
best, best_epoch = (np.inf, {}), 0
for epoch in range(EPOCHS):
    network.train()
    shuffled, total, tokens = train[order.permutation(len(train))], 0.0, 0
    for first in range(0, len(train), BATCH):
        sums, counts = losses(shuffled[first : first + BATCH])
        loss = sums.sum() / counts.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        total, tokens = total + float(sums.detach().sum()), tokens + int(counts.sum())
    sums, counts = measured(stopping)
    now = sums.sum() / counts.sum()
    print(f"epoch {epoch + 1}: {total / tokens:.3f} a token in training, {now:.3f} on the rows that say when to stop")
    if now < best[0]:
        best, best_epoch = (now, {name: part.clone() for name, part in network.state_dict().items()}), epoch
    elif epoch - best_epoch >= PATIENCE:
        break
network.load_state_dict(best[1])

sums, counts = measured(test)
draws = np.random.default_rng(0).integers(0, len(sums), (1_000, len(sums)))
low, high = np.quantile(sums[draws].sum(axis=1) / counts[draws].sum(axis=1), [0.025, 0.975])
print(f"cross-entropy on {len(test):,} test pairs: {sums.sum() / counts.sum():.3f} ({low:.3f} to {high:.3f}) a token")
print(f"all tokens alike would have: {np.log(work.outputs):.3f}")
