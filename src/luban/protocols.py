"""READ FIRST. What each kind of plugin promises. Types only: nothing here computes.

A table becomes a model on this way, and each stop is a kind of plugin:

    Source -> Dataset, Schema -> Split -> Feature -> Batch -> Model.fit -> Form -> Task.answers -> Metric
                    \\________ Condition (examines all of it) ________/

A *model* trains; what it returns is a *form*: the fitted estimator as plain arrays that answer by themselves, can be
written down as data, and can be drawn as an ONNX graph. A bundle stores forms, so opening one needs no trainer.

Most models see a row as one line of a matrix. Networks see it as *tensors*, one for each column of texts, pictures,
sounds or series, and one for all other columns together; they are trained by the loop in `training/gradient.py`.

A plugin is a file in the folder of its family and defines one object with the family's name in the singular
(`features/number.py` defines `feature`). `luban.core.registry` finds it; there is no list to add it to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from luban.batch import Answers, Array, Batch, Inputs, PerRow, Ragged
from luban.evidence.finding import Finding
from luban.evidence.judgement import Judgement, Slice
from luban.evidence.measurement import Direction, Measurement
from luban.evidence.reference import Reference, Spread
from luban.evidence.trace import Trace
from luban.recipe.recipe import Candidate, Features, Recipe, Section, Train
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from torch import Tensor, nn


@dataclass(frozen=True)
class State:
    """What was learned, as data: JSON values, named arrays, and the named states of parts.

    It is all that is written of a feature or a form. Whoever rebuilds from it trusts nothing in it.
    """

    values: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    parts: tuple[tuple[str, State], ...] = ()


class Feature(Protocol):
    """A data type (`features/`): how the values of one column become numbers.

    tensor: how a network sees the column; None where it sees the same numbers as any other model.
    """

    tensor: ClassVar[TensorFeature | None]

    def fit(self, values: pl.Series, settings: Features) -> State:
        """What is learned from the training rows of a column: medians, scales, categories, vocabularies."""

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, width) float32, finite, whatever the values are: missing and unseen ones included."""

    def names(self, column: str, state: State) -> tuple[str, ...]:
        """The name of each of the `width` outputs, starting with the column's."""

    def baseline(self, state: State) -> Any:
        """The value of a row about which nothing is known: the median, the commonest category, an empty text."""

    def unreadable(self, values: pl.Series) -> pl.Series:
        """(rows,) boolean: values that are there but are not of this data type."""

    def check(self, state: State) -> None:
        """Raises BundleError when a state read from a bundle could not come from `fit`."""


class Encoder(Protocol):
    """What turns the columns of rows into what a model sees; learned from training rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that `transform` reads."""

    @property
    def width(self) -> int:
        """How many numbers a row of a matrix has; 0 for tensors alone."""

    def transform(self, frame: pl.DataFrame) -> Inputs:
        """The rows, each by itself."""

    def baselines(self) -> dict[str, Any]:
        """The value of each column in a row about which nothing is known."""

    def state(self) -> State:
        """All of it as data."""


@dataclass(frozen=True)
class Shape:
    """What a network sees of one part of a row.

    kind, size:  vector    (width,)                    float32, already scaled
                 tokens    (vocabulary,)               int32 numbers of words or pieces; 0 pads
                 words     (vocabulary, numbers)       int32: a word's own number, then those of its pieces; 0 pads
                 image     (channels, height, width)   uint8
                 sequence  (channels,)                 float32 steps of a series, or frames of a sound
    longest: steps of the longest row; longer rows of tokens or of a sequence are cut to it, those of words are not.
    center, spread: what the values of each channel are standardised by, in the network's first layer; empty for none.
    """

    kind: Literal["vector", "tokens", "words", "image", "sequence"]
    size: tuple[int, ...]
    longest: int = 1
    center: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        tuples = {key: tuple(document[key]) for key in ("size", "center", "spread")}
        return cls(document["kind"], longest=document["longest"], **tuples)

    @property
    def ragged(self) -> bool:
        """Whether rows differ in length."""
        return self.kind in ("tokens", "words", "sequence")

    @property
    def inner(self) -> tuple[int, ...]:
        """The sizes of a row, or of one step of it where rows differ in length; what is looked up has none of its own.

        >>> Shape("tokens", (8_000,)).inner, Shape("words", (9_000, 9)).inner, Shape("sequence", (2,)).inner
        ((), (9,), (2,))
        """
        return self.size[1:] if self.kind in ("tokens", "words") else self.size


