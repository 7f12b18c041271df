"""Licences of pretrained models, as their cards name them: which need no word, and what others ask or forbid."""

from __future__ import annotations

FREE = ("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "unlicense", "isc")
"""Licences under which nothing needs to be said."""
_MEANS = (
    ("-nc", "it forbids commercial use"),
    ("noncommercial", "it forbids commercial use"),
    ("non-commercial", "it forbids commercial use"),
    ("research", "it allows research alone"),
    ("-nd", "it forbids to pass on what was made of it"),
    ("rail", "it forbids some uses, which it lists"),
    ("llama", "it sets terms of its own"),
    ("gemma", "it sets terms of its own"),
    ("gpl", "what is made of it and passed on stays under the same licence"),
    ("-sa", "what is made of it and passed on stays under the same licence"),
)
"""What a part of a name says."""


def restricts(licence: str | None) -> list[str]:
    """What a licence forbids or asks, in words; nothing of a free one, or of one that is not known.

    >>> restricts("cc-by-nc-sa-4.0")
    ['it forbids commercial use', 'what is made of it and passed on stays under the same licence']
    >>> restricts("mit"), restricts(None)
    ([], [])
    """
    name = (licence or "").lower()
    return [] if name in FREE else list(dict.fromkeys(what for part, what in _MEANS if part in name))


def told(licence: str | None) -> str | None:
    """What a person is told before a model is used; None where nothing needs to be said.

    >>> told("cc-by-nc-4.0")
    'The licence of the pretrained model is cc-by-nc-4.0: it forbids commercial use.'
    >>> told("other"), told("apache-2.0")
    ('The licence of the pretrained model is other.', None)
    """
    if licence is None:
        return "The pretrained model does not say its licence."
    if licence.lower() in FREE:
        return None
    means = restricts(licence)
    return f"The licence of the pretrained model is {licence}{': ' + '; '.join(means) if means else ''}."
