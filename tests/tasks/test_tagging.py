"""Words that are tagged: the question is recognised, each word is answered, and context beats the commonest tag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban
from luban import states
from luban.batch import Batch, Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError, DataError, UsageError
from luban.data.open import open_dataset
from luban.protocols import State, Work
from luban.recipe.recipe import Candidate, Features, Models, Recipe
from luban.training import candidates
from luban.training.fitting import fit_candidate
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given

RANDOM = np.random.default_rng(0)
NOUNS, VERBS = ("dog", "cat", "mouse"), ("sees", "hears")


def sentence() -> tuple[str, str]:
    """Made up: `run` is a noun behind `the`, and a verb elsewhere, which no word by itself tells."""
    parts = [
        ("the", "D"),
        (str(RANDOM.choice([*NOUNS, "run", "run"])), "N"),
        (str(RANDOM.choice([*VERBS, "run"])), "V"),
    ]
    parts += [("the", "D"), (str(RANDOM.choice([*NOUNS, "run"])), "N")][: 2 * int(RANDOM.integers(0, 2))]
    return " ".join(word for word, _ in parts), " ".join(tag for _, tag in parts)


ROWS = pl.DataFrame([sentence() for _ in range(200)], schema=["text", "tags"], orient="row")
HOW = {
    "train.epochs": 12, "train.batch_size": 16, "train.learning_rate": 0.02, "train.repeats": 1, "split.folds": 2,
    "train.precision": "float32", "model.lstm": {"units": 16, "embedding": 16}, "features.words": 50,
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> luban.Bundle:
    return luban.fit(ROWS, "tags", set=HOW, threads=1, out=tmp_path_factory.mktemp("tags") / "run.luban")


def ready(frame: pl.DataFrame, **asked: object):
    return prepare(open_dataset(frame), Given(), Recipe(target="tags", **asked))


def test_a_tag_for_each_word_is_recognised():
    prepared = ready(ROWS)
    assert (prepared.task.name, prepared.classes) == ("tagging", ("D", "N", "V"))
    assert "one of 3 tags for each word of 'text'" in prepared.task_reason
    assert [column.kind for column in prepared.schema.inputs] == ["words"]
    lists = ROWS.with_columns(pl.col("tags").str.split(" "))
    assert ready(lists).task.name == "tagging"


def test_other_texts_are_other_questions():
    once = ROWS.with_columns(tags=pl.col("tags").str.split(" ").list.first() + pl.col("text").str.slice(4, 1))
    assert ready(once).task.name == "multiclass"
    longer = ROWS.with_columns(tags=pl.format("{} {}", "tags", pl.int_range(len(ROWS))))
    assert ready(longer).task.name == "sequence-to-sequence"
    turned = ROWS.with_columns(tags=pl.col("text").str.to_uppercase())
    assert ready(turned, task=None).task.name != "tagging", "as many different tags as words"
    assert ready(ROWS, task="sequence-to-sequence").task.name == "sequence-to-sequence"


def test_lists_of_words_are_read_too():
    lists = ROWS.with_columns(pl.col("text").str.split(" "), pl.col("tags").str.split(" "))
    prepared = ready(lists, task="tagging")
    assert prepared.schema.inputs[0].name == "text"
    assert prepared.target is not None
    assert prepared.target[np.array([0])].lengths.tolist() == [len(ROWS["text"][0].split())]


def test_a_row_with_other_than_a_tag_a_word_is_left_out_with_its_reason():
    tags = ROWS["tags"].to_list()
    tags[7] = "D N"
    prepared = ready(ROWS.with_columns(tags=pl.Series(tags)))
    words = len(ROWS["text"][7].split())
    told = [why for row, why in prepared.division.listed if row == 7]
    assert len(told) == 1 and f"it has 2 tags for {words} words" in told[0]
    assert 7 not in prepared.division.train and 7 not in prepared.division.test


def test_many_such_rows_stop_a_run():
    tags = ["D" if row < 10 else each for row, each in enumerate(ROWS["tags"])]
    with pytest.raises(DataError, match=r"it has 1 tag for \d words. 10 of 200 rows cannot be read") as raised:
        ready(ROWS.with_columns(tags=pl.Series(tags)), task="tagging")
    assert "row 0" in str(raised.value.where)


@pytest.mark.slow
def test_context_tells_what_the_word_alone_does_not(bundle: luban.Bundle):
    tested = [measurement for measurement in bundle.measurements if measurement.split == "test"]
    assert [measurement.metric for measurement in tested] == ["token-accuracy"], "these tags mark no spans"
    first = tested[0]
    assert first.baseline is not None and first.baseline.model == "commonest-tag"
    assert first.value > 0.99 > 0.95 > first.baseline.value > 0.6
    assert first.low <= first.value <= first.high
    assert bundle.stored.evidence["runtime"]["answers_by"] == "onnx"
    assert "What it wrote" in (Path(str(bundle.path)) / "report.html").read_text()


@pytest.mark.slow
def test_each_word_is_answered_and_no_word_is_no_tag(bundle: luban.Bundle):
    texts = ["the run run the dog", "", "zebra", "the mouse run"]
    said = bundle.predict({"text": texts})
    assert [len(tags) for tags in said] == [5, 0, 1, 3]
    assert said[0] == ["D", "N", "V", "D", "N"] and said[3] == ["D", "N", "V"]
    again = luban.load(str(bundle.path))
    assert again.predict({"text": texts}).tolist() == said.tolist()
    assert bundle.predict(pl.DataFrame({"text": texts})).to_list() == said.tolist()
    alike = bundle.predict({"text": ["the dog", "the cat"]})
    assert alike.shape == (2,) and alike[1] == ["D", "N"]
    probabilities = again.predict_proba({"text": texts})
    assert [part.shape for part in probabilities] == [(5, 3), (0, 3), (1, 3), (3, 3)]
    assert np.allclose(probabilities[0].sum(axis=1), 1.0)


@pytest.mark.slow
def test_the_graph_and_torch_answer_alike(bundle: luban.Bundle):
    from dataclasses import replace

    from luban.verbs.answering import Answerer

    by_torch = Answerer.of(replace(bundle.stored, runtime=None))
    texts = pl.DataFrame({"text": ["the run run the dog", "", "zebra"]})
    graph, torch = bundle.answerer.answers(texts), by_torch.answers(texts)
    assert graph.prediction.lengths.tolist() == torch.prediction.lengths.tolist() == [5, 0, 1]
    assert np.abs(graph.probabilities.values - torch.probabilities.values).max() < 1e-5


@pytest.mark.slow
def test_tags_that_are_not_known_count_as_wrong_and_are_told(bundle: luban.Bundle, tmp_path: Path):
    from verbs.program import luban as program

    rows = pl.DataFrame({"text": ["the dog sees", "the cat hears", ""], "tags": ["D N V", "D N NEW", ""]})
    (found,) = bundle.evaluate(rows)
    assert found.value == pytest.approx(5 / 6)
    assert found.baseline is not None and found.baseline.value == pytest.approx(5 / 6)
    rows.write_csv(tmp_path / "rows.csv")
    told = program("evaluate", str(bundle.path), str(tmp_path / "rows.csv"))
    assert "1 words have a tag that the bundle does not know" in told.err
    assert told.code == 0


@pytest.mark.slow
def test_the_program_writes_the_tags_of_a_row_as_they_are_given(bundle: luban.Bundle, tmp_path: Path):
    from verbs.program import luban as program

    (tmp_path / "new.csv").write_text('text\n"the run hears"\n"dog"\n')
    out = tmp_path / "answers.csv"
    assert program("predict", str(bundle.path), str(tmp_path / "new.csv"), "--out", str(out)).code == 0
    assert pl.read_csv(out).rows() == [(0, "D N V"), (1, "N")]
    assert program("inspect", str(bundle.path)).code == 0


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"positive": "D"}, UsageError, "tags have no positive class"),
        ({"model": "svm"}, UsageError, "the model 'svm' does not do tagging"),
        ({"metric": "accuracy"}, UsageError, "train.metric cannot be 'accuracy' for tagging"),
    ],
)
def test_what_makes_no_sense_of_tags_is_told(options, error, said, tmp_path):
    with pytest.raises(error) as raised:
        luban.fit(ROWS, "tags", out=tmp_path / "x.luban", **options)
    assert said in str(raised.value)


def test_tagging_reads_one_column_of_words():
    more = ROWS.with_columns(number=pl.Series(RANDOM.normal(size=len(ROWS))))
    with pytest.raises(UsageError, match=r"reads one column of words, and the columns here are: 'text' \(text\), 'num"):
        ready(more, task="tagging")
    assert ready(more, task="tagging", drop=("number",)).task.name == "tagging"


def test_one_network_is_tried_where_nobody_names_some():
    steps = registry.find("features", "words").tensor
    shape = steps.shape(steps.fit(ROWS["text"], Features()))
    work = Work("tagging", 3, 50_000, 0, shapes={"text": shape})
    tried = [candidate.model for candidate in candidates.asked(Models(), work, "commonest-tag")]
    assert tried == ["commonest-tag", "lstm"]


def test_without_torch_it_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("luban.models._networks.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"no model does tagging here\. gru: it needs the package 'torch'"):
        candidates.asked(Models(), Work("tagging", 3, 200, 1), "commonest-tag")


def lookup(*tags: list[int]):
    """The baseline of these words: `a b`, then `a c`, and so on as the tags say."""
    steps = registry.find("features", "words").tensor
    texts = pl.Series(["a b", "a c", "a b"][: len(tags)])
    state = steps.fit(texts, Features(words=2))
    shape = steps.shape(state)
    batch = Batch(Tensors({"x": steps.encode(texts, state)}), Ragged.of([np.array(row) for row in tags]))
    work = Work("tagging", 3, len(tags), 0, shapes={"x": shape})
    form = fit_candidate(batch, work, Candidate(model="commonest-tag"), seed=0, threads=1)
    return form, lambda text: form.outputs(Tensors({"x": steps.encode(pl.Series([text]), state)})).values.argmax(axis=1)


def test_the_baseline_says_the_commonest_tag_of_each_word():
    form, said = lookup([0, 1], [2, 2], [0, 1])
    assert said("a b").tolist() == [0, 1]
    assert said("c zebra").tolist() == [2, 2], "words beyond the known ones share their commonest tag"
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    assert registry.find("forms", kind).rebuild(state).codes.tolist() == form.codes.tolist()


def test_a_lookup_that_answers_beyond_its_tags_is_refused():
    rebuild = registry.find("forms", "lookup").rebuild
    for codes in ([0, 3], [-1, 0]):
        with pytest.raises(BundleError, match="codes that are not below 3"):
            rebuild(State({"outputs": 3}, {"codes": np.array(codes)}))
    with pytest.raises(BundleError, match="outputs"):
        rebuild(State({"outputs": 0}, {"codes": np.array([0])}))
