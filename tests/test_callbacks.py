"""The callbacks: what trainers of other programs tell the watch, and when. Where they are installed, with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from luban import callbacks
from luban.core.errors import TrainingFault, UsageError
from luban.watching import watch

torch = pytest.importorskip("torch", reason="a training needs the extra 'nets'")


def network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))


def batches(many: int = 30) -> list[tuple[Any, Any]]:
    generator = torch.Generator().manual_seed(1)
    rows = [torch.randn(16, 4, generator=generator) for _ in range(many)]
    return [(inputs, (inputs[:, 0] > 0).long()) for inputs in rows]


def losses(step: Callable[[Any, Any, Any, Any], Any], *, rate: float = 0.1) -> Any:
    """The trace of a loop: `step(model, optimizer, inputs, targets)` is one way to write a step, and returns a loss."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    with watch(model, optimizer, loss=torch.nn.CrossEntropyLoss()) as looking:
        for inputs, targets in batches():
            looking.step(step(model, optimizer, inputs, targets), inputs, targets)
    return looking


def plainly(model: Any, optimizer: Any, inputs: Any, targets: Any) -> Any:
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


def by_closure(model: Any, optimizer: Any, inputs: Any, targets: Any) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(inputs), targets)
        loss.backward()
        return loss

    return optimizer.step(closure)


def test_a_step_by_a_closure_is_seen_as_a_plain_one() -> None:
    one, other = losses(plainly), losses(by_closure)
    assert one.trace.losses == other.trace.losses
    assert [step.gradient for step in one.trace.watched] == [step.gradient for step in other.trace.watched]
    assert [step.layers for step in one.trace.watched] == [step.layers for step in other.trace.watched]
    assert one.findings == other.findings == ()


def test_gradients_that_are_set_to_zero_after_the_forward_pass_are_not_stale() -> None:
    """And those that are not are: it is looked at just before the backward pass."""

    def late(zero: bool) -> Any:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with watch(model, optimizer) as looking:
            for inputs, targets in batches():
                loss = torch.nn.functional.cross_entropy(model(inputs), targets)
                if zero:
                    optimizer.zero_grad()
                looking.before_backward()
                loss.backward()
                optimizer.step()
                looking.step(loss)
        return looking

    assert [finding.condition for finding in late(True).findings] == []
    assert [finding.condition for finding in late(False).findings] == ["stale-gradient"]


# The trainers' order of calls, as their sources have it.


