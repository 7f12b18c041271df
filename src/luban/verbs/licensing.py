"""What the model that a bundle began from asks of those who use it: told before a fit, and kept in the evidence."""

from __future__ import annotations

from typing import Any

from luban.core.console import Console
from luban.core.errors import UsageError
from luban.recipe.recipe import Recipe


def begun_from(recipe: Recipe) -> dict[str, Any]:
    """The pretrained model of a recipe, its licence and where it came from, as the evidence states it.

    Empty where a recipe names none, or one that is not where it was.
    """
    settings = recipe.model.settings()
    contents = {own["origin"]["content"] for own in settings.values() if isinstance(own, dict) and own.get("origin")}
    if not contents:
        return {}
    from luban.origins import hub, layout, licences, naming

    content = sorted(contents)[0]
    try:
        place = naming.noted(content) if content.startswith(layout.BY_CONTENT) else naming.place(content)
    except UsageError:
        # Who trains says so; a bundle that is finished is answered without it.
        return {}
    licence = layout.licence(place) if place.is_dir() else None
    document = {"content": content, "licence": licence, "restricts": licences.restricts(licence)}
    return {**document, **hub.told(place)}


def tell(licence: str | None, console: Console) -> None:
    """Tells a licence that is not known to be free."""
    from luban.origins import licences

    told = licences.told(licence)
    if told is not None:
        console.say(told)