class TensorFeature(Protocol):
    """How a network sees the values of a column."""

    def fit(self, values: pl.Series, settings: Features) -> State:
        """What is learned from the training rows of a column: a vocabulary, a size, the means of channels."""

    def encode(self, values: pl.Series, state: State) -> Array | Ragged:
        """(rows, *size) for an image, else Ragged; finite, whatever the values are. Each row has at least one step."""

    def shape(self, state: State) -> Shape:
        """What `encode` gives."""

    def check(self, state: State) -> None:
        """Raises BundleError when a state read from a bundle could not come from `fit`."""


@dataclass(frozen=True)
class Work:
    """What a model is asked to do, and how large it is.

    task: the name of the task. outputs: how many numbers answer a row (classes, labels, clusters, or 1).
    rows, width: the size of the training inputs. sparse: whether they are (csr).
    loss, class_weight: from the recipe's `train` part.
    season: steps after which a series comes round, for forecasts; 1 where it does not.
    quantiles: for the loss `quantile`, the shares of cases below each of the answers to a step.
    shapes: of the tensors by name, for networks; empty where the inputs are a matrix.
    targets: where several are predicted, the task of each and how many outputs it has, in their order.
    """

    task: str
    outputs: int
    rows: int
    width: int
    sparse: bool = False
    loss: str = "auto"
    class_weight: str = "none"
    season: int = 1
    quantiles: tuple[float, ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    targets: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        shapes = {name: shape.to_json() for name, shape in self.shapes.items()}
        document = {**vars(self), "quantiles": list(self.quantiles), "shapes": shapes}
        return {**document, "targets": [list(target) for target in self.targets]}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        shapes = {name: Shape.from_json(shape) for name, shape in document["shapes"].items()}
        targets = tuple((str(task), int(outputs)) for task, outputs in document.get("targets", ()))
        quantiles = tuple(document.get("quantiles", ()))
        return cls(**{**document, "quantiles": quantiles, "shapes": shapes, "targets": targets})


class NoGraph(Exception):  # noqa: N818 - not an error: the form then answers itself
    """A form has no ONNX graph, or none worth having. Its text is the reason, in words."""


DOUBLE = 11
"""What ONNX calls float64, as the number that `Cast` takes (TensorProto.DOUBLE)."""


class Builder(Protocol):
    """What a form draws its graph on; `luban.runtime.graph` has the one that writes ONNX."""

    def node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Adds a node; the name of its first output. Equal nodes are added once."""

    def constant(self, values: Array) -> str:
        """The name of a tensor with these values."""

    def double(self, name: str) -> str:
        """The name of the tensor as float64: graphs calculate in it, as forms do."""

    def network(self, module: nn.Module, shapes: Mapping[str, Shape]) -> str:
        """Adds the nodes of a torch module on the tensors of these shapes; the name of its (rows, outputs) float32.

        Raises NoGraph with the reason where torch cannot export it.
        """


class Form(Protocol):
    """A fitted estimator as data (`forms/`). Final classes, frozen; equal states answer alike on every machine."""

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """How many numbers a row of its inputs has."""

    @property
    def output_width(self) -> int:
        """How many numbers answer a row."""

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, outputs) float64: probabilities (classes, clusters), values (regression) or scores (anomaly).

        Of a sequence for each row Ragged: (steps of all rows, outputs) float64, or the bytes of texts, uint8.
        """

    def state(self) -> State:
        """All of it, as data."""

    @classmethod
    def rebuild(cls, state: State) -> Self:
        """The form of a state. Raises BundleError for a shape, an index or a number that `state` never writes."""

    def graph(self, builder: Builder, inputs: str) -> str:
        """Adds ONNX nodes from the tensor named `inputs`, (rows, width) float32; returns the name of the outputs.

        They are (rows, outputs) float64. Raises NoGraph with the reason where there is none.
        """


@dataclass(frozen=True)
class Entry:
    """A candidate in the portfolio of `auto`, and its place: smaller orders are tried earlier."""

    order: int
    candidate: Candidate


class Model(Protocol):
    """A trainer of one kind of model (`models/`).

    One that reads rows as networks do, as tensors, says so by a class variable `sees = "tensors"`; one whose
    form is trees that came one after the other, so that the first of them are a model of fewer rounds, by
    `staged = True`.
    """

    name: ClassVar[str]
    trainer: ClassVar[Literal["estimator", "gradient"]]
    tasks: ClassVar[frozenset[str]]
    Settings: ClassVar[type[Section]]
    """What can be set about it: `--set model.svm.C=10`. A field's docstring is its help."""

    def portfolio(self, work: Work) -> Iterable[Entry]:
        """What it sends into the portfolio of `auto` for this work; nothing where it would not help."""

    def declines(self, work: Work) -> str | None:
        """Why it does not do this work, in words; None where it does."""

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        """The fitted form. Deterministic in its arguments; the number of threads changes nothing of the result."""


class NetworkModel(Protocol):
    """An architecture (`models/`), trained by gradients.

    takes: the kinds of `Shape` that it encodes itself; other parts of a row get the usual encoder of their kind.
    """

    name: ClassVar[str]
    trainer: ClassVar[Literal["gradient"]]
    tasks: ClassVar[frozenset[str]]
    takes: ClassVar[frozenset[str]]
    Settings: ClassVar[type[Section]]

    def portfolio(self, work: Work) -> Iterable[Entry]:
        """As for a `Model`."""

    def declines(self, work: Work) -> str | None:
        """As for a `Model`."""

    def build(self, work: Work, settings: Section) -> nn.Module:
        """The network, with fresh weights drawn from torch's random state.

        Its `forward(inputs)` takes tensors by name: each part of `work.shapes`, and beside each ragged one, which is
        padded with zeros, its lengths as `<name>.lengths`, (rows,) int64. It returns (rows, work.outputs) float32:
        what the task's `loss` takes, before any softmax. One that answers each step of the only ragged part returns
        (rows, steps, work.outputs).
        """


class Task(Protocol):
    """What is predicted (`tasks/`)."""

    name: ClassVar[str]
    supervised: ClassVar[bool]
    metrics: ClassVar[tuple[str, ...]]
    """The names of the metrics that are measured, in the order in which they are shown."""
    compared_by: ClassVar[str]
    """The metric that candidates are compared by where the recipe names none."""
    baseline: ClassVar[str]
    """The model that every result is compared with. A task with several that are equally simple names all of them in
    `baselines`, and held-out rows say which it is.
    """
    link: ClassVar[str]
    """What turns a network's outputs into answers: `softmax`, `sigmoid`, or `identity` for standardised values."""
    loss: ClassVar[Callable[[Tensor, Tensor, Train], Tensor]]
    """`loss(outputs, target, train)`: (rows,) what a network minimises, for each row by itself.

    Targets that are sequences come as (rows, steps) int64, with -1 behind the shorter ones, which has no loss.
    """

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """The classes or labels in the order of their codes; the positive class is the last of two. May be empty."""

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> PerRow:
        """The target as a `Batch` holds it; a class that is not among `classes` is -1, a missing value -1 or NaN.

        A missing sequence has no step.
        """

    def outputs(self, classes: tuple[str, ...]) -> int:
        """How many numbers answer a row."""

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The answers in what a form gives out. threshold: from which probability the positive class is answered."""


@dataclass(frozen=True)
class Target:
    """One of several targets. name: its column. outputs: how many numbers answer it."""

    name: str
    task: Task
    classes: tuple[str, ...]
    outputs: int


@dataclass(frozen=True, eq=False)
class Arranged:
    """Rows that a task made of the data's rows.

    frame: the rows, with the target as the task encodes it. schema: of their columns; `time` orders them.
    recipe: the recipe in which what was open is found. task: the task, which now knows the recipe.
    ends: the column that says until when the target of a row reaches, in the type of the column of times.
    told: what was done to the data's rows, with counts.
    """

    frame: pl.DataFrame
    schema: Schema
    recipe: Recipe
    task: Task
    ends: str
    told: Mapping[str, int]


@runtime_checkable
class Arranging(Protocol):
    """A task whose rows are not those of the data but made of them, such as windows of series."""

    def arrange(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> Arranged:
        """The rows that are learned from. Raises DataError, in words, for data of which there are none."""

    def suggested(self, frame: pl.LazyFrame, schema: Schema, recipe: Recipe) -> str | None:
        """Why this task is the question where nobody named one; None where it is not."""

    def latest(self, frame: pl.DataFrame, schema: Schema, recipe: Recipe) -> pl.DataFrame:
        """The rows whose answers lie ahead of the data, one for each series. recipe: with nothing open."""


@runtime_checkable
class Tagging(Protocol):
    """A task that tags the steps of a row: it reads a column in its own way, and its answers know their tags."""

    def of_tags(self, tags: tuple[str, ...]) -> Task:
        """The task whose answers are these tags."""

    def read(self, schema: Schema) -> Schema:
        """The columns as the task reads them. Raises UsageError, in words, where they are not those that it needs."""

    def suggested(self, frame: pl.LazyFrame, schema: Schema, target: pl.Series) -> str | None:
        """Why this task is the question where nobody named one; None where it is not."""

    def problems(self, values: pl.Series, target: pl.Series) -> Mapping[int, str]:
        """Why a row cannot be learned from, by its number; a row without a target is none of them."""


@runtime_checkable
class Asking(Protocol):
    """A task that consists of several targets, each with a task of its own."""

    def of_targets(self, targets: Sequence[Target]) -> Task:
        """The task of these targets."""


@dataclass(frozen=True)
class Metric:
    """A score (`metrics/`), defined for weighted rows: the draws of a bootstrap are weights too.

    definition: the formula in a sentence, with its source.
    scores: `scores(target, answers, weights)`: (draws,) scores, one for each row of `weights` (draws, rows); NaN where
        the score is undefined (one class only, say).
    each: (rows,) terms of which the score is the weighted mean, where it is one.
    interval: `wilson` for proportions of rows (it has `each`, of 0 and 1), else `bca`.
    bounds: the smallest and largest possible value.
    """

    name: str
    direction: Direction
    tasks: frozenset[str]
    definition: str
    scores: Callable[[PerRow, Answers, Array], Array]
    each: Callable[[PerRow, Answers], Array] | None = None
    interval: Literal["wilson", "bca"] = "bca"
    bounds: tuple[float, float] = (float("-inf"), float("inf"))

    def score(self, target: PerRow, answers: Answers, weight: Array | None = None) -> float:
        """The score of these rows; NaN where it is undefined. weight: (rows,) from zero on, or None for equal ones."""
        import numpy as np

        weights = np.ones((1, len(target))) if weight is None else weight[None, :]
        return float(self.scores(target, answers, weights)[0])


@dataclass(frozen=True)
class Rows:
    """What a split looks at. target: class codes or values. groups: codes of equal groups. order: sortable values."""

    count: int
    target: Array | None = None
    discrete: bool = False
    groups: Array | None = None
    order: Array | None = None


class Split(Protocol):
    """A way to hold rows out (`data/splits/`)."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        """(rows,) boolean: the test rows. At least one row on each side."""

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        """(rows,) int64: the fold in which a row is held out, 0 to count - 1; -1 for rows that only ever train."""


@dataclass(frozen=True)
class Reading:
    """What a source found. frame: lazily, columns as stored. facts: what was guessed, as text by name.

    dropped: how many rows were left out by reason; listed: up to 100 of them as (line, reason).
    missing_words: by column, texts that were read as missing beside the usual ones.
    split: the column that says of each row whether it is `train`, `validation` or `test`, where the data come so.
    """

    frame: pl.LazyFrame
    facts: Mapping[str, str]
    dropped: Mapping[str, int] = field(default_factory=dict)
    listed: tuple[tuple[int, str], ...] = ()
    missing_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    split: str | None = None


@dataclass(frozen=True)
class Wish:
    """How a column of texts is to be read, where that is known before.

    dtype: `String` keeps the text as it is; `Int64` and `Float64` want numbers; None lets the values decide.
    missing_words: texts that stand for no value. lenient: whatever is no number is read as missing, and told.
    """

    dtype: str | None = None
    missing_words: tuple[str, ...] = ()
    lenient: bool = False


class Source(Protocol):
    """A format of data files, or a layout of folders (`data/sources/`)."""

    def recognises(self, path: Path, head: bytes) -> bool:
        """Whether the file, which starts with these bytes, is of this format; endings of names count before bytes.

        A folder comes with an empty head.
        """

    def files(self, path: Path) -> tuple[Path, ...]:
        """The files that `read` reads, in an order of their own; for most formats the path itself.

        Raises DataError where those that belong together cannot be told.
        """

    def read(self, path: Path, wishes: Mapping[str, Wish], into: Path) -> Reading:
        """The rows, lazily. What cannot be read lazily in little memory is first written to the Parquet file `into`.

        Raises DataError that names the line where the file is damaged.
        """


@dataclass(frozen=True, eq=False)
class Examination:
    """What conditions look at: raw and encoded rows of both sides of the split, and how they came about.

    Equal only to itself, so that what several conditions need of it is computed once.
    Large data comes as a sample of at most 20,000 training and 20,000 test rows; `rows` counts all of them.

    train, test: the raw columns. train_rows, test_rows: their 0-based numbers in the data as given.
    train_target, test_target: encoded as in a Batch. classes: names of the codes.
    unscaled, unscaled_test: (rows, width) encoded with medians for missing values and indicators for categories,
        but not scaled. names: the column from which each of the `width` outputs comes.
    split, split_reason: the split that was used and why; its columns are in the schema as `group` and `time`.
    """

    recipe: Recipe
    schema: Schema
    task: Task
    classes: tuple[str, ...]
    train: pl.DataFrame
    test: pl.DataFrame
    train_rows: np.ndarray[Any, Any]
    test_rows: np.ndarray[Any, Any]
    train_target: PerRow | None
    test_target: PerRow | None
    unscaled: Inputs
    unscaled_test: Inputs
    names: tuple[str, ...]
    split: str
    split_reason: str
    rows: int
    seed: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """What conditions of the deployment look at: newer rows, beside what a bundle keeps of those it learned from.

    Equal only to itself, as an `Examination`. Of many newer rows it is a sample of 20,000; `rows` counts all of them.

    bundle, data: what they are called, for advice.
    reference: None for a bundle that keeps nothing of the rows it learned from.
    columns, said: spreads of the reference, of input columns and of answers, each with (newer rows,) the bins into
        which the newer rows fall.
    answers: what the bundle says about the newer rows.
    target: (newer rows,) as in a Batch, -1 or NaN where it is not known; None where the newer rows have no such column.
    known: the spread of the target of the older rows, and the bins of the newer ones; None where either is not known.
    confusion: (classes, classes) how many test rows of a class (line) got an answer (column); for classes.
    tested: the accuracy, or the mean absolute error, on the test rows.
    telling: columns without which the score was shown to be lower; None where that was not measured.
    slices: parts of the newer rows, by their columns.
    """

    bundle: str
    data: str
    recipe: Recipe
    task: Task
    classes: tuple[str, ...]
    reference: Reference | None
    columns: tuple[tuple[Spread, Array], ...]
    said: tuple[tuple[Spread, Array], ...]
    answers: Answers
    target: Array | None
    known: tuple[Spread, Array] | None
    confusion: Array | None
    tested: Measurement | None
    telling: frozenset[str] | None
    rows: int
    seed: int
    slices: tuple[Slice, ...] = ()

    def __len__(self) -> int:
        return len(self.answers.prediction)


@dataclass(frozen=True)
class Condition:
    """A problem that the doctor knows (`conditions/`).

    sees: what `examine` reads. `rows`: an `Examination` of data; `training`: a `Trace` of a training that goes on or
        is over; `answers`: a `Judgement` of answers to held-out rows; `newer rows`: a `Comparison` of rows that came
        later with those that were learned from.
    examine: returns findings, worst first; none when all is well. Raises ValueError, in words, where what it reads
        does not allow a judgement.
    tasks: the tasks it makes sense for.
    proof: `structural` when the signal itself says whether an edit cured it; `effect` when a paired gain must show it.
    silences: conditions that are its symptoms.
    during: what it finds in a training, for one that looks at rows in the first place; reads a `Trace`.
    judged: what it finds in answers, for one that looks at something else in the first place; reads a `Judgement`.
    code: what to change in a training loop of one's own, in a line.
    """

    id: str
    group: Literal["data", "optimisation", "generalisation", "deployment"]
    summary: str
    examine: Callable[[Any], list[Finding]]
    tasks: frozenset[str]
    sees: Literal["rows", "training", "answers", "newer rows"] = "rows"
    proof: Literal["structural", "effect", "advice"] = "advice"
    silences: tuple[str, ...] = ()
    during: Callable[[Trace], list[Finding]] | None = None
    judged: Callable[[Judgement], list[Finding]] | None = None
    code: str = ""


@dataclass(frozen=True)
class Point:
    """A number that a run told. part: the unit of work, or `bundle`. seconds: when it was told, since 1970."""

    part: str
    name: str
    value: float
    step: int
    seconds: float


class Tracking(Protocol):
    """A run that is shown while it goes on. Whatever it raises, the run goes on."""

    def describe(self, part: str, values: Mapping[str, str], seconds: float) -> None:
        """Tells what was chosen for a part."""

    def add(self, points: Sequence[Point]) -> None:
        """Tells some numbers together."""

    def close(self) -> None:
        """Ends it, for now."""


class Tracker(Protocol):
    """A program that shows runs (`trackers/`)."""

    def open(self, run: str, where: str, beside: Path, known: dict[str, str]) -> Tracking:
        """The tracking of a run. where: the server or folder that was named; may be empty. beside: the bundle's place.

        known: names of its own by part, filled by the tracking; a run that continues brings those of before.
        Raises UsageError where it is not installed or does not answer.
        """


class Log(Protocol):
    """A kind of log that a training leaves behind (`logs/`).

    certain: whether what fits can be nothing else. A table fits by its columns alone, and might be data.
    """

    certain: ClassVar[bool]

    def fits(self, path: Path) -> bool:
        """Whether a file or folder that is there is a log of this kind."""

    def read(self, path: Path) -> Mapping[str, Sequence[Mapping[str, float]]]:
        """The rows of each training in it, by name; empty where there is but one. A row has the numbers that were told
        at one time, by the names that the log has for them; NaN where it says that there is none.

        Raises DataError for one that is damaged, and UsageError where its reader is not installed.
        """


class Sample(Protocol):
    """A data set that luban can name (`data/samples/`). rows: how many. fetch: it comes over the network.

    ending: of the file that it is; empty for a folder.
    """

    target: ClassVar[str]
    title: ClassVar[str]
    rows: ClassVar[int]
    fetch: ClassVar[bool]
    ending: ClassVar[str]

    def write(self, place: Path) -> None:
        """Writes the file, or fills the folder, which is there and empty."""
