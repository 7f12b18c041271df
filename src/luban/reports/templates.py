"""The templates beside this module. Everything that is put into one is escaped, but for what is marked as markup."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STYLES = ("page.css", "explaining.css")


@functools.cache
def template(name: str) -> Any:
    """The template of this file name, such as `page.html`; a name that it asks for and is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name)


def style() -> str:
    """The style sheet of every page."""
    return "".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
