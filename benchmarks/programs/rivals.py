"""Rules of other tools, re-stated on logged traces of the same programs; these are no runs of the tools themselves.

Thresholds are those of each tool's own code or documentation. What a rule needs and a program does not have (an
accuracy, where values are learned) leaves it silent. Rules that only word an advice, rules without a default, and rules
of what PyTorch does not have are left out; ids of tokens are no unscaled values. Each answers what it would alarm of.

AutoTrainer (Zhang et al., ICSE 2021): symptoms are looked at every third epoch, those of a gradient only while the
accuracy is low or does not move, those of a loss after 30% of the epochs. DeepDiagnosis (Wardat et al., ICSE 2022).
SageMaker Debugger: its built-in rules but for those of poor initial weights and of classes. Two are read kindly: a loss
that does not decrease is one whose mean over ten steps is not below that of the first ten. UMLAUT (Schoop et al.,
CHI 2021).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from programs.log import Log, Step

THETA = 0.6
"""AutoTrainer: the accuracy below which a training is in trouble."""


def autotrainer(log: Log) -> set[str]:
    found: set[str] = set()
    lost = any(not layer.finite for step in log.steps for layer in step.layers)
    if lost or not all(math.isfinite(loss) and loss < 1e3 for loss in log.losses):
        found.add("explode")
    if any(size >= 10 for step in log.steps for _, size in step.outputs):
        found.add("abnormal data")
    if log.sum_of_probabilities > 1.1:
        found.add("improper activation")
    accuracies = [epoch.train_accuracy for epoch in log.epochs if epoch.train_accuracy is not None]
    if len(accuracies) < 2:
        return found
    for epoch in range(2, len(accuracies), 3):
        seen = accuracies[: epoch + 1]
        if max(seen) >= THETA and max(seen) - min(seen) > 0:
            continue
        at = min((epoch + 1) * len(log.steps) // len(accuracies), len(log.steps)) - 1
        found |= _gradients(log.steps[at])
    if len(accuracies) * 0.3 >= 1:
        found |= _progress(accuracies)
    return found


def _gradients(step: Step) -> set[str]:
    if not step.layers:
        return set()
    first, last = step.layers[0].gradient, step.layers[-1].gradient
    ratio = first / last if last > 0 else math.inf
    found = set()
    if ratio < 1e-3 and first < 1e-4:
        found.add("vanish")
    if ratio > 70:
        found.add("explode")
    if sum(layer.zeros for layer in step.layers) >= 0.7 * sum(layer.entries for layer in step.layers):
        found.add("dying")
    return found


def _progress(accuracies: list[float]) -> set[str]:
    found = set()
    inner = zip(accuracies, accuracies[1:], accuracies[2:], strict=False)
    turns = [now for before, now, after in inner if (now - before) * (after - now) < 0]
    falls = sum(before - now >= 0.03 for before, now in itertools.pairwise(turns))
    if falls >= max(0.2 * len(accuracies), 1):
        found.add("oscillating")
    gains = [now - before for before, now in itertools.pairwise(accuracies)]
    if max(accuracies) < THETA and max(gains) <= 0.01:
        found.add("slow")
    return found


def deepdiagnosis(log: Log) -> set[str]:
    found: set[str] = set()
    for step in log.steps:
        if not math.isfinite(step.loss) or not all(layer.finite for layer in step.layers):
            found.add("numerical error")
        if any(not math.isfinite(mean) or mean == 0 for mean, _ in step.outputs):
            found.add("numerical error")
        if any(layer.gradient_mean < 1e-7 for layer in step.layers):
            found.add("vanishing gradient")
        for each in step.activations.values():
            if each.kind == "relu" and each.negative_share >= 0.7:
                found.add("dead node")
            if each.kind in ("tanh", "sigmoid") and each.beyond_5 > 0.5:
                found.add("saturated")
    for at in range(5, len(log.steps) + 1):
        recent = log.steps[at - 5 : at]
        means = list(zip(*([mean for mean, _ in step.outputs] for step in recent), strict=False))
        if any(max(each) == min(each) for each in means):
            found.add("unchanged tensor")
    if _equal(log.losses, 5):
        found.add("loss not decreasing")
    if _equal(log.accuracies, 20):
        found.add("accuracy not increasing")
    return found


def _equal(values: list[float], count: int) -> bool:
    """Whether `count` values in a row are equal and below what cannot be bettered."""
    runs = (values[at : at + count] for at in range(len(values) - count + 1))
    return any(max(run) == min(run) and run[0] not in (0.0, 1.0) for run in runs)


def sagemaker(log: Log) -> set[str]:
    found = sagemaker_without_overfit(log)
    if any(epoch.loss > 1.1 * epoch.train_loss > 0 for epoch in log.epochs):
        found.add("Overfit")
    return found


def sagemaker_without_overfit(log: Log) -> set[str]:
    found: set[str] = set()
    for step in log.steps:
        if any(layer.gradient_mean < 1e-7 for layer in step.layers):
            found.add("VanishingGradient")
        if not math.isfinite(step.loss) or not all(layer.finite for layer in step.layers):
            found.add("ExplodingTensor")
        if any(layer.moved > 10 or layer.moved < 1e-8 for layer in step.layers):
            found.add("WeightUpdateRatio")
        for each in step.activations.values():
            if each.kind == "relu" and float((each.positive < 0.01).float().mean()) > 0.5:
                found.add("DeadRelu")
            if each.units_saturated > 0.5:
                found.add("SaturatedActivation")
    for at in range(3, len(log.losses) + 1):
        before, middle, now = log.losses[at - 3 : at]
        if all(abs(each - now) <= 1e-8 + 1e-5 * abs(now) for each in (before, middle)):
            found.add("UnchangedTensor")
    if len(log.losses) >= 20 and not sum(log.losses[-10:]) < sum(log.losses[:10]):
        found.add("LossNotDecreasing")
    if log.image and abs(log.inputs[1]) > 0.2:
        found.add("CheckInputImages")
    return found


def umlaut(log: Log) -> set[str]:
    found: set[str] = set()
    if log.inputs[0] > 1 and not log.whole:
        found.add("inputs beyond 1")
    if not log.finite_inputs or not all(math.isfinite(loss) for loss in log.losses):
        found.add("not a number")
    if any(step.rate > 0.01 or step.rate < 1e-7 for step in log.steps):
        found.add("learning rate")
    if log.dropout > 0.5:
        found.add("dropout")
    if log.final is not None:
        found.add("activation of the last layer")
    for before, now in itertools.pairwise(log.epochs):
        if now.loss > before.loss and now.train_loss < before.train_loss:
            found.add("overfitting")
    for epoch in log.epochs[3:]:
        if epoch.accuracy is None or epoch.train_accuracy is None:
            continue
        if epoch.accuracy > 0.95 or epoch.accuracy > epoch.train_accuracy + 0.05:
            found.add("suspicious accuracy")
    return found


RIVALS: dict[str, Callable[[Log], set[str]]] = {
    "autotrainer": autotrainer,
    "deepdiagnosis": deepdiagnosis,
    "sagemaker": sagemaker,
    "sagemaker-without-overfit": sagemaker_without_overfit,
    "umlaut": umlaut,
}
