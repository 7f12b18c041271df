"""A language model that answers as you do, after some hundred of your answers, on a laptop.

Usually done wrong: all weights learn, so the model forgets what it knew and the optimiser needs four times its memory;
the questions have a loss too, so it learns to ask; the template of chats is put together by hand, and differs from the
one that it was taught with by a line break; the loss that is shown is that of the training; adapters are left beside
the weights, where every later tool has to know of them; and what it writes is drawn at random, so that nobody can tell
before from after. Here LoRA learns, of answers alone, in the model's own template; chats that were held out stand
beside the model as it was; what is saved is one plain folder; and the same greedy tokens are written each time.

It begins from the sample `smollm2`; `MODEL=folder` from another model.
"""

import os
import tempfile
from pathlib import Path

import polars as pl

import luban
from luban.data.catalogue import sample_path
from luban.verbs.generate import generate

ROWS = int(os.environ.get("ROWS", "200"))
QUICK = "EPOCHS" in os.environ
MODEL = os.environ.get("MODEL", "smollm2")
TEMPLATE = (
    "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
"""Of the tiny model, which has none of its own."""


def own_model(place: Path) -> str:
    """A tiny model that learned a few lines of English: enough to see that all of this runs, and no more."""
    texts = [file.read_text(encoding="utf-8")[:2_000] for file in sorted(sample_path("nlp-corpus").iterdir())[:30]]
    sizes = {"model.gpt.width": 32, "model.gpt.layers": 1, "train.epochs": 1, "features.vocabulary": 400}
    luban.fit(
        pl.DataFrame({"text": texts}), task="causal-lm", set=sizes, column={"text": "text"}, repair="off",
        out=place / "tiny.luban",
    )  # fmt: skip
    return str(place / "tiny.luban")


def chats() -> pl.DataFrame:
    """Questions with the answers that are wanted: the French title of an English page."""
    pairs = pl.read_csv(sample_path("en-fr-titles")).head(20 if QUICK else ROWS)
    asked = pl.format("Say in French: {}", pl.col("english"))
    return pairs.select(prompt=asked, answer=pl.col("french"))


with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    settings = {"train.epochs": 1, "model.pretrained-causal.adapter": "lora", "features.template": TEMPLATE}
    asked = {"from_": own_model(place), "set": settings} if QUICK else {"from_": MODEL}
    tuned = luban.fit(chats(), "answer", task="chat", repair="off", out=place / "chats.luban", **asked)
    for figure in tuned.measurements:
        print(f"{figure.name}: {figure.value:.3f}, as it was: {figure.baseline.value:.3f}")
    # What learned is in the weights: the folder is one that `transformers` opens.
    print(", ".join(sorted(file.name for file in (place / "chats.luban" / "model").iterdir())))
    said = [
        generate(str(place / "chats.luban"), "Say in French: History of Rome", chat=True, max_tokens=12).text
        for _ in range(2)
    ]
    print(repr(said[0]), "again the same:", said[0] == said[1])
