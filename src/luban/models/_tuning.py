"""How a pretrained model goes on learning: all of it, its head alone, block by block, or by adapters; which is chosen.

head      the pretrained weights stay as they are
gradual   the topmost block begins first, the lowest one half-way (Howard and Ruder, 2018)
full      all blocks from the first step on
lora      beside each matrix two small ones learn, which are put into it in the end (Hu et al., 2022)
dora      the same, with a length for each output (Liu et al., 2024)
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from luban.models import _begun
from luban.models._pretrained import Beginning, Origin
from luban.origins import configs
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import Tensor, nn

Way = Literal["head", "gradual", "full", "lora", "dora"]
ADAPTERS = ("lora", "dora")
UNDERWAY = 0.5
"""Share of the steps behind which the lowest block of `gradual` learns too."""
FASTER = 10.0
"""How many times as fast as weights an adapter learns: it begins with nothing."""
LARGE = 60_000_000
"""Weights of the blocks from which an adapter learns where nothing is said: gradients and the moments of the optimiser
take three times the memory of the weights."""
SMALL, QUICK = 3_000_000, 8.0
"""Weights of the blocks below which embeddings learn faster, and how many times as fast: small networks know of a text
little beside its words, and each of them stands in few of the rows. By trial (decision 0040)."""
RATE, RATE_OF_SMALL = 5e-5, 5e-4
"""The learning rate of a body (Devlin et al., 2019, took 2e-5 to 5e-5), and of one of less than `SMALL` weights, which
the first hardly moves in so few steps (decision 0040)."""
OPERATIONS = 2e10
"""Multiplications and additions in a second that are counted on, about those of one slow core: not measured."""
LEARNS = 0.5
"""Share of the time of a run that is left for a fine-tuning, beside reading, other models and writing."""
FITS = 2
"""How often it is fitted about: to be judged, and to answer."""


class AdapterSettings(Beginning):
    """Abstract. The settings of what fine-tunes blocks of attention: which of them learn, and by which adapters."""

    tune: Way | Literal["auto"] = "auto"
    """What learns: the head, the blocks one by one, all of it, or adapters; `auto` goes by size, rows and time."""
    rank: int = Field(8, ge=1, le=1_024)
    """Of `lora` and `dora`: how many numbers lie between the two matrices of an adapter."""
    alpha: float = Field(16.0, gt=0, le=1e4)
    """Of `lora` and `dora`: the product of the two matrices is multiplied by this over the rank."""

    @property
    def way(self) -> Way:
        """What learns; by the size alone where nobody decided it by rows and time."""
        assert self.origin is not None
        return of_size(configs.block_weights(self.origin.config))[0] if self.tune == "auto" else self.tune

    def adapt(self, body: nn.Module) -> None:
        """Puts adapters beside the matrices of a body, where they are what learns."""
        from luban.models import _adapters

        way = self.way
        if way == "lora" or way == "dora":
            _adapters.adapt(body, _adapters.How(way, self.rank, self.alpha / self.rank), lambda name: True)

    def merged(self, weights: Mapping[str, Tensor], *, over: bool = False) -> tuple[dict[str, Tensor], Section]:
        """The weights with adapters put into the matrices that they stand beside, and the settings without them."""
        from luban.models import _adapters

        if self.way not in ADAPTERS:
            return dict(weights), self
        return _adapters.merged(weights, self.alpha / self.rank, over=over), self.model_copy(update={"tune": "full"})


class AdaptedNetwork(_begun.BegunNetwork, ABC):
    """Abstract. A network whose settings say what learns of it, adapters among the ways."""

    def merged(
        self, weights: Mapping[str, Tensor], settings: Section, *, over: bool = False
    ) -> tuple[dict[str, Tensor], Section]:
        assert isinstance(settings, AdapterSettings)
        return settings.merged(weights, over=over)


def of_size(weights: int) -> tuple[Way, str]:
    """The way where rows and time say nothing, and why. weights: of the blocks.

    >>> of_size(10_000_000)[0], of_size(300_000_000)[0]
    ('full', 'lora')
    """
    if weights < LARGE:
        return "full", f"its blocks have {weights:,} weights, few enough to change all of them"
    return "lora", f"its blocks have {weights:,} weights; to change all of them takes four times the memory"


def chosen(weights: int, operations: float, rows: int, fewest: int, seconds: float | None) -> tuple[Way, str]:
    """The way for so many rows in this time, and why.

    operations: of one row, to answer it. fewest: passes of a fine-tuning. seconds: the wall time of the run; None
    without a limit.

    >>> chosen(10_000_000, 2e8, 500, 3, None)[0], chosen(10_000_000, 2e8, 500_000, 3, 600.0)[0]
    ('full', 'head')
    """
    way, why = of_size(weights)
    # To learn from a row takes about three times what it takes to answer it.
    passes = None if seconds is None else LEARNS * seconds * OPERATIONS / (3 * operations * rows * FITS)
    if passes is not None and passes < fewest:
        return "head", f"the time is enough for {passes:.1f} passes over {rows:,} rows; all of it would need {fewest}"
    return way, why


def rate(weights: int) -> tuple[float, str]:
    """The learning rate of a body of texts, and why. weights: of its blocks.

    >>> rate(800_000)[0], rate(10_000_000)[0]
    (0.0005, 5e-05)
    """
    if weights < SMALL:
        return RATE_OF_SMALL, "ten times the usual one for weights that were pretrained: small networks bear more"
    return RATE, "the usual one for weights that were pretrained"


def of_embeddings(weights: int) -> tuple[float, str]:
    """How many times as fast as layer decay has it embeddings learn, and why. weights: of the blocks.

    >>> of_embeddings(800_000)[0], of_embeddings(10_000_000)[0]
    (8.0, 1.0)
    """
    if weights < SMALL:
        return QUICK, f"blocks of {weights:,} weights know little more of a text than its words, so these learn faster"
    return 1.0, f"blocks of {weights:,} weights can change in the place of its words"


def begin(
    module: nn.Module,
    origin: Origin,
    way: Way,
    *,
    frozen: int,
    decay: float,
    head: float,
    embeddings: float = 1.0,
) -> None:
    """Puts the weights of an origin into each body of a module, and says which parameters learn, how fast, and when.

    frozen: blocks from below that do not, and what is beneath them. decay: how much slower each block learns than the
    one above it. head: how many times as fast as the topmost block everything outside of a body does. embeddings: how
    many times as fast as that what is beneath the blocks does.
    Raises UsageError where the origin is not found, BundleError where its weights do not fit.
    """
    from luban.models import _adapters
    from luban.origins import naming, weighing

    weights = naming.find(origin.content).weights()
    blocks = configs.layers(origin.config)
    adapts = way in ADAPTERS
    bodies: list[Any] = [part.body for part in module.modules() if hasattr(part, "body")]
    for body in bodies:
        own = {name: tensor.numpy() for name, tensor in body.state_dict().items() if _adapters.learns(name)}
        weighing.put(body, {**weights, **own})
        _adapters.begun(body)
    for name, parameter in module.named_parameters():
        height = _height(name, blocks)
        able = height is None or (way != "head" and (height > frozen or not frozen))
        parameter.requires_grad_(able and (not adapts or height is None or _adapters.learns(name)))
        slower = FASTER if adapts else decay ** (blocks - (height or 0)) * (embeddings if height == 0 else 1.0)
        parameter.rate = head if height is None else slower  # type: ignore[attr-defined]
        if way == "gradual" and height is not None:
            parameter.begins = UNDERWAY * (blocks + 1 - height) / (blocks + 1)  # type: ignore[attr-defined]


def _height(name: str, blocks: int) -> int | None:
    """How high a parameter of a body stands: 0 beneath its blocks, 1 to `blocks`; None outside of a body.

    >>> _height("encoders.0.body.encoder.layer.3.output.dense.weight", 6), _height("head.weight", 6)
    (4, None)
    >>> _height("encoders.0.body.stem.norm.weight", 16), _height("encoders.0.body.head.norm.weight", 16)
    (0, 16)
    >>> [_height(f"encoders.0.body.{name}", 4) for name in ("conv1.weight", "layers.0.fc1.bias", "layer_norm.bias")]
    [0, 1, 4]
    """
    if ".body." not in name:
        return None
    inside = name.split(".body.", 1)[1].split(".")
    if inside[0] in ("head", "final_norm", "layer_norm"):
        return blocks
    number = next((int(word) for word in inside if word.isdecimal()), None)
    return 0 if number is None else min(number + 1, blocks)
