"""The template of a model: how the turns of a chat become one text, and which stretches of it the model says itself.

A template is Jinja, data of a stranger: it is filled in where nothing but its own turns can be reached.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from luban.core.lazy import require

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 64 << 10
SAYS = "assistant"
"""The role whose turns are the model's."""
Turns = Sequence[Mapping[str, Any]]


def with_marks(template: str, marks: Mapping[str, str]) -> str:
    """The template with the marks that it names written into it, so that it needs nothing beside it.

    >>> filled(with_marks("{{ bos_token }}{{ messages[0].content }}", {"bos_token": "<s>"}), [{"content": "Hi"}])
    '<s>Hi'
    """
    return "".join(f"{{% set {name} = {json.dumps(mark)} %}}" for name, mark in sorted(marks.items())) + template


def filled(template: str, turns: Turns, *, ask: bool = False, marks: Mapping[str, str] | None = None) -> str:
    """The turns as one text. ask: whether it ends where an answer begins. marks: by the names that templates use.

    turns: each with `role` and `content`. Raises ValueError, in words, for turns that the template does not take.
    """
    jinja = require("jinja2", extra="nets", purpose="filling in a template of chats")
    try:
        return _opened(template).render(messages=list(turns), add_generation_prompt=ask, **(marks or {}))
    except (jinja.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as reason:
        raise ValueError(re.sub(r"\s+", " ", str(reason))[:160]) from None


def answers(template: str, turns: Turns) -> tuple[str, list[tuple[int, int]]]:
    """The turns as one text, and where each answer begins and ends in it, the mark of its end with it.

    An answer begins where the model is asked to go on. White space behind its end is the template's.
    Raises ValueError, in words, where the template writes what was said before otherwise once more follows.

    >>> answers("{% for m in messages %}{{ m.role[0] }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}a:"
    ...         "{% endif %}", [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}])
    ('u:Why?;a:So.;', [(9, 13)])
    """
    text, found = filled(template, turns), []
    for place, turn in enumerate(turns):
        if turn.get("role") != SAYS:
            continue
        before, until = filled(template, turns[:place], ask=True), filled(template, turns[: place + 1])
        if not (until.startswith(before) and text.startswith(until)):
            raise ValueError(f"turn {place + 1} is written otherwise once it is answered, or once more is said")
        found.append((len(before), max(len(until.rstrip()), len(before))))
    return text, found


@functools.lru_cache(maxsize=8)
def _opened(template: str) -> Template:
    jinja = require("jinja2", extra="nets", purpose="filling in a template of chats")
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refused(what: object) -> None:
        raise jinja.TemplateError(str(what))

    # Nothing outside of the turns can be reached, and a loop over numbers is bounded.
    room = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    room.globals["raise_exception"] = refused
    return room.from_string(template)