class Answering(torch.nn.Module):  # type: ignore[misc]
    """Answers with a loss, as the models of Hugging Face do."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, inputs: Any, labels: Any = None) -> dict[str, Any]:
        logits = self.network(inputs)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def as_hugging_face(callback: Any, rate: float = 0.1, accumulate: int = 1, decay: float = 0.0) -> Any:
    model = Answering()
    groups = [{"params": list(model.parameters()), "weight_decay": decay}]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    told = {"model": model, "optimizer": SimpleNamespace(optimizer=optimizer), "lr_scheduler": schedule}
    asked = SimpleNamespace(max_grad_norm=1.0, gradient_accumulation_steps=accumulate, weight_decay=decay)
    callback.on_init_end(asked, None, None)
    callback.on_train_begin(asked, None, None, **told)
    for number, (inputs, targets) in enumerate(batches(30 * accumulate)):
        model(inputs, labels=targets)["loss"].backward()
        if (number + 1) % accumulate == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            callback.on_optimizer_step(asked, None, None, **told)
            schedule.step()
            model.zero_grad()
            callback.on_step_end(asked, None, None)
    callback.on_evaluate(asked, None, None, metrics={"eval_loss": 0.5, "eval_accuracy": 0.75, "eval_runtime": 3.0})
    callback.on_train_end(asked, None, None)
    return model


@pytest.mark.parametrize("accumulate", [1, 2])
def test_hugging_face_tells_of_each_step_once(accumulate: int) -> None:
    callback = callbacks.hugging_face()
    model = as_hugging_face(callback, rate=0.01, accumulate=accumulate)
    assert callback.watch is not None
    trace = callback.watch.trace
    assert trace.steps == 30 and trace.losses[-1] < trace.losses[0]
    assert trace.told.clip == 1.0 and trace.told.accumulation == accumulate
    assert [(check.loss, check.metrics) for check in trace.checks] == [(0.5, {"eval_accuracy": 0.75})]
    assert callback.findings == () and "nothing was found in 30 steps" in callback.report()
    reasons = dict(callback.not_run)
    # AdamW's own default for groups that say otherwise is nobody's wish.
    assert reasons["weight-decay-ineffective"] == "the optimiser was made without weight decay"
    assert not model._forward_hooks and not model._forward_pre_hooks


def test_a_fault_stops_the_training_and_leaves_no_hook() -> None:
    callback = callbacks.hugging_face(stop_on="severe")
    with pytest.raises(TrainingFault, match="learning-rate-too-high"):
        as_hugging_face(callback, rate=30.0)
    assert callback.findings[0].condition == "learning-rate-too-high"
    assert callback.watch is not None and not callback.watch.model._forward_hooks


def test_lightning_watches_the_part_that_has_the_parameters() -> None:
    module = torch.nn.Module()
    module.network, module.loss = network(), torch.nn.CrossEntropyLoss()
    assert callbacks._part(module, None) is module.network
    module.other = torch.nn.Linear(2, 2)
    assert callbacks._part(module, None) is module
    assert callbacks._part(module, "other") is module.other
    with pytest.raises(UsageError, match="no part 'net'"):
        callbacks._part(module, "net")


def test_a_callback_has_what_its_trainer_may_call_and_nothing_else() -> None:
    for callback in (callbacks.hugging_face(), callbacks.lightning()):
        assert callback.on_anything_else(1, two=2) is None
        assert callback.findings == () and callback.not_run == ()
        with pytest.raises(AttributeError, match="backward"):
            callback.backward  # noqa: B018


def test_a_first_query_that_gets_little_is_no_fault_where_the_embedding_gets_much() -> None:
    """Scores of an attention that begins even hardly move, in front of a classifier with small weights."""

    class Network(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(30, 16)
            self.query, self.key, self.value = (torch.nn.Linear(16, 16, bias=False) for _ in range(3))
            self.answer = torch.nn.Linear(16, 2)

        def forward(self, words: Any) -> Any:
            seen = self.embedding(words)
            scores = torch.softmax(self.query(seen) @ self.key(seen).transpose(1, 2), dim=-1)
            return self.answer((scores @ self.value(seen)).mean(dim=1))

    torch.manual_seed(0)
    model = Network()
    for part in (model.query, model.key, model.embedding):
        torch.nn.init.normal_(part.weight, std=0.02)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with watch(model, optimizer) as looking:
        for _ in range(6):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(torch.randint(30, (16, 5))), torch.randint(2, (16,)))
            loss.backward()
            optimizer.step()
            looking.step(loss)
    first = looking.trace.watched[0].layers
    assert first["query"].gradient < 1e-3 * first["answer"].gradient < first["embedding"].gradient
    assert "vanishing-gradient" not in [finding.condition for finding in looking.findings]


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_with_lightning(accumulate: int, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning", reason="its trainer is tried where it is installed")

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network()

        def training_step(self, batch: Any, number: int) -> Any:
            return torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def validation_step(self, batch: Any, number: int) -> None:
            self.log("val_loss", torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1]))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    callback = callbacks.lightning()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", callbacks=[callback], default_root_dir=tmp_path,
            accumulate_grad_batches=accumulate, gradient_clip_val=0.05, **quiet,
        )  # fmt: skip
        rows, held_out = (torch.utils.data.DataLoader(batches(many), batch_size=None) for many in (30, 2))
        trainer.fit(Module(), rows, held_out)
    assert callback.watch is not None
    trace = callback.watch.trace
    assert trace.steps == 60 // accumulate and len(trace.checks) == 2
    assert all(step.leftover == 0 and 0 < step.gradient < 0.051 for step in trace.watched)
    assert callback.findings == ()


@pytest.mark.slow
def test_with_hugging_face(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="its trainer is tried where it is installed")
    model, callback = Answering(), callbacks.hugging_face()
    rows = [{"inputs": inputs[0], "labels": targets[0]} for inputs, targets in batches(160)]
    arguments = transformers.TrainingArguments(
        str(tmp_path), per_device_train_batch_size=16, learning_rate=0.01, num_train_epochs=3, report_to=[],
        eval_strategy="epoch", save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows[:32], callbacks=[callback])
    trainer.train()
    assert callback.watch is not None
    trace = callback.watch.trace
    assert trace.steps == 30 and len(trace.checks) == 3
    assert all(step.leftover == 0 and 0 < step.gradient < 1.01 for step in trace.watched)
    assert callback.findings == ()
