"""Links: from raw sums to answers, natively and as ONNX nodes. The two are kept side by side so that they stay equal.

identity     the sums themselves
softmax      probabilities of classes that exclude each other
sigmoid      an own probability for each label
binary       the sigmoid of one sum as the probability of the second of two classes
complement   one sum that is itself the probability of the second of two classes
isolation    2 to the minus sum: the score of an isolation forest (Liu et al., 2008), higher is more unusual
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.protocols import Builder

LINKS = ("identity", "softmax", "sigmoid", "binary", "complement", "isolation")
_TWO = ("binary", "complement")


def fits(link: str, sums: int) -> bool:
    """Whether a link can follow this many sums."""
    return sums >= 1 and (link not in _TWO or sums == 1)


def output_width(link: str, sums: int) -> int:
    return 2 if link in _TWO else sums


def apply(link: str, raw: Array) -> Array:
    """(rows, outputs) from (rows, sums).

    >>> apply("binary", np.array([[0.0]])).tolist()
    [[0.5, 0.5]]
    """
    if link == "softmax":
        return softmax(raw)
    if link == "sigmoid":
        return sigmoid(raw)
    if link == "binary":
        second = sigmoid(raw)
        return np.concatenate([1.0 - second, second], axis=1)
    if link == "complement":
        return np.concatenate([1.0 - raw, raw], axis=1)
    if link == "isolation":
        return np.exp2(-raw)
    return raw


def softmax(raw: Array) -> Array:
    """(rows, classes) that sum to 1.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    powers = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sigmoid(raw: Array) -> Array:
    """1 / (1 + exp(-raw)), exact in both tails.

    >>> sigmoid(np.array([0.0, -1000.0, 1000.0])).tolist()
    [0.5, 0.0, 1.0]
    """
    small = np.exp(-np.abs(raw))
    return np.asarray(np.where(raw >= 0, 1.0, small) / (1.0 + small))


def draw(link: str, builder: Builder, raw: str) -> str:
    """The same as nodes; `raw` is a float64 tensor."""
    one = np.array(1.0)
    if link == "softmax":
        return builder.node("Softmax", raw, axis=-1)
    if link == "sigmoid":
        return builder.node("Sigmoid", raw)
    if link in _TWO:
        second = builder.node("Sigmoid", raw) if link == "binary" else raw
        first = builder.node("Sub", builder.constant(one), second)
        return builder.node("Concat", first, second, axis=1)
    if link == "isolation":
        return builder.node("Pow", builder.constant(np.array(2.0)), builder.node("Neg", raw))
    return raw
