"""A language model, or an encoder or encoder-decoder that was tuned, as the library `transformers` reads it: config,
weights by its names, and the tokenizer.

The numbers of tokens are luban's own: five marks, then those of the tokenizer. So a folder that is read by others gives
the same numbers to the same text. What began from a model of others has the numbers that it had there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from luban.arrays import Arrays, Content
from luban.batch import Array
from luban.core import registry
from luban.features.text import byte_pairs
from luban.origins import configs
from luban.protocols import Form, LaidOut, State, Wording

START, END = byte_pairs.MARKS.index("[START]"), byte_pairs.MARKS.index("[END]")
_UNLIKELY = -1e4
_PLACES = ("max_position_embeddings", "n_positions")


def of(form: Form, tokens: State | None) -> dict[str, Content]:
    """The files by name; none for a form that is no network, or whose architecture others do not know.

    tokens: how texts are cut.
    """
    while hasattr(form, "inner"):
        # What corrects probabilities stands around the network.
        form = form.inner
    network: Any = getattr(form, "network", form if form.kind == "network" else None)
    if network is None or tokens is None:
        return {}
    model = registry.find("models", network.model)
    if not isinstance(model, LaidOut):
        return {}
    settings = model.Settings.model_validate(dict(network.settings))  # type: ignore[attr-defined]
    config, weights = model.laid_out(settings, network.work, network.weights)
    if not weights:
        return {}
    if "template" in tokens.values:
        return {**_weights(config, weights), **_speaking(tokens, settings, config)}
    origin = getattr(settings, "origin", None)
    if model.goes_on and origin is not None:
        return {**_weights(config, weights), **_continuing(tokens, origin, config)}
    if isinstance(model, Wording) and origin is not None:
        return {**_weights(config, weights), **_rewriting(tokens, settings, config)}
    if origin is not None:
        cutting = _reading(tokens, origin)
        return {**_weights(config, weights), **cutting} if cutting else {}
    document, names = tokenizer(tokens, ends=not model.goes_on)
    return {
        **_weights(config, weights),
        "tokenizer.json": _json(document),
        "tokenizer_config.json": _json(_called(names, config["max_position_embeddings"], ends=not model.goes_on)),
    }


def _weights(config: dict[str, Any], weights: dict[str, Array]) -> dict[str, Content]:
    return {"config.json": _json(config), "model.safetensors": Arrays(weights, {"format": "pt"})}


def _speaking(tokens: State, settings: Any, config: dict[str, Any]) -> dict[str, Content]:
    """How a language model that was adapted cuts texts and writes chats: as it did before."""
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": _longest(config),
        "clean_up_tokenization_spaces": False,
        **settings.origin.marks,
        "chat_template": tokens.values["template"],
    }
    return {"tokenizer.json": tokens.arrays["tokenizer"].tobytes(), "tokenizer_config.json": _json(told)}


def _continuing(tokens: State, origin: Any, config: dict[str, Any]) -> dict[str, Content]:
    """How a language model that went on with raw text cuts texts: as it did before, and each text begins with the mark
    that documents began with. The template of its chats is kept, for whoever adapts it to these.
    """
    document = json.loads(tokens.arrays["tokenizer"].tobytes())
    begins = next(name for name, number in _numbers(document).items() if number == origin.parts[0])
    document["post_processor"] = _framing(begins, None, {begins: origin.parts[0]})
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": _longest(config),
        "clean_up_tokenization_spaces": False,
        **origin.marks,
        **({} if origin.template is None else {"chat_template": origin.template}),
    }
    return {"tokenizer.json": _json(document), "tokenizer_config.json": _json(told)}


def _rewriting(tokens: State, settings: Any, config: Mapping[str, Any]) -> dict[str, Content]:
    """How an encoder-decoder that was tuned cuts texts as it did before, frames them, and writes as it does here."""
    document, origin = json.loads(tokens.arrays["tokenizer"].tobytes()), settings.origin
    names = {number: name for name, number in _numbers(document).items()}
    pads, unknown, begins, ends = (names.get(number) for number in origin.marks[:4])
    framed = begins if config["model_type"] == "bart" else None
    used = {name: number for number, name in names.items() if name in (framed, ends)}
    document["post_processor"] = _framing(framed, ends, used)
    told = {"pad_token": pads, "unk_token": unknown, "bos_token": framed, "eos_token": ends}
    start, *forced = origin.starts
    generating = {
        "decoder_start_token_id": start,
        "pad_token_id": origin.marks[0],
        "eos_token_id": origin.marks[3],
        "num_beams": settings.beams,
        "max_new_tokens": settings.longest + len(origin.starts),
        **({"forced_bos_token_id": forced[0]} if forced else {}),
        **({"bad_words_ids": [[number] for number in origin.never]} if origin.never else {}),
    }
    return {
        "tokenizer.json": _json(document),
        "tokenizer_config.json": _json(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": _longest(config),
                "clean_up_tokenization_spaces": False,
                "model_input_names": ["input_ids", "attention_mask"],
                **{role: name for role, name in told.items() if name is not None},
            }
        ),
        "generation_config.json": _json(generating),
    }


def _longest(config: Mapping[str, Any]) -> Any:
    """Tokens that a language model looks back on, by its config."""
    return next((config[name] for name in _PLACES if name in config), None)


def _numbers(document: Mapping[str, Any]) -> dict[str, int]:
    """The number of each token of a tokenizer."""
    pieces = document["model"]["vocab"]
    numbers = dict(pieces) if isinstance(pieces, dict) else {piece[0]: number for number, piece in enumerate(pieces)}
    return numbers | {token["content"]: token["id"] for token in document["added_tokens"]}


def _reading(tokens: State, origin: Any) -> dict[str, Content]:
    """How an encoder that was tuned cuts texts: as it did before, each text between its marks. Nothing where these have
    no name.
    """
    document = json.loads(tokens.arrays["tokenizer"].tobytes())
    numbers = _numbers(document)
    names = {number: name for name, number in numbers.items()}
    if any(number not in names for number in origin.marks):
        return {}
    pads, unknown, begins, ends, masks = (names[number] for number in origin.marks)
    longest = configs.longest(origin.config)
    document["post_processor"] = _framing(begins, ends, {name: numbers[name] for name in (begins, ends)})
    return {
        "tokenizer.json": _json(document),
        "tokenizer_config.json": _json(_called([pads, unknown, begins, ends, masks], longest, ends=True)),
    }


def tokenizer(tokens: State, *, ends: bool) -> tuple[dict[str, Any], list[str]]:
    """The content of `tokenizer.json`, and what the five marks are called in it.

    ends: whether END is written behind a text; one that goes on has none.
    """
    if "merges" in tokens.arrays:
        document = json.loads(byte_pairs.tokenizer(tokens.arrays["merges"].tobytes()).to_str())
        names = list(byte_pairs.MARKS)
        # Luban writes the first word as words within a text are.
        document["pre_tokenizer"]["add_prefix_space"] = True
        document["added_tokens"] = []
    else:
        document, names = _shifted(json.loads(tokens.arrays["tokenizer"].tobytes()))
    marks = [
        {"id": number, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
         "special": True}
        for number, name in enumerate(names)
    ]  # fmt: skip
    document["added_tokens"] = [*marks, *document["added_tokens"]]
    numbers = {name: number for number, name in enumerate(names)}
    document["post_processor"] = _framing(names[START], names[END] if ends else None, numbers)
    return document, names


def _framing(begins: str | None, ends: str | None, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The part of `tokenizer.json` that writes marks before a text and behind it, where it has them."""
    framed: list[Any] = [] if begins is None else [{"SpecialToken": {"id": begins, "type_id": 0}}]
    framed.append({"Sequence": {"id": "A", "type_id": 0}})
    if ends is not None:
        framed.append({"SpecialToken": {"id": ends, "type_id": 0}})
    used = dict.fromkeys(name for name in (begins, ends) if name is not None)
    return {
        "type": "TemplateProcessing",
        "single": framed,
        "pair": [*framed, {"Sequence": {"id": "B", "type_id": 0}}, *framed[len(framed) - (ends is not None) :]],
        "special_tokens": {name: {"id": name, "ids": [numbers[name]], "tokens": [name]} for name in used},
    }


