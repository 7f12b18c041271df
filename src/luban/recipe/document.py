"""A recipe as YAML text: how it is written, and how it is read when nothing in it can be trusted.

The YAML that is read is plain: no anchors, no tags, no key twice, and a word such as `yes` or `no` is a word.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from luban.core.errors import UsageError
from luban.core.strict_json import shown
from luban.core.suggest import did_you_mean
from luban.recipe.recipe import Recipe

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_BYTES = 8 << 20
MOST_DEEP = 32
MOST_VALUES = 100_000

_PLAIN = (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]{1,3})?", list("-+.0123456789")),
)
"""What an unquoted scalar may be besides text. YAML 1.1 takes `no`, `1:30`, `017` and `2020-01-01` for more."""


def to_yaml(recipe: Recipe) -> str:
    """The whole recipe, defaults included: what was trained stays readable when a default changes.

    >>> to_yaml(Recipe(target="species")).splitlines()[0]
    'target: species'
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    # What our reader would take for a number is quoted, on top of what readers of YAML 1.1 would.
    _resolve_plain(Dumper)
    document = recipe.model_dump(mode="json")
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def from_yaml(data: bytes, *, where: str) -> Recipe:
    """The recipe in the text; a part that is left out has its default.

    Raises UsageError that names the place, for text that is no plain YAML and for a key or value that no recipe has.

    >>> from_yaml(b"target: y\\npositive: yes\\nsplit: {test: 0.25}", where="mine.yaml").positive
    'yes'
    """
    return checked(plain(data, where), where=where)


def checked(document: Any, *, where: str) -> Recipe:
    """The recipe in a document; UsageError, with the near name, for a key or value that no recipe has."""
    if not isinstance(document, dict):
        raise UsageError("a recipe is a mapping of keys to values.", where=where, fix="for example: target: diagnosis")
    try:
        return Recipe.model_validate(document)
    except ValidationError as invalid:
        raise UsageError(_explain(invalid.errors()[0]), where=where) from None


def plain(data: bytes, where: str) -> Any:
    """The value in plain YAML text; UsageError that names the place for anything else.

    >>> plain(b"{C: 10, kernel: rbf}", where="--set model.svm")
    {'C': 10, 'kernel': 'rbf'}
    """
    import yaml

    if len(data) > MOST_BYTES:
        raise UsageError(f"a recipe of {len(data):,} bytes is too large; at most {MOST_BYTES:,}.", where=where)
    loader = _loader()
    try:
        text = data.decode("utf-8")
        _check_events(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UsageError(f"this is not plain YAML: {shown(error.problem, 120)}{line}.", where=where) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"this is not text: byte {error.start} is not UTF-8.", where=where) from None
    except yaml.reader.ReaderError as error:
        raise UsageError(f"this is not text: {error.reason} at {error.position}.", where=where) from None
    except ValueError as error:
        raise UsageError(f"this is not plain YAML: {error}.", where=where) from None


def _check_events(events: Any) -> None:
    """Raises ValueError for what plain YAML does not need and attacks do, before any value is made of it."""
    import yaml

    depth = 0
    for count, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ValueError("anchors and aliases (& and *) are not read")
        if getattr(event, "tag", None) is not None:
            raise ValueError(f"tags (!) are not read, here {shown(event.tag)}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MOST_DEEP or count > MOST_VALUES:
            raise ValueError(f"it is nested more than {MOST_DEEP} deep or holds more than {MOST_VALUES:,} values")


@functools.cache
def _loader() -> Any:
    """A loader class for plain YAML; from libyaml where PyYAML was built with it, which is ten times faster."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML copies it on the first change

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
            seen: set[str] = set()
            for key in (self.construct_object(item) for item, _ in node.value):
                if not isinstance(key, str):
                    raise ValueError(f"the key {shown(key)} is not text; write it in quotes")
                if key in seen:
                    raise ValueError(f"the key {shown(key)} stands there twice")
                seen.add(key)
            return super().construct_mapping(node, deep)

    _resolve_plain(Loader)
    return Loader


def _resolve_plain(handler: Any) -> None:
    for kind, pattern, first in _PLAIN:
        handler.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(rf"(?:{pattern})\Z"), first)


def _explain(problem: ErrorDetails) -> str:
    """What is wrong with one key, and what would be right."""
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        *parents, wrong = problem["loc"]
        known = _fields(parents)
        return f"no recipe has the key {shown(place)}. {did_you_mean(str(wrong), known)}"
    if problem["type"] in ("tuple_type", "list_type"):
        return f"{shown(place)} cannot be {shown(problem['input'])}: it is a list, such as [{problem['input']!s:.80}]."
    return f"{shown(place)} cannot be {shown(problem['input'])}: {problem['msg'].lower()}."


def _fields(parents: list[int | str]) -> list[str]:
    """The keys of the part of a recipe at this place."""
    part: type[BaseModel] = Recipe
    for name in parents:
        # A number is a place in a list; the part was found at the list's own name.
        if isinstance(name, str) and name in part.model_fields:
            part = _part_in(part.model_fields[name].annotation) or part
    return list(part.model_fields)


def _part_in(annotation: Any) -> type[BaseModel] | None:
    """The part of a recipe in a type such as `Split` or `tuple[Candidate, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((part for inner in get_args(annotation) if (part := _part_in(inner))), None)
