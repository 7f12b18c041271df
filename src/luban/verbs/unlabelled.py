"""What a pretrained model says without training: vectors, and of texts the label whose description is nearest.

The similarity of a text and a description is the cosine of their vectors (Yin et al., 2019, compare ways of this); a
softmax of `SHARPNESS` times the similarities stands for probabilities, which nothing has calibrated. Models that were
made to choose labels are asked in their own way (`choosing_labels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core import registry
from luban.core.console import Console
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.data.dataset import Dataset, left_out
from luban.forms.network import Network
from luban.origins.vectors import of_length_one
from luban.protocols import Work
from luban.recipe.recipe import Features
from luban.schema.schema import Schema
from luban.verbs import halves, one_column
from luban.verbs.answering import Answerer

if TYPE_CHECKING:
    from luban.data.tensor_preprocessor import TensorPreprocessor

SHARPNESS = 20.0
"""What cosines are multiplied by: with it sentence encoders are usually trained."""
LONGEST = 256
"""Tokens that are read of a text."""
_EXAMPLE = '--labels "sport, tech=computers and the internet"'


@dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained model that reads one column, of texts, images or sounds. network: its head stands for nothing."""

    schema: Schema
    features: Features
    preprocessor: TensorPreprocessor
    network: Network

    @property
    def column(self) -> str:
        return self.schema.inputs[0].name

    @property
    def width(self) -> int:
        module: Any = self.network.module
        return int(module.head.in_features)

    def of_rows(self, rows: pl.DataFrame) -> Array:
        """(rows, width) of length 1, of the column that it reads."""
        values = rows[self.column]
        return self.vectors(values.cast(str) if self.schema.inputs[0].kind == "text" else values)

    def vectors(self, values: Sequence[str | None] | pl.Series) -> Array:
        """(values, width) of length 1. values: texts, or paths of images or sounds, or pixels."""
        column = values if isinstance(values, pl.Series) else pl.Series(self.column, values, pl.String)
        found = self.network.vectors(self.preprocessor.transform(column.alias(self.column).to_frame()))
        return of_length_one(found)


def encoder(name: str, schema: Schema, some: pl.DataFrame | None = None) -> Encoder:
    """The pretrained model of this name; UsageError for an unknown one, and for one that knows nothing of the texts.

    schema: of the column that it reads. some: rows by which it is seen whether its tokenizer knows them.
    """
    require("torch", extra="nets", purpose="answering by a pretrained model")
    from luban.bundle import store
    from luban.data.tensor_preprocessor import TensorPreprocessor
    from luban.models import _pretrained
    from luban.origins import configs, naming, sounds

    store.check(name)
    origin = naming.find(name)
    settings: dict[str, Any] = {}
    if configs.reads(origin.config) == "image":
        features = Features(image_size=origin.config["image_size"], color="rgb")
    elif configs.reads(origin.config) == "sequence":
        bands, longest = origin.config["num_mel_bins"], sounds.frames(origin.config)
        features = Features(spectrogram="whisper", mel_bands=bands, longest=longest)
    else:
        features = Features(tokenizer=str(origin.tokenizer), longest=min(LONGEST, configs.longest(origin.config)))
        settings["unit"] = True
    # With a tokenizer and a length, or a size and colours, that are given, nothing is learned of any row.
    if some is None or schema.inputs[0].kind != "text":
        some = pl.DataFrame({schema.inputs[0].name: []}, {schema.inputs[0].name: pl.String})
    preprocessor = TensorPreprocessor.fit(some, schema, features)
    model = registry.find("models", _pretrained.fine_tuner(origin.config))
    asked = model.Settings(origin=origin.settings(), tune="head", **settings)
    work = Work("multiclass", 1, 0, 0, shapes=preprocessor.shapes)
    module = model.build(work, asked)
    model.begin(module, asked)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    network = Network(model.name, asked.model_dump(mode="json"), work, weights, "identity")
    return Encoder(schema, features, preprocessor, network)


