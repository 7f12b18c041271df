"""The recipe: everything that decides what a bundle will be, and nothing that does not.

Budgets (time, memory, threads) and places (paths) are not here: they belong to a run. A recipe that is fitted
again on the same data with the same versions gives a bundle with the same `content_sha256`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from luban.recipe.forecast import Forecast
from luban.recipe.optimisation import Optimisation
from luban.recipe.section import Section as Section

Kind = str
"""The name of a data type: a folder of `features`, or `identifier` or `constant`."""


class Split(Section):
    """How rows are held out."""

    kind: Literal["auto", "random", "stratified", "group", "time"] = "auto"
    """Use `group` when several rows describe one person, machine or place; `time` when the future is predicted."""
    group: str | None = None
    """The column whose equal values stay together."""
    order: str | None = None
    """The column that orders rows in time."""
    test: float = Field(0.2, gt=0, lt=1)
    """Share of rows set aside before anything is fitted, and used once, at the end."""
    folds: int = Field(5, ge=2, le=50)
    """How many parts the training rows are cut into to choose and calibrate."""
    duplicates: Literal["keep", "drop"] = "keep"
    """What happens to test rows that equal a training row."""


class Features(Section):
    """How columns become numbers."""

    scale: Literal["standard", "robust", "none"] = "standard"
    """How number columns are scaled; fitted on training rows."""
    category_floor: int = Field(5, ge=1)
    """A category seen in fewer training rows than this becomes "rare"."""
    category_limit: int = Field(100, ge=2)
    """At most this many categories of a column get an indicator of their own, the frequent ones first."""
    text_terms: int = Field(30_000, ge=100)
    """At most this many words and as many character pieces of a text column are weighed."""
    tokenizer: str = Field("bpe", min_length=1)
    """How networks cut texts: `bpe` or `wordpiece`, learned from training rows, or the path of a `tokenizer.json`."""
    template: str | None = Field(None, max_length=64 << 10)
    """How the turns of a chat become one text, in Jinja; `--from` takes the one of the language model."""
    vocabulary: int = Field(8_000, ge=300, le=1_000_000)
    """At most this many tokens that networks know of a text column, where the tokenizer is learned."""
    words: int = Field(50_000, ge=1, le=200_000)
    """At most this many words, the commonest ones, are known of a text that is tagged word by word."""
    longest: int | Literal["auto"] = Field("auto", union_mode="left_to_right")
    """Tokens, frames or steps to which longer rows are cut; `auto` takes what 99% of the training rows have."""
    image_size: int | Literal["auto"] = Field("auto", union_mode="left_to_right")
    """The height and width of images; `auto` takes that of the training images, up to `image_most`."""
    image_most: int = Field(64, ge=1, le=2_048)
    """The height and width that images have at most where `image_size` is auto; larger ones are shrunk to it."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """The channels of images; `auto` takes one where no training image has colours."""
    sample_rate: int | Literal["auto"] = Field("auto", union_mode="left_to_right")
    """Samples a second of sounds; `auto` takes the commonest of the training rows, up to 16,000."""
    mel_bands: int = Field(64, ge=8, le=512)
    """Frequency bands of a sound's spectrogram."""
    spectrogram: Literal["log-mel", "whisper"] = "log-mel"
    """How sounds become frames: luban's own way, or as Whisper learned from, 16,000 samples a second; `--from` says."""
    unreadable: Literal["stop", "drop"] = "stop"
    """Rows whose images, sounds or series cannot be read are left out; `stop` ends a run where they are above 1%."""


