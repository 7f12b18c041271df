"""Did you mean: the near name for a wrong one. One wording for columns, options, plugins and recipe keys."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name nearest to the wrong one, or None when none is near.

    >>> nearest("daignosis", ["diagnosis", "age"])
    'diagnosis'
    >>> nearest("Random_Forest", ["random-forest"])
    'random-forest'
    """
    folded = {fold(name): name for name in known}
    if fold(wrong) in folded:
        return folded[fold(wrong)]
    close = get_close_matches(fold(wrong), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def fold(name: str) -> str:
    """The name as it is compared: lower case, hyphen and underscore equal."""
    return name.lower().replace("_", "-").strip()


def did_you_mean(wrong: str, known: Iterable[str], *, limit: int = 12) -> str:
    """A sentence for an error: the near name, then what there is.

    >>> did_you_mean("svn", ["svm", "linear"])
    "Did you mean 'svm'? Known: linear, svm."
    """
    names = sorted(set(known))
    near = nearest(wrong, names)
    listed = ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
    start = f"Did you mean '{near}'? " if near else ""
    return f"{start}Known: {listed}." if names else f"{start}There is none to choose from."