def _shifted(document: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A tokenizer that was given, with its numbers behind those of the marks, and what these are called."""
    model, count = document["model"], len(byte_pairs.MARKS)
    pieces = model["vocab"]
    listed = isinstance(pieces, list)
    added = document.get("added_tokens") or []
    taken = {piece[0] for piece in pieces} if listed else set(pieces)
    taken |= {token["content"] for token in added}
    names = []
    for mark in byte_pairs.MARKS:
        name = mark
        while name in taken:
            name = f"[{name}]"
        names.append(name)
    if listed:
        model["vocab"] = [*([name, _UNLIKELY] for name in names), *pieces]
        if isinstance(model.get("unk_id"), int):
            model["unk_id"] += count
    else:
        model["vocab"] = {name: number for number, name in enumerate(names)}
        model["vocab"] |= {piece: number + count for piece, number in pieces.items()}
    document["added_tokens"] = [{**token, "id": token["id"] + count} for token in added]
    return document, names


def _called(names: list[str], longest: int, *, ends: bool) -> dict[str, Any]:
    """The content of `tokenizer_config.json`."""
    roles = ["pad_token", "unk_token", "bos_token", "eos_token", "mask_token"]
    found: dict[str, Any] = dict(zip(roles, names, strict=True))
    if ends:
        found |= {"cls_token": names[START], "sep_token": names[END]}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": longest,
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
        **found,
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=False, indent=1).encode()
