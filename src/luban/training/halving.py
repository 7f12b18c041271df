"""Out of memory: a step that does not fit is taken in two halves, whose gradients are added up.

Twice the accumulation of half the rows is the same step where rows have equal size and no layer looks at a whole batch.
"""

from __future__ import annotations

from luban.core.errors import ResourceError
from luban.recipe.recipe import Train

_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory", "bad_alloc")
"""What torch's allocators say where they raise no error of a kind of its own."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory.

    >>> ran_out(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."))
    True
    >>> ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


def halved(train: Train, model: str) -> tuple[Train, dict[str, str]]:
    """The same training with half as many rows at once and twice the accumulation, and the reasons by key.

    train: with its sizes decided. Raises ResourceError where a batch has one row.

    >>> smaller, reasons = halved(Train(batch_size=128, tokens=4_000), "lstm")
    >>> smaller.batch_size, smaller.accumulate, smaller.tokens, sorted(reasons)
    (64, 2, 2000, ['accumulate', 'batch_size', 'tokens'])
    """
    assert isinstance(train.batch_size, int), "the size of batches is decided"
    if train.batch_size == 1:
        raise ResourceError(
            f"the model '{model}' needs more memory than there is, with one row at a time too.",
            where="train.batch_size",
            fix=f"make it smaller (--set model.{model}...), or shorten what it reads",
        )
    changes = {"batch_size": (train.batch_size + 1) // 2, "accumulate": 2 * train.accumulate}
    if isinstance(train.tokens, int):
        changes["tokens"] = max(train.tokens // 2, 1)
    told = f"{train.batch_size} rows at once ran out of memory, so a step is added up from parts half as large"
    return train.model_copy(update=changes), dict.fromkeys(changes, told)