def found(name: str, *, online: bool, console: Console) -> None:
    """Sees that the pretrained model of this name is here, fetched if that is allowed, and tells its licence."""
    from luban.bundle import store
    from luban.origins import layout, naming
    from luban.verbs import licensing

    store.check(name)
    if not name.startswith(layout.BY_CONTENT):
        place = naming.place(name, online=online)
        if place.is_dir() and (place / layout.CONFIG).is_file():
            licensing.tell(layout.licence(place), console)


def opened(name: str, data: Any, console: Console) -> Dataset:
    """The rows at a place for the pretrained model of this name: where it reads texts, a folder of them is read file by
    file, inner folders included, whatever these are called. Files without a text are told.
    """
    from luban.data.open import open_dataset

    folder = isinstance(data, str | Path) and Path(data).is_dir()
    dataset = open_dataset(data, documents=folder and _reads_texts(name), console=console)
    for line in left_out(dataset.dropped):
        console.say(line)
    return dataset


def _reads_texts(name: str) -> bool:
    from luban.origins import contrastive, entailment, naming

    if halves.found(name) is not None:
        return True
    place = naming.place_of(name)
    if place is not None and contrastive.is_one(place):
        return False
    return (place is not None and entailment.is_one(place)) or one_column.kind_of(name) == "text"


def answerer(name: str, labels: Sequence[str], dataset: Dataset, text: str | None = None) -> Answerer:
    """What answers the rows of a data set with these labels, by the pretrained encoder of this name.

    labels: `name` or `name=description`. text: the column that is read; the only one with texts where nothing is said.
    Raises UsageError for a name, a label or a column that is none.
    """
    from luban.origins import contrastive, entailment, naming
    from luban.verbs import choosing_labels

    phrases = described(labels)
    place = naming.place_of(name)
    if place is not None and contrastive.is_one(place):
        return choosing_labels.of_images(place, phrases, one_column.column_of(dataset, text, "image"))
    if place is not None and entailment.is_one(place):
        schema = one_column.column_of(dataset, text)
        return choosing_labels.of_texts(name, phrases, schema, one_column.first_rows(dataset, schema))
    if (kind := one_column.kind_of(name)) != "text":
        raise UsageError(
            f"'{name}' reads {one_column.CALLED[kind]}, and no descriptions of labels.",
            where="--labels",
            fix=f"label a few {one_column.CALLED[kind]} of each kind, then: luban fit FOLDER --from {name}",
        )
    schema = one_column.column_of(dataset, text)
    found = encoder(name, schema, one_column.first_rows(dataset, schema))
    wanted = SHARPNESS * found.vectors(list(phrases.values()))
    head = {"head.weight": wanted.astype(np.float32), "head.bias": np.zeros(len(phrases), np.float32)}
    network = replace(
        found.network,
        work=replace(found.network.work, outputs=len(phrases)),
        weights={**found.network.weights, **head},
        link="softmax",
    )
    return Answerer(
        schema=found.schema,
        preprocessor=found.preprocessor,
        outputs=network.outputs,
        task=registry.find("tasks", "multiclass"),
        classes=tuple(phrases),
        threshold=None,
        conformal=None,
        features=found.features,
    )


def described(labels: Sequence[str]) -> dict[str, str]:
    """The description of each label: itself, or what follows the equals sign.

    Raises UsageError for fewer than two, and for one that stands there twice.

    >>> described(["sport", "tech=computers and the internet"])
    {'sport': 'sport', 'tech': 'computers and the internet'}
    """
    found: dict[str, str] = {}
    for label in labels:
        name, _, phrase = label.partition("=")
        name = name.strip()
        if not name or name in found:
            what = f"the label '{name}' stands there twice" if name else "a label has no name"
            raise UsageError(f"{what}.", where="--labels", fix=_EXAMPLE)
        found[name] = phrase.strip() or name
    if len(found) < 2:
        raise UsageError("an answer is one of two labels or more.", where="--labels", fix=_EXAMPLE)
    return found
