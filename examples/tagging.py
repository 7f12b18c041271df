"""Token tagging: the part of speech of each word of Chinese news. What comes before and after a word decides.

ROWS takes more of the paragraphs, EPOCHS goes over them more often.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:people-daily-tags",
        "tags",
        set={"train.rows": int(os.environ.get("ROWS", "15000")), "train.epochs": int(os.environ.get("EPOCHS", "5"))},
        out=Path(folder) / "news.luban",
    )
    accuracy = bundle.measurements[0]
    simplest = f"{accuracy.baseline.value:.3f}" if accuracy.baseline else "unknown"
    print(f"{accuracy.metric} on {accuracy.rows:,} test rows: {accuracy.value:.3f}, the commonest tag {simplest}")
    words = "我们 的 工作 很 重要 。"
    for word, tag in zip(words.split(), bundle.predict({"words": [words]})[0], strict=True):
        print(word, tag)
