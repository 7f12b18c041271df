"""A folder with a pretrained model in the layout of `transformers`, read as data: config, weights, tokenizer, licence.

    config.json           the architecture (`configs`)
    model.safetensors     the weights, or the several files that `model.safetensors.index.json` names
    tokenizer.json        how texts are cut (`features/_given`), where it reads texts
    1_Pooling/config.json how one vector is made of the states, where somebody said so
    preprocessor_config.json  how sounds become frames (`sounds`), where it reads sounds
    README.md             its card, of which the licence is read

Weights in pickles are never opened. Nothing here imports torch.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core import fingerprint
from luban.core.errors import BundleError, UsageError
from luban.core.strict_json import parse, shown
from luban.data import cache
from luban.features import _given as given
from luban.origins import configs, sounds

if TYPE_CHECKING:
    from luban.batch import Array

CONFIG, WEIGHTS, INDEX, TOKENIZER = "config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"
MODEL = "model"
"""Of a bundle: the folder that `transformers` opens."""
BY_CONTENT = "sha256:"
PICKLES = ("pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.ckpt")
MOST_JSON = 8 << 20
_NAMES = ("tokenizer_config.json", "special_tokens_map.json")
"""The files in which a tokenizer names its marks."""
MOST_FILES = 200
SUMMARIES = ("mean", "first", "layers")
_LICENCE = re.compile(r"^license:\s*(\S.{0,80})$", re.MULTILINE)
_NO_LONGEST = re.compile(rb'("model_max_length"\s*:\s*)1000000000000000019884624838656\b')
"""How `transformers` writes that a tokenizer knows no longest text: a number too large for 64 bits."""
_PREFIX = re.compile(r"^(?:bert|distilbert|roberta|xlm_roberta|camembert|albert|electra|mpnet|model|encoder_model)\.")


@dataclass(frozen=True)
class Origin:
    """A pretrained model on disk.

    sha256: of what it is: config, weights and tokenizer. config: as `configs.checked` keeps it.
    marks: the numbers of what pads, is unknown, begins, ends and masks. summary: how states become one vector. A model
    of images or of sounds has a tokenizer no more than these.
    """

    path: Path
    sha256: str
    config: Mapping[str, Any]
    marks: tuple[int, int, int, int, int]
    summary: str
    licence: str | None
    files: tuple[Path, ...]

    @property
    def tokenizer(self) -> Path:
        return self.path / TOKENIZER

    @property
    def content(self) -> str:
        """Its name in recipes."""
        return BY_CONTENT + self.sha256

    def settings(self) -> dict[str, Any]:
        """What the settings of a model that begins from it say of it."""
        return {
            "content": self.content,
            "config": dict(self.config),
            "marks": list(self.marks),
            "summary": self.summary,
        }

    def weights(self) -> dict[str, Array]:
        """The tensors of its body by name, as float32: without the prefix of its kind, and without heads."""
        own = sounds.own if configs.reads(self.config) == "sequence" else bare
        return weights(self.files, self.path, own)


def opened(path: Path) -> Origin:
    """The pretrained model in a folder. Raises UsageError that names the file and the cure for what is not taken."""
    where = str(path)
    if not path.is_dir():
        raise UsageError("there is no folder of a pretrained model here.", where=where, fix=_CURE)
    document = read_json(path / CONFIG)
    try:
        config = configs.checked(document)
    except ValueError as reason:
        fix = _INSTEAD.get(configs.family(document), _CURE)
        raise UsageError(f"this architecture is not taken: {reason}.", where=str(path / CONFIG), fix=fix) from None
    files = weight_files(path)
    if configs.reads(config) != "tokens":
        if configs.reads(config) == "sequence":
            _check_hearing(path, config)
        bare_ones = [config, *(cache.content(file) for file in files)]
        return Origin(path.resolve(), fingerprint.of_json(bare_ones), config, _NO_MARKS, "mean", licence(path), files)
    tokenizer, marks = _cutting(path, tuple(cache.stamp(file) for file in _cuts(path)))
    contents = [cache.content(file) for file in files]
    identity: list[Any] = [config, *contents, tokenizer, list(marks)]
    return Origin(
        path.resolve(), fingerprint.of_json(identity), config, marks, _summary(path, document), licence(path), files
    )


def _check_hearing(path: Path, config: Mapping[str, Any]) -> None:
    """Raises UsageError where a folder does not say how sounds become frames, or says another way than is known."""
    place = path / sounds.HEARS
    if not place.is_file():
        raise UsageError(
            f"it has no {sounds.HEARS}, so nobody knows how it hears sounds.",
            where=str(path),
            fix=f"write one beside it: transformers.AutoFeatureExtractor.from_pretrained(FOLDER)"
            f".save_pretrained({str(path)!r})",
        )
    try:
        sounds.check_hearing(read_json(place), config)
    except ValueError as reason:
        raise UsageError(f"this way to hear is not taken: {reason}.", where=str(place), fix=_CURE) from None


def _cuts(path: Path) -> list[Path]:
    """The files that say how texts are cut."""
    return [tokenizer_file(path), *(path / name for name in _NAMES if (path / name).is_file())]


@lru_cache(maxsize=8)
def _cutting(path: Path, stamps: tuple[Any, ...]) -> tuple[str, tuple[int, int, int, int, int]]:
    """The fingerprint of a folder's tokenizer, and its marks: read once, as long as the stamps of its files stay.

    A training asks for its origin again, and to read a tokenizer takes as long as some of its steps.
    """
    tokenizer = given.read(str(tokenizer_file(path)))
    return fingerprint.of_bytes(tokenizer), marks_of(path, parse(tokenizer))


_NO_MARKS = (0, 0, 0, 0, 0)
_INSTEAD = {
    "decoder": "it goes on with texts: luban generate FOLDER PROMPT; "
    "luban fit DATA --from FOLDER --task chat (or causal-lm)",
    "encoder-decoder": configs.REWRITES,
}
_CURE = "give a folder that `transformers` wrote, with config.json, model.safetensors and tokenizer.json"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small JSON file. Raises UsageError for anything else."""
    try:
        if path.stat().st_size > MOST_JSON:
            raise UsageError(f"it has more than {MOST_JSON:,} bytes.", where=str(path), fix=_CURE)
        document = parse(_NO_LONGEST.sub(rb"\g<1>null", path.read_bytes()))
    except FileNotFoundError:
        raise UsageError(f"the folder holds no {path.name}.", where=str(path.parent), fix=_CURE) from None
    except ValueError as reason:
        raise UsageError(f"it cannot be read: {reason}.", where=str(path), fix=_CURE) from None
    if not isinstance(document, dict):
        raise UsageError("it holds no JSON object.", where=str(path), fix=_CURE)
    return document