class Train(Optimisation):
    """What is optimised, how networks are trained, and what happens to the chosen model."""

    metric: str | None = None
    """What candidates are compared by; None takes the task's own."""
    loss: Literal["auto", "squared", "absolute", "huber", "quantile", "cross-entropy"] = "auto"
    """What models minimise, where they have the choice; `quantile` is for forecasts."""
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field((0.05, 0.5, 0.95), min_length=1, max_length=99)
    """With the loss `quantile`: the shares of cases that should lie below what is answered; the middle one predicts."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` weighs each class by the inverse of its share."""
    prior: dict[str, float] = Field(default_factory=dict)
    """The share of each class among the rows to come, where it is another: rows are weighed to have these shares."""
    calibration: Literal["auto", "none", "temperature", "isotonic"] = "auto"
    """How probabilities are corrected on rows not used to fit; `auto` only where that is shown to help."""
    threshold: Literal["auto", "metric", "cost"] | float = "auto"
    """From which probability the positive class is answered: 0.5 (`auto`), the best for metric or cost, or a number.

    Of questions: the share of `no answer` above which that is answered, `auto` the best for the metric.
    """
    cost: dict[str, float] = Field(default_factory=dict)
    """With threshold `cost`: what a `false-positive` and a `false-negative` cost."""
    refit: Literal["train", "all"] = "train"
    """`all` fits the final model on the test rows as well; the card then says so."""
    rows: int | None = Field(None, ge=1)
    """At most this many training rows are used; recorded by a run whose memory or time allowed no more."""
    repeats: Annotated[int, Field(ge=1, le=20)] | Literal["auto"] = Field("auto", union_mode="left_to_right")
    """Under 500 rows the cross-validation that joins the evidence is done this often; `auto` takes 3, and 1 of a
    network that reads texts, images, sounds or series, whose every fit takes long."""


class Candidate(Section):
    """One model with its settings, as it competes."""

    model: str
    settings: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    """What a network's training measured or chose where the recipe's `train` says `auto`; recorded by a run."""

    @property
    def label(self) -> str:
        """The candidate as a person reads it; settings that have parts are too long for that.

        >>> Candidate(model="svm", settings={"C": 1.0}).label
        'svm(C=1.0)'
        """
        inside = ", ".join(f"{key}={value}" for key, value in self.settings.items() if not isinstance(value, dict))
        return f"{self.model}({inside})" if inside else self.model


class Models(BaseModel):
    """Which models compete. Any other key is the name of a model and holds its settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    names: tuple[str, ...] = ("auto",)
    """One model, several (their ensemble competes too), or `auto`: a fixed portfolio."""
    candidates: tuple[Candidate, ...] | None = None
    """The candidates themselves; recorded by a run, so that fitting the recipe again tries the same ones."""

    @model_validator(mode="after")
    def _settings_are_mappings(self) -> Models:
        for name, value in self.settings().items():
            if not isinstance(value, dict):
                raise ValueError(f"model.{name} must hold the settings of the model '{name}', not {value!r}")
        return self

    def settings(self) -> dict[str, Any]:
        """The settings by the name of the model."""
        return dict(self.model_extra or {})


class Recipe(Section):
    """What to train and how."""

    target: str | None = None
    """The column that is predicted; None looks for structure (`clustering`, `anomaly`)."""
    also: tuple[str, ...] = ()
    """Further columns that the same model predicts, each a question of its own kind (`multi-task`)."""
    task: str | None = None
    """The kind of question; None lets the target decide."""
    positive: str | None = None
    """The class that counts as positive; None takes the rarer one."""
    columns: dict[str, Kind] = Field(default_factory=dict)
    """Data types that override what was inferred, by column."""
    drop: tuple[str, ...] = ()
    """Columns that are left out: a list, or names with commas between them."""
    weight: str | None = None
    """The column that weighs rows."""
    split: Split = Split()
    features: Features = Features()
    model: Models = Models()
    train: Train = Train()
    forecast: Forecast = Forecast()
    repair: Literal["auto", "ask", "off"] = "auto"
    """What happens to problems that are found: repaired, asked about, or only reported."""
    seed: int = Field(0, ge=0)
    """Decides every random choice."""

    @field_validator("also", "drop", mode="before")
    @classmethod
    def _by_commas(cls, columns: Any) -> Any:
        """`drop=age,town` is easier to type than a list; a name that holds a comma needs the list."""
        return [name.strip() for name in columns.split(",")] if isinstance(columns, str) else columns

    @property
    def targets(self) -> tuple[str, ...]:
        """All columns that are predicted."""
        return () if self.target is None else (self.target, *self.also)
