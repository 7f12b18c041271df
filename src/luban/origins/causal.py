"""Language models that continue a text, as places to begin from: a folder as `transformers` writes it, a GGUF file, or
the folder `model` of a bundle.

    config.json         the architecture, of `causal_configs.KINDS`
    *.safetensors       the weights
    tokenizer.json      how texts are cut
    tokenizer_config.json, chat_template.jinja    the marks, and how the turns of a chat become one text
    generation_config.json    further tokens that end an answer

All of it is data of a stranger: sizes are bounded, pickles are never opened, and code that a folder brings is never
looked at. The template is Jinja, and is filled in where nothing but its own turns can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luban.core import fingerprint
from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.core.suggest import did_you_mean, fold
from luban.data import cache, catalogue
from luban.features import _given as given
from luban.features.chat import template
from luban.origins import causal_configs, configs, from_gguf, layout, loading, naming

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

_PLACES = ("max_position_embeddings", "n_positions")
PARTING = ("<|endoftext|>", "<|end_of_text|>")
"""The marks behind a document where a tokenizer has one: what ends a turn of a chat is another one. The first stands
before a document too.
"""
_WORDS = 50_257
"""Of GPT-2, where a config says nothing."""
_TOLD, _TEMPLATE, _ENDS = "tokenizer_config.json", "chat_template.jinja", "generation_config.json"
_KIND: loading.Kind = "AutoModelForCausalLM"
_INSTEAD = {
    "encoder": "it reads in both directions and fills hidden tokens: luban fit DATA --task masked-lm --from FOLDER",
    "encoder-decoder": configs.REWRITES,
}
_CURE = "give a bundle or a folder with config.json, model.safetensors and tokenizer.json, or a GGUF file"


@dataclass(frozen=True)
class Causal:
    """A language model on disk.

    sha256: of what it is. config: as `causal_configs.checked` keeps it. ends: the numbers of the tokens that end an
    answer. template: how the turns of a chat become one text; None where it has none.
    """

    path: Path
    sha256: str
    config: Mapping[str, Any]
    ends: tuple[int, ...]
    marks: Mapping[str, str]
    template: str | None
    licence: str | None

    @property
    def context(self) -> int:
        """Tokens that it can look back on."""
        return next((int(self.config[name]) for name in _PLACES if name in self.config), 1024)

    @property
    def content(self) -> str:
        """Its name in recipes."""
        return layout.BY_CONTENT + self.sha256

    def parts(self) -> tuple[int, int]:
        """The numbers of the tokens that begin and end a document of raw text. Raises UsageError where it has none, or
        fewer rows than tokens.
        """
        return _parts(self)

    def settings(self) -> dict[str, Any]:
        """What the settings of a model that begins from it say of it."""
        return {
            "content": self.content,
            "config": dict(self.config),
            "ends": list(self.ends),
            "marks": dict(self.marks),
        }

    def tokenizer(self) -> Tokenizer:
        """What cuts texts. A mark that stands in a text is read as that mark, as `transformers` does."""
        tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
        found: Tokenizer = tokenizers.Tokenizer.from_file(str(self.path / layout.TOKENIZER))
        found.no_padding()
        found.no_truncation()
        return found

    def network(self) -> nn.Module:
        """The network with its weights, float32. Raises BundleError for weights that are missing or do not fit."""
        return loading.network(self.path, self.config, _KIND, _CURE)

    def chat(self, turns: Sequence[Mapping[str, str]], *, ask: bool) -> str:
        """The turns of a chat as one text. ask: whether it ends where an answer begins.

        turns: each with `role` and `content`. Raises UsageError for a model without a template, or turns that it does
        not take.
        """
        return _filled(self, turns, ask)


def find(name: str) -> Causal:
    """The language model of a name: a bundle, a folder, a GGUF file, or a sample such as `smollm2`; or `sha256:...`, as
    recipes have it.

    Raises UsageError with the near name, or with the command that fetches it.
    """
    if name.startswith(layout.BY_CONTENT):
        found = opened(naming.noted(name))
        if found.content != name:
            raise naming.lost(name)
        return found
    path = Path(name)
    if not path.exists():
        if fold(name.removeprefix("sample:")) not in catalogue.models():
            near = did_you_mean(name, catalogue.language_models())
            raise UsageError(f"no bundle, folder or known language model is called '{name}'. {near}", fix=_CURE)
        path = catalogue.sample_path(name.removeprefix("sample:"))
    if path.is_file():
        if path.suffix.lower() != catalogue.WRITING:
            raise UsageError("this file is no GGUF file.", where=str(path), fix=_CURE)
        path = from_gguf.folder(path)
    elif (path / "manifest.json").is_file():
        if not (path / layout.MODEL / layout.CONFIG).is_file():
            raise UsageError(
                "this bundle holds no language model; where counts of tokens answer, the network was not finished.",
                where=name,
                fix="learn one, or for longer: luban fit TEXTS --task causal-lm --time 10m",
            )
        path = path / layout.MODEL
    return opened(path)


def opened(path: Path) -> Causal:
    """The language model in a folder. Raises UsageError that names the file and the cure for what is not taken."""
    document = layout.read_json(path / layout.CONFIG)
    try:
        config = causal_configs.checked(document)
    except ValueError as reason:
        where = str(path / layout.CONFIG)
        fix = _INSTEAD.get(configs.family(document), _CURE)
        raise UsageError(f"this architecture is not taken: {reason}.", where=where, fix=fix) from None
    weights = layout.weight_files(path)
    tokenizer = given.read(str(layout.tokenizer_file(path)))
    told = layout.read_json(path / _TOLD) if (path / _TOLD).is_file() else {}
    marks = {name: _content(told.get(name)) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    template = _template(path, told)
    identity = [config, *(cache.content(file) for file in weights), fingerprint.of_bytes(tokenizer), template]
    return Causal(
        path.resolve(),
        fingerprint.of_json(identity),
        config,
        _ends(path, document),
        {name: mark for name, mark in marks.items() if mark},
        template,
        layout.licence(path),
    )


def weights(config: Mapping[str, Any]) -> int:
    """How many weights the network of a config has. Raises ValueError for one that no network is made of."""
    return sum(parameter.numel() for parameter in loading.outline(config, _KIND).parameters())


def laid_out(config: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The content of `config.json`, and what the names of the weights of all blocks begin with."""
    told, outline = loading.laid_out(config, _KIND)
    return told, str(outline.base_model_prefix)