def tokenizer_file(path: Path) -> Path:
    """The file that says how texts are cut. Raises UsageError with the cure where there is none."""
    if not (path / TOKENIZER).is_file():
        raise UsageError(
            f"it has no {TOKENIZER}, so no text can be cut as it was taught.",
            where=str(path),
            fix="write one beside it: transformers.AutoTokenizer.from_pretrained(FOLDER)"
            f".save_pretrained({str(path)!r})",
        )
    return path / TOKENIZER


def weight_files(path: Path) -> tuple[Path, ...]:
    """The files of a folder's weights. Raises UsageError where there are none, or pickles alone."""
    if (path / WEIGHTS).is_file():
        return (path / WEIGHTS,)
    if (path / INDEX).is_file():
        names = sorted({str(name) for name in read_json(path / INDEX).get("weight_map", {}).values()})
        wrong = [name for name in names if Path(name).name != name or not (path / name).is_file()]
        if not names or wrong or len(names) > MOST_FILES:
            what = f"it names {shown(wrong[0])}, which is not beside it" if wrong else f"it names {len(names)} files"
            raise UsageError(f"{what}.", where=str(path / INDEX), fix=_CURE)
        return tuple(path / name for name in names)
    pickle = next((name for name in PICKLES if (path / name).is_file()), None)
    if pickle is not None:
        raise UsageError(
            "its weights are a pickle, which may hold code; it is not read.",
            where=str(path / pickle),
            fix="write them as safetensors, which runs nothing of it: " + _converting(path, pickle),
        )
    raise UsageError(f"the folder holds no {WEIGHTS}.", where=str(path), fix=_CURE)


