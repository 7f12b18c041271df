"""Texts that are written: the question is recognised, padding teaches nothing, and a bundle writes what it learned."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import luban
from explained_again import explained_again
from luban import states
from luban.batch import Answers, Batch, Ragged, Tensors
from luban.core import registry
from luban.core.console import SILENT
from luban.core.errors import BundleError, DataError, UsageError
from luban.protocols import Form, State, Work
from luban.recipe.recipe import Candidate, Features, Recipe, Train
from luban.training import question, writing
from luban.training.fitting import fit_candidate
from luban.verbs import remeasuring

DIGITS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBERS = np.random.default_rng(0).integers(0, 10, (300, 4))
PAIRS = pl.DataFrame({
    "english": [" ".join(WORDS[n] for n in row[: 2 + i % 3]) for i, row in enumerate(NUMBERS)],
    "german": [" ".join(DIGITS[n] for n in row[: 2 + i % 3]) for i, row in enumerate(NUMBERS)],
}).unique("english", maintain_order=True)  # fmt: skip
"""Made up: some digits in English, and the same in German. Every one is another text."""
HOW = {
    "train.epochs": 40, "train.batch_size": 16, "train.learning_rate": 0.01, "train.repeats": 1, "split.folds": 2,
    "train.precision": "float32",
    "model.encoder-decoder": {"width": 32, "layers": 1, "heads": 2, "vocabulary": 300},
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> luban.Bundle:
    place = tmp_path_factory.mktemp("written") / "digits.luban"
    return luban.fit(PAIRS, "german", model="encoder-decoder", set=HOW, threads=1, out=place)


def test_one_text_for_another_is_recognised_and_names_are_not():
    told = question.decide(PAIRS["german"], Recipe(), texts=True)
    assert told[0] == "sequence-to-sequence"
    assert "one text is read for each" in told[1]
    with pytest.raises(DataError, match="neither classes nor numbers"):
        question.decide(PAIRS["german"], Recipe())
    assert question.decide(pl.Series(["a", "b", "c"] * 20), Recipe(), texts=True)[0] == "multiclass"


def test_what_is_behind_the_end_of_a_text_teaches_nothing():
    import torch

    task = registry.find("tasks", "sequence-to-sequence")
    outputs = torch.randn(2, 5, 7, generator=torch.manual_seed(0), requires_grad=True)
    target = torch.tensor([[3, 4, -1, -1, -1], [1, 2, 3, 4, 5]])
    loss = task.loss(outputs, target, Train())
    alone = torch.nn.functional.cross_entropy(outputs[0, :2], target[0, :2])
    assert loss[0].item() == pytest.approx(alone.item())
    loss.sum().backward()
    assert outputs.grad is not None
    assert (outputs.grad[0, 2:] == 0).all() and (outputs.grad[1] != 0).any(dim=1).all()


def test_each_step_is_taught_with_what_came_before_it():
    tokens = registry.find("features", "text").tensor
    texts = PAIRS["german"][:20]
    state = tokens.fit(texts, Features(vocabulary=300, longest=100))
    before, after = writing.steps(texts, state)
    assert before.lengths.tolist() == after.lengths.tolist()
    for row in range(20):
        first, second = before[np.array([row])].values, after[np.array([row])].values
        assert (first[0], second[-1]) == (2, 3), "it starts with START and ends with END"
        assert first[1:].tolist() == second[:-1].tolist()
        assert tokens.written(second.tolist(), state) == texts[row]


def test_a_text_that_is_too_long_is_cut_and_has_no_end():
    tokens = registry.find("features", "text").tensor
    state = tokens.fit(PAIRS["german"], Features(vocabulary=300, longest=4))
    _, after = writing.steps(pl.Series(["eins zwei drei vier fünf sechs sieben"]), state)
    assert 3 not in after.values.tolist()


def test_a_bundle_writes_what_it_learned(bundle: luban.Bundle):
    first = bundle.measurements[0]
    assert [m.metric for m in bundle.measurements if m.split == "test"] == ["bleu", "chrf", "rouge-l"]
    assert first.baseline is not None and first.baseline.model == "medoid"
    assert first.value > 3 * first.baseline.value
    assert first.low <= first.value <= first.high
    said = bundle.predict({"english": ["two nine", "one two three"]})
    assert all(set(text.split()) <= set(DIGITS) for text in said)
    again = luban.load(bundle.path)
    assert again.predict({"english": ["two nine", "one two three"]}).tolist() == said.tolist()
    shown = (bundle.path / "report.html").read_text()
    assert "What it wrote" in shown
    assert bundle.outline().gives[-1] == bundle.network.pair.encoder.steps.read.num_embeddings


@pytest.mark.slow
def test_the_network_is_chosen_and_writes_better_than_a_copy(tmp_path: Path):
    few = {"train.epochs": 30, "train.repeats": 1, "split.folds": 2}
    bundle = luban.fit(PAIRS, "german", set=few, threads=1, out=tmp_path / "digits.luban")
    assert bundle.stored.evidence["evaluation"]["chosen"]["label"].startswith("encoder-decoder")
    (found,) = [m for m in bundle.measurements if (m.metric, m.split) == ("chrf", "test")]
    german, english = (Ragged.of_texts(PAIRS[column].to_list()) for column in ("german", "english"))
    assert found.baseline is not None
    copied = registry.find("metrics", "chrf").score(german, Answers(english))
    assert found.low > max(found.baseline.value, copied)


def candidate(**settings: object) -> Candidate:
    return Candidate(model="encoder-decoder", settings={"width": 16, "layers": 1, "heads": 2, **settings})


SHORT = Train(epochs=2, batch_size=32, learning_rate=0.005, patience=5, precision="float32", device="cpu", threads=1)


def test_beams_change_what_is_written():
    batch, work = _written_rows()

    def texts(beams: int) -> list[str]:
        form = fit_candidate(batch, work, candidate(beams=beams, vocabulary=300), seed=0, threads=1, train=SHORT)
        return form.outputs(batch.inputs).texts()

    assert texts(1) == texts(1) != texts(4)


def test_what_is_read_letter_by_letter_is_cut_into_the_tokens_that_are_written():
    tokens = registry.find("features", "text").tensor
    texts = PAIRS["english"][:60]
    state = tokens.fit(texts, writing.seen(Features(), "sequence-to-sequence"))
    batch = Batch(Tensors({"english": tokens.encode(texts, state)}), Ragged.of_texts(PAIRS["german"][:60].to_list()))
    work = Work("sequence-to-sequence", 1, 60, 0, shapes={"english": tokens.shape(state)})
    inside, seen, _ = writing.inner(batch, work, candidate(vocabulary=400))
    assert list(seen.shapes) == ["english.own"]
    assert seen.shapes["english.own"].size == (seen.outputs,)
    assert inside.inputs.parts["english.own"].lengths.sum() < batch.inputs.parts["english"].lengths.sum()
    form = fit_candidate(batch, work, candidate(vocabulary=400), seed=0, threads=1, train=SHORT)
    again = registry.find("forms", "written").rebuild(form.state())
    assert form.outputs(batch.inputs).texts() == again.outputs(batch.inputs).texts()
    with pytest.raises(BundleError, match="the network reads other tokens than it writes"):
        again.rebuild(State({**form.state().values, "reads": 0}, form.state().arrays, form.state().parts))


def test_a_tokenizer_that_was_chosen_reads_its_own_tokens():
    chosen = Features(tokenizer="wordpiece")
    assert writing.seen(chosen, "sequence-to-sequence") == chosen
    batch, work = _written_rows()
    _, seen, _ = writing.inner(batch, work, candidate(vocabulary=400))
    assert seen.shapes == work.shapes


def test_a_larger_vocabulary_writes_the_same_text_with_fewer_tokens():
    batch, work = _written_rows()
    letters = np.random.default_rng(0).integers(97, 123, (60, 40)).astype(np.uint8)
    batch = Batch(batch.inputs, Ragged(letters.ravel(), np.arange(61) * 40))
    few, many = (writing.inner(batch, work, candidate(vocabulary=words)) for words in (300, 600))
    assert few[1].outputs == 300 < many[1].outputs
    assert many[0].target.lengths.sum() < few[0].target.lengths.sum()


def _written_rows() -> tuple[Batch, Work]:
    tokens = registry.find("features", "text").tensor
    texts = PAIRS["english"][:60]
    state = tokens.fit(texts, Features(vocabulary=300))
    rows = Tensors({"english": tokens.encode(texts, state)})
    work = Work("sequence-to-sequence", 1, 60, 0, shapes={"english": tokens.shape(state)})
    return Batch(rows, Ragged.of_texts(PAIRS["german"][:60].to_list())), work


def test_the_program_writes_texts_into_a_column(bundle: luban.Bundle, tmp_path: Path):
    from verbs.program import luban as program

    PAIRS.head(5).write_csv(tmp_path / "pairs.csv")
    out = tmp_path / "answers.csv"
    assert program("predict", str(bundle.path), str(tmp_path / "pairs.csv"), "--out", str(out)).code == 0
    assert pl.read_csv(out).columns[1:] == ["prediction"]
    measured = program("evaluate", str(bundle.path), str(tmp_path / "pairs.csv"), "--json")
    assert measured.code == 0 and b'"bleu"' in measured.out


def test_a_form_of_another_vocabulary_is_refused(bundle: luban.Bundle):
    kind, state = states.from_bytes(states.to_bytes(bundle.stored.form_kind, bundle.stored.form))
    assert kind == "written"
    rebuild = registry.find("forms", "written").rebuild
    assert rebuild(state).longest > 1
    fewer = State(state.values, {"merges": state.arrays["merges"][:-1]}, state.parts)
    with pytest.raises(BundleError, match=r"the network writes \d+ tokens, and \d+ are known"):
        rebuild(fewer)
    with pytest.raises(BundleError, match="longest"):
        rebuild(State({**state.values, "longest": 10**9}, state.arrays, state.parts))


def test_a_changed_byte_of_the_tokens_is_seen(bundle: luban.Bundle, tmp_path: Path):
    copied = tmp_path / "copy.luban"
    shutil.copytree(bundle.path, copied)
    file = next(path for path in copied.rglob("*.safetensors") if path.stat().st_size > 1000)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError):
        luban.load(copied)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"positive": "x"}, UsageError, "texts have no positive class"),
        ({"model": "svm"}, UsageError, "the model 'svm' does not do sequence-to-sequence"),
        ({"metric": "accuracy"}, UsageError, "train.metric cannot be 'accuracy' for sequence-to-sequence"),
    ],
)
def test_what_makes_no_sense_of_texts_is_told(options, error, said, tmp_path):
    with pytest.raises(error) as raised:
        luban.fit(PAIRS, "german", out=tmp_path / "x.luban", **options)
    assert said in str(raised.value)


def _letters(texts: list[str]) -> tuple[Tensors, Work]:
    tokens = registry.find("features", "text").tensor
    values = pl.Series("english", texts)
    state = tokens.fit(values, writing.seen(Features(), "sequence-to-sequence"))
    work = Work("sequence-to-sequence", 1, len(texts), 0, shapes={"english": tokens.shape(state)})
    return Tensors({"english": tokens.encode(values, state)}), work


def _again(form: Form) -> Form:
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    found: Form = registry.find("forms", kind).rebuild(state)
    return found


STRANGE = ["GNU Emacs", "naïve 天气 😀", "", "a" * 300, "line\nbreak"]


def test_a_copy_is_the_text_that_was_read():
    rows, work = _letters(STRANGE)
    batch = Batch(rows, Ragged.of_texts(STRANGE))
    form = _again(fit_candidate(batch, work, Candidate(model="copied"), seed=0, threads=1))
    assert form.outputs(rows).texts() == STRANGE
    assert form.outputs(rows[np.array([3, 1])]).texts() == [STRANGE[3], STRANGE[1]]
    assert len(form.outputs(rows[np.zeros(0, np.int64)])) == 0
    assert writing.letters(pl.Series("english", STRANGE), Features()).parts["english"].values.tolist() == (
        rows.parts["english"].values.tolist()
    )


def test_only_what_is_read_letter_by_letter_is_copied_or_looked_for():
    _, tokens = _written_rows()
    for name in ("copied", "nearest-text"):
        model = registry.find("models", name)
        assert "tokens of a tokenizer" in model.declines(tokens)
        assert "one text" in model.declines(Work("sequence-to-sequence", 1, 9, 2))
        assert model.declines(_letters(STRANGE)[1]) is None


MANUALS = [f"{kind} for {tool}" for kind in ("manual", "headers", "shared library") for tool in WORDS]
MANUELS = [f"{kind} de {tool}" for kind in ("manuel", "en-têtes", "bibliothèque partagée") for tool in WORDS]


def test_the_nearest_text_is_the_one_with_the_most_telling_pieces_in_common():
    rows, work = _letters(MANUALS)
    batch = Batch(rows, Ragged.of_texts(MANUELS))
    form = _again(fit_candidate(batch, work, Candidate(model="nearest-text"), seed=0, threads=1))
    asked, _ = _letters(["Manual for THREE", "shared library for seven, too", "headers for"])
    said = form.outputs(asked).texts()
    assert said[:2] == ["manuel de three", "bibliothèque partagée de seven"]
    assert said[2].startswith("en-têtes de ")
    assert form.outputs(rows).texts() == MANUELS, "a text that is stored is its own nearest"


def test_the_likeness_is_the_cosine_of_weighted_pieces():
    texts = ["abcd", "bcde", "xyz xyz", "abx"]
    form = registry.find("forms", "remembered")(Ragged.of_texts(texts), Ragged.of_texts(texts), 0.0)

    def pieces(text: str) -> set[str]:
        marked = f"^{text}$"
        return {marked[at : at + n] for n in (2, 3, 4) for at in range(len(marked) - n + 1)}

    counts = Counter(piece for text in texts for piece in pieces(text))

    def weight(some: set[str]) -> float:
        return sum(np.log(5 / (1 + counts[piece])) ** 2 for piece in some)

    def cosine(one: str, other: str) -> float:
        return weight(pieces(one) & pieces(other)) / np.sqrt(weight(pieces(one)) * weight(pieces(other)))

    for text in ("abcde", "xy", "abx", "quite another"):
        likeness = [cosine(text, other) for other in texts]
        (place,), (found,) = form.nearest(Ragged.of_texts([text]))
        assert found == pytest.approx(max(likeness), abs=1e-8)
        assert place == int(np.argmax(np.round(likeness, 9)))


def test_what_is_like_no_stored_text_is_copied():
    rows, work = _letters(MANUALS)
    batch, asked = Batch(rows, Ragged.of_texts(MANUELS)), _letters(["GNU Emacs"])[0]

    def said(least: float) -> list[str]:
        found = Candidate(model="nearest-text", settings={"least": least})
        return fit_candidate(batch, work, found, seed=0, threads=1).outputs(asked).texts()

    assert said(0.5) == ["GNU Emacs"]
    assert said(0.0) != ["GNU Emacs"]


def test_how_like_a_text_must_be_is_found_on_the_rows():
    rows, work = _letters(MANUALS)
    family = fit_candidate(
        Batch(rows, Ragged.of_texts(MANUELS)), work, Candidate(model="nearest-text"), seed=0, threads=1
    )
    same = fit_candidate(
        Batch(rows, Ragged.of_texts(MANUALS)), work, Candidate(model="nearest-text"), seed=0, threads=1
    )
    assert family.state().values["least"] < same.state().values["least"], "where targets are copies, copying is better"


@pytest.mark.parametrize(
    ("values", "changed", "said"),
    [
        ({"least": 3.0}, {}, "'least'"),
        ({}, {"sources_offsets": np.array([0, 5, 2, 3])}, "one behind the other"),
        ({}, {"targets_offsets": np.array([0, 3])}, "3 texts were read, and 1 written"),
    ],
)
def test_a_memory_that_no_fit_writes_is_refused(values, changed, said):
    texts = Ragged.of_texts(["a", "b", "c"])
    state = registry.find("forms", "remembered")(texts, texts, 0.0).state()
    odd = State({**state.values, **values}, {**state.arrays, **changed})
    with pytest.raises(BundleError, match=said):
        registry.find("forms", "remembered").rebuild(odd)


TOOLS = pl.DataFrame({
    "english": [f"{kind} {a}{b}" for kind in ("the tool", "the file") for a in DIGITS for b in WORDS],
    "french": [f"{kind} {a}{b}" for kind in ("the outil", "the fichier") for a in DIGITS for b in WORDS],
})  # fmt: skip
"""Made up: most of a text stays as it is."""


def test_the_score_stands_beside_the_better_of_a_copy_and_one_text_for_all(bundle: luban.Bundle, tmp_path: Path):
    assert {m.baseline.model for m in bundle.measurements if m.baseline} == {"medoid"}
    how = {"split.folds": 2, "train.repeats": 1}
    made = luban.fit(TOOLS, "french", model="nearest-text", set=how, threads=1, out=tmp_path / "tools.luban")
    tested = {m.metric: m for m in made.measurements if m.split == "test"}
    assert {m.baseline.model for m in tested.values()} == {"copied"}
    again = {m.metric: m for m in luban.load(made.path).evaluate(TOOLS)}
    target, read = (Ragged.of_texts(TOOLS[column].to_list()) for column in ("french", "english"))
    assert again["chrf"].baseline.model == "copied"
    assert again["chrf"].baseline.value == pytest.approx(registry.find("metrics", "chrf").score(target, Answers(read)))
    measured, _ = remeasuring.again(luban.load(made.path), TOOLS, console=SILENT)
    assert [m.baseline for m in measured] == [tested[m.metric].baseline for m in measured]


def test_the_baseline_is_the_text_that_is_most_like_all_others():
    texts = ["guten tag", "guten abend", "guten tag auch", "xyz"]
    batch = Batch(np.zeros((4, 2), np.float32), Ragged.of_texts(texts))
    form = fit_candidate(batch, Work("sequence-to-sequence", 1, 4, 2), Candidate(model="medoid"), seed=0, threads=1)
    assert form.outputs(np.zeros((2, 2), np.float32)).texts() == ["guten tag"] * 2
    kind, state = states.from_bytes(states.to_bytes(form.kind, form.state()))
    assert registry.find("forms", kind).rebuild(state).outputs(np.zeros((1, 2), np.float32)).texts() == ["guten tag"]


def test_what_is_written_is_explained_after_reload_as_before(bundle: luban.Bundle):
    explained_again(bundle, pl.DataFrame({"english": ["two nine", "one two three"]}))
