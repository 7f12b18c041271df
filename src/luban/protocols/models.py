"""What is asked of a model, and who trains one: an estimator or a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

from luban.batch import Array, Batch, Inputs
from luban.protocols.features import Shape
from luban.protocols.forms import Form
from luban.protocols.state import State
from luban.recipe.recipe import Candidate, Section

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    begins: of the tokens of a language model, which of them begin a word: a bit for each, as hexadecimal digits.
    window: tokens that are read at once of a long text in which an answer is looked for; 0 where none is.
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
    begins: str = ""
    window: int = 0

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


@runtime_checkable
class Customary(Protocol):
    """An architecture of which it is known at which rate and how long it is trained."""

    def rate(self, settings: Section) -> tuple[float, str]:
        """The learning rate where the recipe leaves it open, and why."""

    def epochs(self, steps: int) -> tuple[int, str]:
        """How many epochs, of so many steps, where the recipe leaves it open, and why."""


@runtime_checkable
class Blocked(Protocol):
    """An architecture that says how much it learns from at once: blocks of texts of one length, or few long rows."""

    def batch(self, settings: Section) -> tuple[int, str]:
        """How many blocks, or rows, make a step where the recipe leaves it open, and why."""

    def usual(self) -> Mapping[str, tuple[str, str]]:
        """The optimiser and the schedule where the recipe leaves them open, by key of its `train`, and why."""


@runtime_checkable
class LaidOut(Protocol):
    """An architecture that the library `transformers` has too, so that what was trained can be read by it.

    goes_on: whether it writes texts on, so that one that is given has no end.
    """

    goes_on: ClassVar[bool]

    def laid_out(
        self, settings: Section, work: Work, weights: Mapping[str, Array]
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """The content of its `config.json`, and the weights by the names that they have there."""


@runtime_checkable
class Pretrained(Customary, Protocol):
    """An architecture whose weights were learned before, on other data: its training goes on from there."""

    def begin(self, module: nn.Module, settings: Section) -> None:
        """Puts those weights in the place of fresh ones, and says by `requires_grad` which of them stay as they are.

        A parameter that learns at another rate than the recipe's has the factor as its attribute `rate`, and one that
        begins later the share of the steps before that as `begins`.
        Raises UsageError where the weights are not found, BundleError where they do not fit.
        """


@runtime_checkable
class Continuing(Protocol):
    """An architecture that goes on with the very task that it was pretrained for, so that it can be asked before."""

    def as_it_was(self, settings: Section) -> Candidate:
        """What it was before: a candidate that learns nothing, and reads as much at once."""


@runtime_checkable
class Wording(Protocol):
    """An architecture that reads and writes texts in the tokens that it was pretrained with."""

    def tokens(self, settings: Section) -> tuple[State, int, int]:
        """How texts are cut, as the features of texts keep it; how many tokens the network tells apart, luban's marks
        among them; and how many it writes at most. Raises UsageError where the pretrained model is not found.
        """


@runtime_checkable
class Counting(Protocol):
    """An architecture whose weights may begin from what can be counted in the rows, before the first step."""

    Settings: ClassVar[type[Section]]

    def begin_from(self, module: nn.Module, inputs: Inputs, settings: Section) -> None:
        """Puts what these rows tell in the place of fresh weights. The same rows give the same weights."""


@runtime_checkable
class Narrowing(Protocol):
    """An architecture with weights that only some rows reach, such as those of a word."""

    def narrow(self, module: nn.Module, inputs: Inputs) -> None:
        """Lets what none of these rows reaches stay as it is: no gradient, no moments, no weight decay.

        Called behind `begin`. What learns from the rows learns the same; the state of the module is as before.
        """


@runtime_checkable
class Adapting(Protocol):
    """An architecture whose training may put small matrices beside large ones that stay as they are."""

    Settings: ClassVar[type[Section]]

    def merged(
        self, weights: Mapping[str, Tensor], settings: Section, *, over: bool = False
    ) -> tuple[dict[str, Tensor], Section]:
        """The weights by name without such matrices, which are put into the large ones, and the settings of that.

        over: whether the large ones are written over, which takes no memory; whoever has them needs them no more.
        """


@runtime_checkable
class Sizing(Protocol):
    """A network whose size can be left to the rows and to the time that they may take."""

    def sized(
        self, settings: Section, work: Work, length: float, seconds: float | None
    ) -> tuple[Mapping[str, Any], str]:
        """What the settings leave open, decided, by name, and why; nothing where nothing is open.

        length: steps of a row on average, those that are wanted too. seconds: the wall time of the whole run, or None.
        """