def _converting(path: Path, pickle: str) -> str:
    """The command that makes safetensors of a pickle. Each tensor is copied, for tied ones share their memory."""
    copies = "{k: v.contiguous().clone() for k, v in torch.load(sys.argv[1], weights_only=True).items()}"
    program = f"import sys, torch, safetensors.torch as s; s.save_file({copies}, sys.argv[2], {{'format': 'pt'}})"
    return f'python -c "{program}" {shlex.quote(str(path / pickle))} {shlex.quote(str(path / WEIGHTS))}'


def marks_of(path: Path, tokenizer: Mapping[str, Any]) -> tuple[int, int, int, int, int]:
    """The numbers of the tokens that frame, pad and mask, by what the tokenizer's own files call them."""
    names: dict[str, Any] = {}
    for file in _NAMES:
        if (path / file).is_file():
            names = {**read_json(path / file), **names}
    numbers = _numbers(tokenizer)

    def number(*keys: str) -> int | None:
        for key in keys:
            value = names.get(key)
            content = value.get("content") if isinstance(value, dict) else value
            if content in numbers:
                return numbers[content]
        return None

    begins, ends = number("cls_token", "bos_token"), number("sep_token", "eos_token")
    if begins is None or ends is None:
        raise UsageError(
            "its tokenizer does not say which tokens begin and end a text.",
            where=str(path / "tokenizer_config.json"),
            fix="the file should name cls_token and sep_token",
        )
    pads = number("pad_token") or 0
    unknown = number("unk_token")
    masks = number("mask_token")
    return pads, pads if unknown is None else unknown, begins, ends, pads if masks is None else masks


def _numbers(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    vocabulary = tokenizer["model"].get("vocab", {})
    if isinstance(vocabulary, dict):
        found = dict(vocabulary)
    else:
        # Of a unigram model: pairs of a piece and its logarithm, in the order of their numbers.
        found = {pair[0]: number for number, pair in enumerate(vocabulary)}
    return {**found, **{token["content"]: token["id"] for token in tokenizer.get("added_tokens", ())}}


def _summary(path: Path, document: Mapping[str, Any]) -> str:
    """Where nobody said how a vector is made, no layer was taught to stand for a text: the last one foretells hidden
    tokens, and lower ones keep what a text is about (Peters et al., 2018; Su et al., 2021), so all of them count.
    """
    said = document.get(configs.SUMMARY)
    if said in SUMMARIES:
        return str(said)
    pooling = path / "1_Pooling" / "config.json"
    if not pooling.is_file():
        return "layers"
    return "first" if read_json(pooling).get("pooling_mode_cls_token") is True else "mean"


def licence(path: Path) -> str | None:
    """What its card says, in the lines before the text."""
    card = path / "README.md"
    if not card.is_file():
        return None
    with card.open(encoding="utf-8", errors="replace") as file:
        found = _LICENCE.search(file.read(20_000))
    return None if found is None else found[1].strip().strip("\"'")


def bare(name: str) -> str:
    """The name of a tensor without the prefix of its kind.

    >>> bare("bert.encoder.layer.0.output.dense.bias"), bare("classifier.bias"), bare("LayerNorm.gamma")
    ('encoder.layer.0.output.dense.bias', 'classifier.bias', 'LayerNorm.weight')
    """
    # As the first checkpoints of BERT call what normalises.
    return (
        _PREFIX.sub("", name).replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    )


def weights(files: Sequence[Path], where: Path, named: Callable[[str], str | None] | None = None) -> dict[str, Array]:
    """The tensors of these files by their bare names, as float32. Raises BundleError for what cannot be read.

    named: what a tensor is called, instead; None for one that is left out.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    found: dict[str, Array] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - it is no dictionary
                    called = (named or bare)(name)
                    if called is not None and (tensor := tensors.get_tensor(name)).is_floating_point():
                        found[called] = tensor.to(torch.float32).numpy()
        except SafetensorError as error:
            raise BundleError(f"its weights cannot be read: {str(error)[:120]}.", where=str(file)) from None
    if not found:
        raise BundleError("it holds no weights.", where=str(where))
    return found
