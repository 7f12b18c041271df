"""News articles: a network that reads words beside a linear model on word counts. Whichever is better answers."""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:bbc-news",
        "topic",
        model=["linear", "cnn"],
        set={"train.rows": int(os.environ.get("ROWS", "1780")), "train.epochs": int(os.environ.get("EPOCHS", "15"))},
        out=Path(folder) / "news.luban",
    )
    evaluation = bundle.stored.evidence["evaluation"]
    for candidate in evaluation["candidates"]:
        print(f"{candidate['label']:10} {evaluation['metric']} on held-out articles: {candidate['value']:.3f}")
    print("answers:", evaluation["chosen"]["label"])
    article = ["The striker scored twice before half-time and the keeper saved a late penalty."]
    print("an article about a match:", bundle.predict({"text": article})[0])