def _content(value: Any) -> str:
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else ""


def _ends(path: Path, document: Mapping[str, Any]) -> tuple[int, ...]:
    told = layout.read_json(path / _ENDS) if (path / _ENDS).is_file() else {}
    value = told.get("eos_token_id", document.get("eos_token_id"))
    numbers = value if isinstance(value, list) else [value]
    return tuple(number for number in numbers[:64] if isinstance(number, int) and not isinstance(number, bool))


def _template(path: Path, told: Mapping[str, Any]) -> str | None:
    file, found = path / _TEMPLATE, told.get("chat_template")
    if file.is_file():
        if file.stat().st_size > template.MOST_BYTES:
            raise UsageError(f"a template has at most {template.MOST_BYTES:,} bytes.", where=str(file), fix=_CURE)
        found = file.read_text(encoding="utf-8", errors="replace")
    if not isinstance(found, str):
        return None
    if len(found) > template.MOST_BYTES:
        raise UsageError(f"a template has at most {template.MOST_BYTES:,} bytes.", where=str(path / _TOLD), fix=_CURE)
    return found


def _parts(origin: Causal) -> tuple[int, int]:
    numbers = origin.tokenizer().get_vocab(with_added_tokens=True)
    rows, most = int(origin.config.get("vocab_size", _WORDS)), max(numbers.values(), default=-1) + 1
    if most > rows:
        raise UsageError(
            f"its tokenizer has {most:,} tokens, and its weights a row for {rows:,}.",
            where=str(origin.path / layout.TOKENIZER),
            fix="config.json, weights and tokenizer must be of one model: fetch or write the folder again",
        )
    begins, ends = (numbers.get(origin.marks.get(name, "")) for name in ("bos_token", "eos_token"))
    ends = next((numbers[mark] for mark in PARTING if mark in numbers), ends)
    if ends is None:
        raise UsageError(
            "its tokenizer does not say which token ends a text.",
            where=str(origin.path / _TOLD),
            fix="the file should name eos_token, and bos_token where it has one",
        )
    begins = ends if begins is None else numbers.get(PARTING[0], begins)
    return begins, ends


def _filled(origin: Causal, turns: Sequence[Mapping[str, str]], ask: bool) -> str:
    if origin.template is None:
        raise UsageError(
            "this model has no template of chats.",
            where=str(origin.path / _TOLD),
            fix="leave out --chat: a plain prompt",
        )
    try:
        return template.filled(origin.template, turns, ask=ask, marks=origin.marks)
    except ValueError as reason:
        raise UsageError(f"its template does not take these turns: {reason}.", where=str(origin.path)) from None
