"""What a form adds up before its link turns sums into an answer, for those who explain sums rather than answers.

A sum is explained where the answer to be explained rises with it and with nothing else: of two classes, and of a label,
its log-odds; of more classes how far the log probability of one is above the mean of all, since a softmax leaves no
other sum its own; of an isolation forest the logarithm of its score; and the answer itself where nothing follows the
sum. Forms around it are taken in where they keep it a sum.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from luban.batch import Array
from luban.core import registry
from luban.evidence.explanation import Scale
from luban.protocols import Form, Subject

Space = Literal["answer", "two", "label", "classes", "depth"]
"""What a sum is of: the answer, the log-odds of two classes or of a label, one of many classes, or of a path."""


@dataclass(frozen=True, eq=False)
class Sum:
    """constant + the sums of each form, weighted. parts: (sums,) float64 weights of a form's raw sums, and the form."""

    parts: tuple[tuple[Array, Form], ...]
    constant: float
    space: Space


def found(subject: Subject, kinds: Collection[str]) -> list[Sum] | str:
    """Of each game the sum that is explained, of forms of these kinds alone; else the reason why there is none."""
    sums: list[Sum] = []
    for place in subject.inside.places.tolist():
        if place < 0:
            return "what is explained is no single number that the model gives out"
        one = of_form(subject.inside.form, place)
        if isinstance(one, str):
            return one
        odd = [form.kind for _, form in one.parts if form.kind not in kinds]
        if odd or not one.parts:
            return f"a part of the model is of the form '{odd[0] if odd else 'constant'}'"
        if subject.scale == "log-odds" and scale_of(one, subject) != "log-odds":
            return "log-odds are asked for, and what the model adds up are none"
        sums.append(one)
    return sums


def scale_of(one: Sum, subject: Subject) -> Scale:
    """The unit of a sum."""
    if one.space == "answer":
        return "probability" if subject.scale == "log-odds" else subject.scale
    return "log-odds" if one.space in ("two", "label") else "score"


def of_form(form: Form, place: int) -> Sum | str:
    """The sum behind one number of what a form gives out, or the reason why there is none.

    >>> of_form(registry.find("forms", "affine")(np.ones((1, 1)), np.zeros(1), "binary"), 0).parts[0][0].tolist()
    [-1.0]
    """
    read = {
        "trees": _linked,
        "affine": _linked,
        "network": _moved,
        "linked": _stretched,
        "dense": _one_layer,
        "constant": _constant,
        "temperature": _tempered,
        "weighted": _weighted,
        "several": _of_several,
        "stack": _of_stack,
        "placed": _placed,
    }.get(form.kind)
    if read is None:
        return f"the form '{form.kind}' makes more of it than a sum"
    return read(form, place)


def _linked(form: Any, place: int) -> Sum | str:
    count = len(form.base if form.kind == "trees" else form.bias)
    return _behind(form, form.link, count, place)


def _behind(form: Form, link: str, count: int, place: int) -> Sum:
    """The sum that decides the number at this place, behind a link."""
    one = np.zeros(count)
    if link in ("binary", "complement"):
        one[0] = 1.0 if place else -1.0
        constant = 0.0 if link == "binary" or place else 1.0
        return Sum(((one, form),), constant, "two" if link == "binary" else "answer")
    one[place] = 1.0
    if link == "softmax":
        # Of two sums one less the other is their log-odds.
        centred = one - 1 / count if count > 2 else 2 * one - 1
        return Sum(((centred, form),), 0.0, "classes" if count > 2 else "two")
    if link == "isolation":
        return Sum(((-one, form),), 0.0, "depth")
    return Sum(((one, form),), 0.0, "label" if link == "sigmoid" else "answer")


def _moved(form: Any, place: int, count: int | None = None) -> Sum | str:
    """Of a network or dense layers, whose answers may be multiplied and moved."""
    one = _behind(form, form.link, form.work.outputs if count is None else count, place)
    if (form.scale, form.offset) == (1.0, 0.0):
        return one
    if one.space != "answer" or form.link != "identity":
        return "its probabilities are multiplied by something"
    ((weights, same),) = one.parts
    return Sum(((weights * form.scale, same),), form.offset, "answer")


def _stretched(form: Any, place: int) -> Sum | str:
    """Of a network with several targets, each of which has a stretch of its sums and a link of its own."""
    ends = np.cumsum(form.widths)
    target = int(np.searchsorted(ends, place, side="right"))
    first, width, link = int(ends[target] - form.widths[target]), form.widths[target], form.links[target]
    inner = of_form(form.member, place)
    if isinstance(inner, str) or inner.space != "answer":
        return "its sums have a link before those of its targets"
    one = _behind(form.member, link, width, place - first)
    ((weights, _),) = one.parts
    every = np.zeros(int(ends[-1]))
    every[first : first + width] = weights
    if one.space != "answer":
        return replace(one, parts=((every, form.member),))
    return Sum(((every * float(form.scale[place]), form.member),), float(form.offset[place]), "answer")


def _one_layer(form: Any, place: int) -> Sum | str:
    if len(form.layers) > 1:
        return "layers of units with an activation are no sum of columns"
    ((weights, bias),) = form.layers
    one = _moved(form, place, len(bias))
    if isinstance(one, str):
        return one
    affine = registry.find("forms", "affine")(weights, bias, form.link)
    return replace(one, parts=tuple((each, affine) for each, _ in one.parts))


def _constant(form: Any, place: int) -> Sum:
    return Sum((), float(form.answer[place]), "answer")


def _tempered(form: Any, place: int) -> Sum | str:
    inner = of_form(form.inner, place)
    if isinstance(inner, str):
        return inner
    if inner.space not in (("label", "two") if form.labels else ("two", "classes")):
        return "its probabilities are made less or more sure, which makes more of them than a sum"
    parts = tuple((weights / form.temperature, each) for weights, each in inner.parts)
    return Sum(parts, inner.constant / form.temperature, inner.space)


def _weighted(form: Any, place: int) -> Sum | str:
    members = [(float(weight), each) for weight, each in zip(form.weights, form.members, strict=True) if weight]
    if len(members) == 1:
        return of_form(members[0][1], place)
    parts: list[tuple[Array, Form]] = []
    constant = 0.0
    for weight, member in members:
        one = of_form(member, place)
        if isinstance(one, str):
            return one
        if one.space != "answer":
            return "it is a mean of the probabilities of several models, each of which has sums of its own"
        parts += [(weight * each, inner) for each, inner in one.parts]
        constant += weight * one.constant
    return Sum(tuple(parts), constant, "answer")


def _of_several(form: Any, place: int) -> Sum | str:
    for member in form.members:
        if place < member.output_width:
            return of_form(member, place)
        place -= member.output_width
    raise IndexError(place)


def _of_stack(form: Any, place: int) -> Sum | str:
    if form.normalise:
        return "it divides the probability of each class by the sum of all"
    one = of_form(form.members[place], form.members[place].output_width - 1)
    return one if isinstance(one, str) or one.space != "two" else replace(one, space="label")


def _placed(form: Any, place: int) -> Sum | str:
    where = np.flatnonzero(form.places == place)
    return of_form(form.inner, int(where[0])) if len(where) else Sum((), 0.0, "answer")
