"""How rows are read where an autoencoder is begun from: as it read the rows without labels."""

from __future__ import annotations

from luban.core.errors import UsageError
from luban.protocols import Encoder
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

MODEL = "pretrained-codes"


def as_learned(schema: Schema, recipe: Recipe) -> Encoder | None:
    """What reads rows as the autoencoder of a recipe did; None where it begins from none.

    Raises UsageError for rows with other columns than those that it read.
    """
    origin = recipe.model.settings().get(MODEL, {}).get("origin")
    if origin is None or MODEL not in _named(recipe):
        return None
    from luban.data import encoders
    from luban.origins import coded

    encoder = coded.find(origin["content"]).encoder()
    read = {part.column for part in encoders.parts(encoder)}
    here = {column.name for column in schema.inputs}
    if read == here:
        return encoder
    if read - here:
        name = sorted(read - here)[0]
        raise UsageError(
            f"the autoencoder read the column '{name}', and these rows have none.", where="--from", fix="add the column"
        )
    name = sorted(here - read)[0]
    raise UsageError(
        f"the autoencoder did not read the column '{name}'.", where="--from", fix=f"--column {name}=ignored"
    )


def _named(recipe: Recipe) -> set[str]:
    """The models that a recipe asks for."""
    recorded = {candidate.model for candidate in recipe.model.candidates or ()}
    return {*recipe.model.names, *recorded}
