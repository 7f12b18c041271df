"""Answers that are pieces of a text: columns, places, windows, and what is said of rows that cannot be learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import luban
from explained_again import explained_again
from luban import states
from luban.batch import Answers, Batch, Ragged
from luban.core import registry
from luban.core.errors import BundleError, DataError, UsageError
from luban.data.catalogue import sample_path
from luban.data.open import open_dataset
from luban.forms import _reading
from luban.forms.spans import Spans
from luban.protocols import State, Work
from luban.recipe.recipe import Candidate, Features, Recipe
from luban.spans import OUTSIDE, absent, packed, pieces, places, settled
from luban.tasks import _losses
from luban.training import calibration, spanning, threshold
from luban.training.fitting import fit_candidate
from luban.verbs.evaluate import evaluate
from luban.verbs.predict import predict
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given
from luban.verbs.verify import verify
from origins import tiny

TEXT = registry.find("features", "text").tensor
TASK = registry.find("tasks", "question-answering")
WORDS = Work("question-answering", 1, 0, 0, window=64)


def made(rows: int = 60, seed: int = 0) -> pl.DataFrame:
    """Made up: the answer is the word behind `goal`, and the words of the question stand around another one."""
    draw = np.random.default_rng(seed)
    names = ("shares", "market", "bank", "profit", "trade")
    found = []
    for _ in range(rows):
        answer, other = draw.choice(names, 2, replace=False)
        found.append((f"the match {other} in a team and the goal {answer} of cup", "the match in a team", answer))
    return pl.DataFrame(found, schema=["context", "question", "answer"], orient="row")


def ready(frame: pl.DataFrame | Path, **asked: object):
    return prepare(open_dataset(frame), Given(), Recipe(target="answer", task="question-answering", **asked))


def test_context_and_question_are_read_and_nothing_else():
    prepared = ready(made().with_columns(year=pl.lit(7), answer_start=pl.lit(None, pl.Int64)))
    assert [column.name for column in prepared.schema.inputs] == ["context", "question"]
    assert prepared.schema["answer_start"].role == "place"
    assert prepared.schema["year"].role == "ignored"


def test_columns_of_other_names_are_asked_for():
    with pytest.raises(UsageError, match="no column of texts is called 'question'") as raised:
        ready(made().rename({"question": "query"}))
    assert "call the columns context and question" in str(raised.value.fix)


def test_an_answer_begins_where_it_is_said_to_and_else_at_its_first_place():
    rows = pl.DataFrame(
        {"context": ["ab ab ab", "ab ab", "x cafe\u0301 y"], "question": ["?"] * 3, "answer": ["ab", "ab", "y"]}
    )
    said = TASK.placed(rows.with_columns(answer_start=pl.Series([6, None, 8])), rows["answer"])
    # The third context has six characters before its answer once accents are composed.
    assert said.struct.field("begin").to_list() == [6, 0, 7]
    encoded = TASK.encode(said, ())
    assert places(encoded)[:, 0].tolist() == [6.0, 0.0, 7.0]
    assert pieces(encoded).texts() == ["ab", "ab", "y"]


def test_a_row_whose_answer_is_not_in_its_context_is_left_out_and_named():
    answers = made(200)["answer"].to_list()
    answers[7] = "river"
    prepared = ready(made(200).with_columns(answer=pl.Series(answers)))
    told = dict(prepared.division.listed)
    assert "its answer, 'river', does not stand in its context" in told[7]
    assert 7 not in prepared.division.train and 7 not in prepared.division.test


def test_an_empty_field_is_no_answer_yet_and_a_space_says_that_there_is_none(tmp_path: Path):
    answers = made(200)["answer"].to_list()
    answers[7], answers[9], answers[11] = "", " ", None
    lines = [",".join(row) for row in made(200).select("context", "question").iter_rows()]
    rows = [f"{line},{answer or ''}" for line, answer in zip(lines, answers, strict=True)]
    (tmp_path / "asked.csv").write_text("context,question,answer\n" + "\n".join(rows) + "\n")
    prepared = ready(tmp_path / "asked.csv")
    assert prepared.dropped == {TASK.unanswered: 2}
    assert "write a space" in TASK.unanswered
    assert {row for row, _ in prepared.division.listed} == {7, 11}
    assert pieces(prepared.target).texts()[9] == ""
    assert 9 in {*prepared.division.train, *prepared.division.test}


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("answer", "river", "its answer, 'river', does not stand in its context. 10 of 60 rows"),
        ("context", " ", "its context is empty. 10 of 60 rows"),
        ("question", "", "its question is empty. 10 of 60 rows"),
        ("answer_start", 3, r"its answer, '\w+', does not stand at character 3 of its context. 10 of 60 rows"),
    ],
)
def test_many_such_rows_stop_a_run(column: str, value: object, told: str):
    rows = made().with_columns(answer_start=pl.lit(None, pl.Int64))
    odd = rows.with_columns(pl.when(pl.int_range(len(rows)) < 10).then(pl.lit(value)).otherwise(column).alias(column))
    with pytest.raises(DataError, match=told) as raised:
        ready(odd)
    assert "row 0" in str(raised.value.where)


def test_exact_match_and_f1_compare_as_squad_does():
    wanted = packed(["the Old Mill", "1873", "red brick"], [0, 0, 0], [1.0] * 3)
    said = Answers(Ragged.of_texts(["old mill.", "in 1873", "oak"]))
    exact, close = (registry.find("metrics", name).each(wanted, said).tolist() for name in TASK.metrics)
    assert exact == [1.0, 0.0, 0.0]
    assert close == pytest.approx([1.0, 2 / 3, 0.0])


def test_the_loss_is_the_cross_entropy_of_the_first_and_the_last_step():
    marks = torch.randn(3, 7, 2, generator=torch.Generator().manual_seed(0))
    marks[:, 5:] = OUTSIDE
    target = torch.tensor([[1, 2], [0, 0], [4, 4]])
    each = [torch.nn.functional.cross_entropy(marks[:, :5, side], target[:, side], reduction="none") for side in (0, 1)]
    found = _losses.of_spans(marks, target, Recipe().train)
    assert found.tolist() == pytest.approx(((each[0] + each[1]) / 2).tolist(), rel=1e-6)
    smooth = Recipe().train.model_copy(update={"label_smoothing": 0.1})
    logs = marks[:, :5].log_softmax(dim=1)
    spread = 0.9 * -logs.gather(1, target[:, None, :]).squeeze(1) - 0.1 * logs.mean(dim=1)
    assert _losses.of_spans(marks, target, smooth).tolist() == pytest.approx(spread.mean(dim=1).tolist(), rel=1e-6)


def test_each_token_of_a_long_context_is_in_a_window_with_the_whole_question():
    context, question = "the goal of a match in the cup " * 40, "the coach of a team"
    state = TEXT.fit(pl.Series([context, question]), Features(vocabulary=300, longest=100_000))
    ((whole, spots),) = TEXT.placed([context], state)
    ((asked, _),) = TEXT.placed([question], state)
    found = _reading.windows([context], [question], state, 64)
    assert len(found) > 5 and all(len(each.tokens) <= 64 for each in found)
    seen = set()
    for each in found:
        assert each.tokens[1 : 1 + len(asked)].tolist() == asked.tolist()
        seen |= {int(begin) for begin, _ in each.places}
        first = int(np.flatnonzero(spots[:, 0] == each.places[0, 0])[0])
        assert each.tokens[each.first : -1].tolist() == whole[first : first + len(each.places)].tolist()
    assert seen == set(spots[:, 0].tolist())


def test_tokens_know_where_in_the_text_they_stand(tmp_path: Path):
    texts = ["Grüße aus Köln, 的天气.", ""]
    learned = TEXT.fit(pl.Series(texts), Features(vocabulary=300, longest=100))
    given = TEXT.fit(pl.Series(["the match"]), Features(tokenizer=str(tiny.write(tmp_path / "tiny")), longest=100))
    for state, text in ((learned, texts[0]), (given, "the Match of a goal")):
        ((ids, spots), (nothing, none)) = TEXT.placed([text, ""], state)
        assert (len(nothing), none.shape) == (0, (0, 2))
        assert ids.tolist() == TEXT.encode(pl.Series([text]), state).values[1:-1].tolist()
        assert "".join(dict.fromkeys(text[low:high] for low, high in spots)).replace(" ", "") != ""
        assert spots[0, 0] == 0 and spots[-1, 1] == len(text)


def batch(rows: pl.DataFrame) -> Batch:
    return Batch(spanning.letters(rows), TASK.encode(TASK.placed(rows, rows["answer"]), ()))


def test_windows_without_the_whole_answer_are_taught_that_it_is_not_there():
    rows = pl.DataFrame(
        {"context": ["the goal " * 30 + "shares bank"], "question": ["the coach"], "answer": ["shares bank"]}
    )
    seen, work, _ = spanning.inner(batch(rows), replace(WORDS, window=32), Candidate(model="transformer"))
    assert work.outputs == 2 and isinstance(seen.target, Ragged)
    wanted = seen.target.values.reshape(-1, 2)
    assert (wanted[:-1] == 0).all() and (wanted[-1] > 0).all()
    tokens = seen.inputs.parts["context"]
    last = tokens.values[tokens.offsets[-2] : tokens.offsets[-1]]
    assert last[wanted[-1, 1] + 1] == 3, "the answer ends the text"


SETTINGS = {"width": 16, "layers": 1, "heads": 2}
TRAIN = {"epochs": 25, "learning_rate": 1e-2, "batch_size": 16, "precision": "float32", "threads": 1, "stopping": 0.0}


@pytest.fixture(scope="module")
def form() -> Spans:
    train = Recipe().train.model_copy(update=TRAIN)
    found = fit_candidate(
        batch(made()), WORDS, Candidate(model="transformer", settings=SETTINGS), seed=0, threads=1, train=train
    )
    assert isinstance(found, Spans)
    return found


def test_a_network_marks_the_answer_at_its_place(form: Spans):
    new = made(40, seed=5)
    said = TASK.answers(form.outputs(spanning.letters(new)))
    target = batch(new).target
    assert registry.find("metrics", "exact-match").score(target, said) > 0.9
    begins, sure = said.places.T
    texts = pieces(form.outputs(spanning.letters(new))).texts()
    for context, begin, piece, probability in zip(new["context"], begins, texts, sure, strict=True):
        assert context[int(begin) : int(begin) + len(piece)] == piece
        assert 0 < probability <= 1
    overlap = fit_candidate(batch(made()), WORDS, Candidate(model="word-overlap"), seed=0, threads=1)
    simplest = TASK.answers(overlap.outputs(spanning.letters(new)))
    assert registry.find("metrics", "exact-match").score(target, simplest) < 0.5


def test_rows_are_answered_alike_whatever_stands_beside_them(form: Spans):
    rows = spanning.letters(
        pl.concat([made(3, seed=6), made(1, seed=7).with_columns(context=pl.lit("the goal " * 90))])
    )
    together = form.outputs(rows)
    for row in range(4):
        alone = form.outputs(rows[np.array([row])])
        assert alone.values.tolist() == pytest.approx(together[np.array([row])].values.tolist(), abs=1e-5)


def test_an_empty_context_has_no_answer(form: Spans):
    rows = pl.DataFrame(
        {"context": ["", None], "question": ["the match", None]}, {"context": pl.String, "question": pl.String}
    )
    said = TASK.answers(form.outputs(spanning.letters(rows)))
    assert said.prediction.texts() == ["", ""]
    assert said.places.tolist() == [[-1.0, 0.0], [-1.0, 0.0]]


def test_its_state_is_read_again_and_an_odd_one_is_refused(form: Spans):
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    rows = spanning.letters(made(4, seed=8))
    again = registry.find("forms", kind).rebuild(state)
    assert again.outputs(rows).values.tolist() == form.outputs(rows).values.tolist()
    for odd in (
        State({**state.values, "window": 0}, state.arrays, state.parts),
        State({**state.values, "tokens": None}, state.arrays, state.parts),
        State(state.values, {}, state.parts),
        State(state.values, {"merges": np.zeros((0, 2), np.int32)}, state.parts),
        State(state.values, state.arrays, ()),
    ):
        with pytest.raises(BundleError):
            registry.find("forms", kind).rebuild(odd)


@pytest.mark.slow
def test_a_pretrained_encoder_is_begun_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))
    folder = tiny.write(tmp_path / "tiny")
    few = {"train.epochs": 2, "train.learning_rate": 1e-3, "train.batch_size": 16, "split.folds": 2}
    out = tmp_path / "it.luban"
    frame = made(80)
    bundle = luban.fit(
        frame, "answer", task="question-answering", from_=str(folder), set=few, out=out, repair="off", threads=1
    )
    labels = [line["label"] for line in bundle.stored.evidence["evaluation"]["candidates"]]
    assert any("pretrained-text" in label for label in labels)
    assert not any("pretrained-features" in label for label in labels)
    tested = {m.metric: m for m in bundle.measurements if m.split == "test"}
    assert set(tested) == {"exact-match", "answer-f1"}
    assert tested["exact-match"].baseline.model == "word-overlap"
    lines = predict(out, frame.select("context", "question").head(3)).predictions
    assert [list(line) for line in lines] == [["row", "prediction", "begin", "probability"]] * 3
    for line, context in zip(lines, frame["context"], strict=False):
        assert context[line["begin"] :].startswith(line["prediction"])
    assert verify(out, frame).met
    asked = frame.with_columns(answer=pl.when(pl.int_range(len(frame)) < 3).then(None).otherwise("answer"))
    assert evaluate(out, asked).dropped == {TASK.unanswered: 3}
    explained_again(bundle, frame.select("context", "question").head(2))
    assert "What it wrote" in (out / "report.html").read_text()


def test_the_sample_holds_each_answer_at_its_place():
    rows = pl.read_csv(sample_path("made-questions"))
    assert len(rows) == 1_000 and rows["part"].value_counts().sort("part")["count"].to_list() == [300, 700]
    for context, answer, start in rows.select("context", "answer", "answer_start").iter_rows():
        assert context[start : start + len(answer)] == answer
    train, test = (rows.filter(part=part) for part in ("train", "test"))
    assert not set(train["question"]) & set(test["question"])


def unanswerable(rows: int, seed: int = 0) -> pl.DataFrame:
    """Of which every third context lacks the word behind which the answer stands."""
    found = made(rows, seed).with_row_index("row")
    lacks = pl.col("row") % 3 == 0
    without = pl.col("context").str.replace(r"the goal \w+", "the coach").alias("context")
    return found.with_columns(
        pl.when(lacks).then(without).otherwise("context").alias("context"),
        pl.when(lacks).then(pl.lit("")).otherwise("answer").alias("answer"),
    ).drop("row")


def test_an_empty_answer_says_that_none_stands_there_and_no_value_says_nothing():
    rows = unanswerable(60).with_columns(pl.when(pl.int_range(60) == 4).then(None).otherwise("answer").alias("answer"))
    prepared = ready(rows)
    learned = {*prepared.division.train.tolist(), *prepared.division.test.tolist()}
    assert {0, 3, 6} <= learned and 4 not in learned
    assert TASK.placed(rows.head(1), rows["answer"].head(1)).to_list() == [{"text": "", "begin": -1}]
    assert not TASK.misplaced(rows, TASK.placed(rows, rows["answer"]))


def test_where_no_answer_is_likelier_it_answers_nothing():
    train = Recipe().train.model_copy(update=TRAIN)
    asked = Candidate(model="transformer", settings=SETTINGS)
    found = fit_candidate(batch(unanswerable(90)), WORDS, asked, seed=0, threads=1, train=train)
    assert isinstance(found, Spans) and found.nothing
    new = unanswerable(45, seed=5)
    said = TASK.answers(found.outputs(spanning.letters(new)))
    right = registry.find("metrics", "exact-match").each(batch(new).target, said)
    assert right[::3].mean() > 0.8 and right.mean() > 0.8
    silent = np.array([text == "" for text in said.prediction.texts()])
    begins, sure = said.places.T
    assert (begins[silent] == -1).all() and (sure[silent] > 0).all() and (sure <= 1).all()
    again = Spans.rebuild(states.from_bytes(states.to_bytes("spans", found.state()))[1])
    assert again.nothing and again.outputs(spanning.letters(new)).values.tolist() == pytest.approx(
        found.outputs(spanning.letters(new)).values.tolist()
    )
    assert (absent(found.outputs(spanning.letters(new))) > 0).all()
    assert set(TASK.answers(found.outputs(spanning.letters(new)), -1.0).prediction.texts()) == {""}
    assert "" not in TASK.answers(found.outputs(spanning.letters(new)), 1.0).prediction.texts()
    always = replace(found, nothing=False)
    assert "nothing" not in always.state().values
    assert "" not in TASK.answers(always.outputs(spanning.letters(new))).prediction.texts()
    told = State({**found.state().values, "nothing": 1}, found.state().arrays, found.state().parts)
    with pytest.raises(BundleError, match="neither true nor false"):
        Spans.rebuild(told)


def silences(share: float, rows: int = 400, seed: int = 0) -> tuple[Ragged, Ragged]:
    """Made: pieces with how probable they are and how probable none is; half of the rows have no answer.

    A model that says `none` too seldom: that is right wherever its share lies above `share`.
    """
    random = np.random.default_rng(seed)
    said = random.random(rows)
    wanted = ["" if none > share else "mill" for none in said]
    sure = 1 - said
    outputs = packed(["mill"] * rows, [3] * rows, (0.9 * sure).tolist(), (0.9 * said).tolist())
    return outputs, packed(wanted, [3] * rows, [1.0] * rows)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_threshold_of_no_answer_is_the_one_that_held_out_rows_show(share: float):
    exact = registry.find("metrics", "exact-match")
    outputs, target = silences(share)
    found, reason = threshold.by_absence(outputs, target, exact, TASK)
    assert found == pytest.approx(share, abs=0.02)
    assert "on 400 held-out rows is 1.0000 there" in reason
    others, wanted = silences(share, seed=1)
    assert exact.score(wanted, TASK.answers(others, found)) > 0.98


def test_a_model_that_always_answers_has_no_threshold_of_its_own():
    outputs = packed(["mill"] * 30, [3] * 30, [0.4] * 30)
    exact = registry.find("metrics", "exact-match")
    assert threshold.by_absence(outputs, outputs, exact, TASK) == (0.5, "the model always answers")


def test_a_temperature_corrects_how_sure_it_is_of_a_piece_and_of_none_and_changes_no_answer():
    outputs, _ = silences(0.5)
    form = registry.find("forms", "temperature")(Said(outputs), 2.5)
    found = form.outputs(None)
    assert TASK.answers(found).prediction.texts() == TASK.answers(outputs).prediction.texts()
    before, after = places(settled(outputs))[:, 1], places(settled(found))[:, 1]
    assert after == pytest.approx(1 / (1 + (1 / before - 1) ** (1 / 2.5)))
    fitted = calibration.Calibration("temperature", "", 1.0, 1.0, {"temperature": 2.5})
    assert fitted.apply(outputs).values.tolist() == pytest.approx(found.values.tolist())


@dataclass(frozen=True)
class Said:
    """A form that says the same to everything."""

    rows: Ragged

    def outputs(self, inputs: object) -> Ragged:
        return self.rows


def of_sample(part: str) -> pl.DataFrame:
    """Rows of the sample; of every third one the sentence with the answer is left out, so none stands there."""
    found = []
    for row, (context, question, answer) in enumerate(
        pl.read_csv(sample_path("made-questions")).filter(part=part).select("context", "question", "answer").iter_rows()
    ):
        rest = " ".join(line for line in context.split(". ") if answer not in line)
        found.append((rest, question, "") if row % 3 == 0 and rest else (context, question, answer))
    return pl.DataFrame(found, schema=["context", "question", "answer"], orient="row")


def test_a_calibrated_probability_is_nearer_to_how_often_answers_are_right():
    """On rows of `made-questions` that chose nothing: expected calibration error before and after."""
    known, test = of_sample("train").head(400), of_sample("test")
    train = Recipe().train.model_copy(update={**TRAIN, "epochs": 6})
    asked = Candidate(model="transformer", settings=SETTINGS)
    work = replace(WORDS, window=128)
    found = fit_candidate(batch(known.head(250)), work, asked, seed=0, threads=1, train=train)
    exact, error = (registry.find("metrics", name) for name in ("exact-match", "expected-calibration-error"))
    judged, target = found.outputs(spanning.letters(known.tail(150))), batch(known.tail(150)).target
    right = exact.each(target, TASK.answers(judged))
    fitted = calibration.of_pieces(settled(judged), right, np.arange(150) % 5, "temperature")
    outputs, wanted = found.outputs(spanning.letters(test)), batch(test).target

    def off(rows: Ragged) -> float:
        sure = np.clip(places(settled(rows))[:, 1], 0, 1)
        truth = exact.each(wanted, TASK.answers(rows)).astype(np.int64)
        return float(error.score(truth, Answers(truth, np.stack([1 - sure, sure], axis=1))))

    assert off(fitted.apply(outputs)) < off(outputs) - 0.02


def test_a_fit_chooses_and_tells_its_threshold_and_its_temperature(tmp_path: Path):
    sets = {"split.folds": 2, "train.repeats": 1, "train.calibration": "temperature"}
    asked = {f"train.{key}": value for key, value in TRAIN.items()} | {"model.transformer.width": 16}
    asked |= sets | {"model.transformer.layers": 1, "model.transformer.heads": 2, "features.longest": 64}
    made_ = luban.fit(
        unanswerable(90), "answer", task="question-answering", model="transformer", set=asked, repair="off",
        threads=1, out=tmp_path / "it.luban",
    )  # fmt: skip
    evaluation = made_.stored.evidence["evaluation"]
    assert "held-out rows" in evaluation["threshold"]["reason"]
    assert evaluation["calibration"]["method"] == "temperature"
    assert made_.stored.facts["threshold"] == evaluation["threshold"]["value"]
    assert made_.stored.form_kind == "temperature"
    report = (tmp_path / "it.luban" / "report.html").read_text()
    assert "above it nothing is answered" in report and "Calibration" in report
    assert verify(tmp_path / "it.luban", unanswerable(90)).met
    fixed = replace_threshold(made_, unanswerable(30, seed=9))
    assert fixed["always"] == 0 and fixed["never"] == 30


def replace_threshold(bundle: luban.Bundle, rows: pl.DataFrame) -> dict[str, int]:
    """How often a bundle says nothing, at either end of what a threshold may be."""
    answerer, found = bundle.answerer, {}
    for name, share in (("always", 1.0), ("never", 0.0)):
        said = replace(answerer, threshold=share).said(rows.drop("answer"))
        found[name] = said.prediction.texts().count("")
    return found
