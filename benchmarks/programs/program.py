"""A training program as data. A fault is a change of it, so what is wrong is known by construction, and how to take it
back too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """How a network is trained. The first fields make programs differ; those from `inputs` on hold the faults.

    data: digits, cancer, wine, iris, bbc, fashion, gunpoint, mnist, vowels, motions, titanic, german, progression
    (classes), diabetes (values). network: mlp, cnn, lstm, gru, transformer, autoencoder. depth, width: hidden layers
    and their units. among: only so many rows of the data exist. rows: only so many are learned from.
    start: `fresh`; `trained`, from weights that the same program left; `other`, from weights that it left on other
    rows, with a new last layer. initial: `rule`, `constant`, or what the rule's weights are multiplied by. bias: of
    hidden layers. final: an activation behind the last layer, which should have
    none. frozen: `off` or `outside` the optimiser, the `first` weight or `most`; or `norms`, the batch normalisations.
    """

    data: str = "digits"
    network: str = "mlp"
    depth: int = 2
    width: int = 64
    activation: str = "relu"
    normalise: str = "none"
    dropout: float = 0.0
    optimizer: str = "adam"
    rate: float = 1e-3
    weight_decay: float = 0.0
    batch: int = 32
    epochs: int = 10
    schedule: str = "none"
    clip: float | None = None
    accumulation: int = 1
    among: int = 0
    rows: int = 0
    rarer: float = 1.0
    start: str = "fresh"
    inputs: str = "scaled"
    initial: str | float = "rule"
    bias: float = 0.0
    final: str = "none"
    loss: str = "fits"
    zero_gradients: bool = True
    frozen: str = "none"
    shuffled: bool = True
    missing: float = 0.0
    training_mode: bool = True
    evaluation_mode: bool = True
    shape: str = "fits"
    mixes_rows: bool = False
    clips: bool = True
    decays: bool = True
    steps_schedule: bool = True
    storage: str = "float32"
    labels: float = 0.0
    declared: bool = True

    @property
    def classes(self) -> bool:
        return self.data != "diabetes" and self.network != "autoencoder"
