"""Word pieces, learned from training rows (Wu et al., 2016; as BERT has them): words are cut into the longest pieces
that the vocabulary holds, and a piece within a word is written with `##` before it.

A word with a character that no training row has is unknown. Texts keep their case; each Chinese character is a word.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from luban.core.lazy import require

UNKNOWN = "[UNK]"
MOST_CHARACTERS = 3_000
"""The commonest characters have a piece each."""
INSIDE = "##"


def learned(texts: Sequence[str], vocabulary: int) -> bytes:
    """The content of a tokenizer of at most `vocabulary` pieces. Equal rows, equal pieces, on any number of threads.

    >>> import json
    >>> content = json.loads(learned(["low lower lowest"] * 3, 300))
    >>> sorted(content["model"]["vocab"])[:3], content["model"]["type"]
    (['##e', '##l', '##o'], 'WordPiece')
    """
    tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    empty = tokenizers.Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    empty.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    empty.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    empty.decoder = decoders.WordPiece(prefix=INSIDE)
    counts = Counter(char for text in texts for char in empty.normalizer.normalize_str(text) if not char.isspace())
    most = max(min(MOST_CHARACTERS, vocabulary // 3), 1)
    alphabet = sorted(sorted(counts, key=lambda char: (-counts[char], char))[:most])
    # Named before training: the trainer would number them in an order that differs from run to run.
    first = [UNKNOWN, *alphabet, *(INSIDE + char for char in alphabet)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=max(vocabulary, len(first)),
        min_frequency=2,
        special_tokens=first,
        limit_alphabet=len(alphabet),
        initial_alphabet=alphabet,
        continuing_subword_prefix=INSIDE,
        show_progress=False,
    )
    empty.train_from_iterator(texts, trainer)
    document = json.loads(empty.to_str())
    document["added_tokens"] = []
    return json.dumps(document).encode()
