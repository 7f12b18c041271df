"""Every option of every verb does something: each is given once, and a difference is seen.

`CASES` has a case for each option; an option without one fails a test. Options of `fit` and `diagnose` that say what is
trained reach the recipe, and what each key of a recipe does is in `test_every_key.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import polars as pl
import pytest

from fitted import Fitted
from luban.cli.main import group, verbs
from luban.core import console
from luban.runtime import answering, products
from luban.verbs import diagnose, fit
from origins import speaking, tiny
from verbs.program import Done, luban

CANCER = "sample:breast-cancer"
COMMON = {"--json", "--quiet", "--debug"}


class ReachedError(Exception):
    """Ends a call where the making would begin."""


@dataclass(frozen=True)
class Reached:
    """What an option may change before anything is trained."""

    done: Done
    made: dict[str, Any]


@pytest.fixture
def reach(monkeypatch: pytest.MonkeyPatch, visits: Path, fitted: Fitted) -> Callable[..., Reached]:
    """Calls `fit` or `diagnose` up to where rows are prepared, and returns what they would be prepared with."""
    # Whoever needs these bundles gets them from the real making.
    for name in ("cancer", "iris", "patients", "wide"):
        fitted.bundle(name)
    made: dict[str, Any] = {}

    def make(dataset: Any, given: Any, recipe: Any, folder: Any, allowed: Any, *, ask: Any, **others: Any) -> None:
        made.update(given=given, recipe=recipe, folder=folder, allowed=allowed, ask=ask, kinds=_kinds(dataset))
        raise ReachedError

    def examined(place: Any, recipe: Any, test: Any, threads: Any, console: Any) -> None:
        made.update(recipe=recipe, test=test, threads=threads)
        raise ReachedError

    monkeypatch.setattr(fit, "make", make)
    monkeypatch.setattr(diagnose, "_examined", examined)

    def call(verb: str, *arguments: str) -> Reached:
        made.clear()
        done = luban(verb, str(visits), *arguments)
        return Reached(done, dict(made))

    return call


def _kinds(dataset: Any) -> dict[str, str]:
    return {column.name: column.kind for column in dataset.schema.columns}


@dataclass(frozen=True)
class Key:
    """An option that sets a key of the recipe."""

    path: str
    arguments: tuple[str, ...]
    value: Any


RECIPE = {
    "--target": Key("target", ("stage",), "stage"),
    "--task": Key("task", ("regression",), "regression"),
    "--positive": Key("positive", ("early",), "early"),
    "--group": Key("split.group", ("town",), "town"),
    "--order": Key("split.order", ("seen",), "seen"),
    "--weight": Key("weight", ("heavy",), "heavy"),
    "--seed": Key("seed", ("7",), 7),
    "--column": Key("columns", ("grade=category",), {"grade": "category"}),
}
"""The options that `fit` and `diagnose` share."""
FIT = {
    **RECIPE,
    "--metric": Key("train.metric", ("f1",), "f1"),
    "--model": Key("model.names", ("svm, random_forest",), ("svm", "random-forest")),
    "--set": Key("split.test", ("split.test=0.3",), 0.3),
    "--folds": Key("split.folds", ("4",), 4),
    "--refit": Key("train.refit", ("all",), "all"),
    "--repair": Key("repair", ("off",), "off"),
    "--no-repair": Key("repair", (), "off"),
}


def at(recipe: Any, path: str) -> Any:
    for part in path.split("."):
        recipe = getattr(recipe, part)
    return recipe


@pytest.mark.parametrize(
    ("verb", "option"), [*(("fit", name) for name in FIT), *(("diagnose", name) for name in RECIPE)]
)
def test_an_option_sets_its_key_of_the_recipe(verb: str, option: str, reach: Callable[..., Reached]) -> None:
    key = FIT[option]
    before, after = reach(verb).made["recipe"], reach(verb, option, *key.arguments).made["recipe"]
    assert at(before, key.path) != at(after, key.path) == key.value


def test_options_have_the_last_word_over_set_and_set_over_the_recipe(
    reach: Callable[..., Reached], tmp_path: Path
) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 3\nsplit: {folds: 3, test: 0.4}\n")
    arguments = ("--recipe", "recipe.yaml", "--set", "split.folds=4", "--set", "seed=4", "--seed", "5")
    recipe = reach("fit", *arguments).made["recipe"]
    assert (recipe.seed, recipe.split.folds, recipe.split.test) == (5, 4, 0.4)


def data_given_apart(reach: Callable[..., Reached], option: str, part: str) -> None:
    Path("other.csv").write_text(Path("visits.csv").read_text())
    assert getattr(reach("fit").made["given"], part) is None
    assert getattr(reach("fit", option, "other.csv").made["given"], part).rows == 80


def fit_test(reach: Callable[..., Reached], fitted: Fitted) -> None:
    data_given_apart(reach, "--test", "test")


def fit_validation(reach: Callable[..., Reached], fitted: Fitted) -> None:
    data_given_apart(reach, "--validation", "validation")


def fit_remember(reach: Callable[..., Reached], fitted: Fitted) -> None:
    Path("visits.csv").write_text("prompt,answer\n" + "why?,so\n" * 20)
    Path("raw.txt").write_text("In the end there was nothing to be said.\n")
    chats = ("--task", "chat", "--from", str(speaking.write(Path("tiny"))))
    assert reach("fit", *chats).made["given"].remember is None
    assert reach("fit", *chats, "--remember", "raw.txt").made["given"].remember.rows == 1
    refused = reach("fit", "--target", "answer", "--remember", "raw.txt").done
    assert "only a language model that is begun from" in refused.err


def fit_recipe(reach: Callable[..., Reached], fitted: Fitted) -> None:
    Path("recipe.yaml").write_text("target: stage\n")
    assert reach("fit", "--recipe", "recipe.yaml").made["recipe"].target == "stage"
    bundle = str(fitted.bundle("cancer"))
    assert reach("fit", "--recipe", bundle).made["recipe"].target == "diagnosis"


def fit_from(reach: Callable[..., Reached], fitted: Fitted) -> None:
    folder = tiny.write(Path("tiny"))
    recipe = reach("fit", "--from", str(folder)).made["recipe"]
    assert recipe.model.names == ("pretrained-features", "pretrained-text", "auto")
    assert recipe.model.settings()["pretrained-text"]["origin"]["content"].startswith("sha256:")
    assert reach("fit").made["recipe"].model.names == ("auto",)


def fit_time(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit").made["allowed"].deadline.left() == float("inf")
    allowed = reach("fit", "--time", "1m").made["allowed"]
    assert allowed.seconds == 60
    assert allowed.deadline.left() < 60
    assert allowed.rows(1000)[1] == "--time 60s"


def fit_memory(reach: Callable[..., Reached], fitted: Fitted) -> None:
    few, many = (reach("fit", "--memory", size).made["allowed"] for size in ("800M", "4G"))
    assert few.rows(50)[0] < many.rows(50)[0]
    short = reach("fit", "--memory", "10M").done
    assert short.code == 7
    assert "--memory" in short.told


def fit_threads(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit", "--threads", "3").made["allowed"].threads == 3
    assert reach("fit", "--threads", "0").done.code == 2


def fit_workers(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit").made["allowed"].workers == 1
    assert reach("fit", "--workers", "2").made["allowed"].workers == 2
    assert reach("fit", "--workers", "0").done.code == 2


def fit_nodes(reach: Callable[..., Reached], fitted: Fitted) -> None:
    printed = reach("fit", "--target", "stage", "--nodes", "2", "--workers", "3")
    assert printed.done.code == 0
    assert not printed.made, "nothing is trained where it is printed"
    told = [line for line in printed.done.out.decode().splitlines() if line.startswith("torchrun")]
    assert len(told) == 2
    assert all("--nnodes 2 --nproc-per-node 3" in line and line.endswith("--target stage") for line in told)


def fit_track(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit", "--track", "tensorbord").done.code == 2
    assert not reach("fit", "--track", "mlflow").made, "no server is named"


def fit_out(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit").made["folder"].path.name == "visits.luban.run"
    assert reach("fit", "--out", "other.luban").made["folder"].path.name == "other.luban.run"


def fit_force(reach: Callable[..., Reached], fitted: Fitted) -> None:
    place = Path("visits.luban")
    place.symlink_to(fitted.bundle("cancer"))
    refused = reach("fit").done
    assert refused.code == 2
    assert "--force" in refused.told
    assert reach("fit", "--force").made["recipe"] is not None


def fit_require(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("fit", "--require", "accuracy>0.9").made
    assert "no gate" in reach("fit", "--require", "good").done.err
    misspelt = reach("fit", "--require", "acuracy>0.9")
    assert misspelt.done.code == 2
    assert not misspelt.made, "a name that no metric has is told before the training"


def diagnose_test(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("diagnose").made["test"] is None
    assert reach("diagnose", "--test", "other.csv").made["test"] == "other.csv"


def diagnose_against(reach: Callable[..., Reached], fitted: Fitted) -> None:
    bundle = fitted.bundle("cancer")
    assert "against" not in luban("diagnose", bundle, "--json").document
    document = luban("diagnose", bundle, "--against", "sample:breast-cancer", "--json").document
    assert (document["against"], document["rows"]) == ("sample:breast-cancer", 569)


def diagnose_data(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("diagnose", fitted.bundle("cancer"), "--against", "sample:breast-cancer", "--json")
    told = ["--data" in line["reason"] for line in luban(*asked).document["not_run"]]
    assert any(told)
    assert not any("--data" in line["reason"] for line in luban(*asked, "--data", CANCER).document["not_run"])


def diagnose_weighed(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("diagnose", fitted.bundle("cancer"), "--against", CANCER, "--data", CANCER, "--weighed", "w.csv", "--json")
    document = luban(*asked).document["weighed"]
    assert document["path"] == "w.csv"
    assert Path("w.csv").read_text().splitlines()[0].endswith(document["column"])


def diagnose_corrected(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("diagnose", fitted.bundle("cancer"), "--against", CANCER, "--json")
    assert "repairs" not in luban(*asked).document
    assert luban(*asked, "--corrected", "c.luban").document["repairs"] == [], "no other shares, so nothing to correct"
    assert not Path("c.luban").exists()


def diagnose_threads(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert reach("diagnose").made["threads"] is None
    assert reach("diagnose", "--threads", "2").made["threads"] == 2


def diagnose_require(reach: Callable[..., Reached], fitted: Fitted) -> None:
    bundle = fitted.bundle("cancer")
    assert luban("diagnose", bundle).code == 0
    assert luban("diagnose", bundle, "--require", "no-severe").code == 0
    assert luban("diagnose", bundle, "--require", "no-sever").code == 2


def evaluate_require(reach: Callable[..., Reached], fitted: Fitted) -> None:
    bundle = fitted.bundle("cancer")
    assert luban("evaluate", bundle, "sample:breast-cancer", "--require", "accuracy.low>=0.9").code == 0
    missed = luban("evaluate", bundle, "sample:breast-cancer", "--require", "accuracy<0.5", "--json")
    assert missed.code == 4
    assert missed.document["measurements"], "the figures are shown all the same"


def _threads_of(monkeypatch: pytest.MonkeyPatch, *arguments: Any) -> int:
    seen: list[int] = []
    real = answering.from_onnx

    def spy(*given: Any, threads: int, **others: Any) -> Any:
        seen.append(threads)
        return real(*given, threads=threads, **others)

    monkeypatch.setattr(answering, "from_onnx", spy)
    assert luban(*arguments).code == 0
    monkeypatch.setattr(answering, "from_onnx", real)
    return seen[0]


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_threads_answer_rows(verb: str, fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    question = (verb, fitted.bundle("cancer"), "sample:breast-cancer")
    assert _threads_of(monkeypatch, *question) == 1
    assert _threads_of(monkeypatch, *question, "--threads", "2") == 2
    assert luban(*question).out == luban(*question, "--threads", "2").out


def predict_out(reach: Callable[..., Reached], fitted: Fitted) -> None:
    question = ("predict", fitted.bundle("cancer"), "sample:breast-cancer")
    assert luban(*question, "--out", "answers.csv").code == 0
    assert Path("answers.csv").read_bytes() == luban(*question).out


def predict_format(reach: Callable[..., Reached], fitted: Fitted) -> None:
    question = ("predict", fitted.bundle("cancer"), "sample:breast-cancer")
    first = json.loads(luban(*question, "--format", "jsonl").lines[0])
    assert [*first] == luban(*question).lines[0].split(",")


def predict_precision(reach: Callable[..., Reached], fitted: Fitted) -> None:
    question = ("predict", fitted.bundle("wide"), "sample:iris", "--precision")
    exact, rounded = (luban(*question, precision) for precision in ("float32", "int8"))
    assert "of the first 64 rows" in rounded.err
    assert exact.out != rounded.out
    assert len(exact.lines) == len(rounded.lines)
    assert luban("predict", fitted.bundle("cancer"), "sample:breast-cancer", "--precision", "int8").code == 2


def explained(fitted: Fitted, *arguments: str, bundle: str = "cancer") -> list[dict[str, Any]]:
    sample = "sample:iris" if bundle == "iris" else "sample:breast-cancer"
    found: list[dict[str, Any]] = luban("explain", fitted.bundle(bundle), sample, "--json", *arguments).document[
        "explanations"
    ]
    return found


def explain_rows(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert [each["row"] for each in explained(fitted, bundle="iris")] == list(range(10))
    assert [each["row"] for each in explained(fitted, "--rows", "3,60-61", bundle="iris")] == [3, 60, 61]


def explain_background(reach: Callable[..., Reached], fitted: Fitted) -> None:
    usual = explained(fitted, "--rows", "0", bundle="iris")
    assert usual != explained(fitted, "--rows", "0", "--background", "sample:iris", bundle="iris")


def explain_global(reach: Callable[..., Reached], fitted: Fitted) -> None:
    found = luban("explain", fitted.bundle("iris"), "sample:iris", "--global", "--json").document
    assert len(found["importance"]) == len(found["shap"]) == 4
    assert "explanations" not in found


def explain_output(reach: Callable[..., Reached], fitted: Fitted) -> None:
    [found] = explained(fitted, "--rows", "0", "--output", "virginica", bundle="iris")
    assert found["output"] == "virginica" != explained(fitted, "--rows", "0", bundle="iris")[0]["output"]


def explain_log_odds(reach: Callable[..., Reached], fitted: Fitted) -> None:
    plain, odds = ("--rows", "0", "--method", "shap"), ("--rows", "0", "--method", "shap", "--log-odds")
    scales = [explained(fitted, *asked, bundle="iris")[0]["scale"] for asked in (plain, odds)]
    assert scales == ["probability", "log-odds"]


def explain_method(reach: Callable[..., Reached], fitted: Fitted) -> None:
    [found] = explained(fitted, "--rows", "0", "--method", "shap", bundle="iris")
    assert (found["method"], found["reason"]) == ("shap", "named by --method")
    assert luban("explain", fitted.bundle("iris"), "sample:iris", "--method", "sharp").code == 2


def explain_calls(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("--rows", "0", "--method", "shap", "--calls")
    assert [explained(fitted, *asked, number)[0]["calls"] for number in ("70", "90")] == [70, 90]


def explain_error(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("--rows", "0", "--method", "shap", "--calls", "1000")
    assert explained(fitted, *asked, "--error", "0.1")[0]["calls"] < explained(fitted, *asked)[0]["calls"] == 1000


def explain_seed(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("--rows", "0", "--method", "shap", "--calls", "70", "--seed")
    assert explained(fitted, *asked, "0") != explained(fitted, *asked, "1")


def explain_units(reach: Callable[..., Reached], fitted: Fitted) -> None:
    table = str(fitted.patients)

    def pieces(most: str) -> int:
        asked = ("explain", fitted.bundle("patients"), table, "--rows", "1", "--units", most, "--json")
        [found] = luban(*asked).document["explanations"]
        return sum(each["column"] == "notes" for each in found["attributions"])

    assert 1 < pieces("2") < pieces("40")


def explain_html(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("explain", fitted.bundle("patients"), str(fitted.patients), "--rows", "1", "--json")
    assert "html" not in luban(*asked).document and not list(Path().glob("*.html"))
    assert luban(*asked, "--html", "why.html").document["html"] == "why.html"
    page = Path("why.html").read_text(encoding="utf-8")
    assert '<div class="shaded">' in page and "Why patients answers so" in page
    assert luban(*asked, "--html", "nowhere/why.html").code == 2
    assert luban(*asked, "--html", ".").code == 2


def inspect_column(reach: Callable[..., Reached], fitted: Fitted) -> None:
    def kind(*arguments: str) -> str:
        columns = luban("inspect", "visits.csv", "--json", *arguments).document["columns"]
        return str(next(column["kind"] for column in columns if column["name"] == "grade"))

    assert kind() == "number"
    assert kind("--column", "grade=category") == "category"


def compare_data(reach: Callable[..., Reached], fitted: Fitted) -> None:
    bundle = fitted.bundle("cancer")
    assert "recorded" in luban("compare", bundle, bundle, "--json").document
    assert "measurements" in luban("compare", bundle, bundle, "--data", "sample:breast-cancer", "--json").document


def report_out(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert luban("report", fitted.bundle("cancer")).code == 0
    assert luban("report", fitted.bundle("cancer"), "--out", "page.html").code == 0
    assert Path("cancer.html").read_bytes() == Path("page.html").read_bytes()


def sample_out(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert luban("sample", "iris", "--out", "flowers.csv", "--json").document["path"] == "flowers.csv"
    assert len(Path("flowers.csv").read_text().splitlines()) == 151


def fit_online(reach: Callable[..., Reached], fitted: Fitted) -> None:
    _asks_the_hub("fit", "texts.csv", "--target", "topic")


def predict_online(reach: Callable[..., Reached], fitted: Fitted) -> None:
    _asks_the_hub("predict", "--labels", "goal,bank", "texts.csv")


def embed_online(reach: Callable[..., Reached], fitted: Fitted) -> None:
    _asks_the_hub("embed", "texts.csv")


def _asks_the_hub(*arguments: str) -> None:
    """With the option the hub is asked, which no test reaches; without it, it is not."""
    _tiny()
    asked = (*arguments, "--from", "nobody/no-such-model")
    alone = luban(*asked)
    assert (alone.code, "--online" in alone.told) == (2, True)
    found = luban(*asked, "--online")
    assert (found.code, "the hub cannot be reached" in found.told) == (7, True)


def sample_fetch(reach: Callable[..., Reached], fitted: Fitted) -> None:
    # What an installed package carries needs no network, so --fetch is allowed and finds it.
    assert luban("sample", "iris", "--fetch").code == 0
    assert luban("sample", "--fetch").code == 2, "it needs a name"


def _tiny() -> str:
    pl.DataFrame(tiny.texts(12)).drop("topic").write_csv("texts.csv")
    return str(tiny.write(Path("tiny")))


def predict_from(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("predict", "--labels", "sport,money", "texts.csv")
    assert luban(*asked, "--from", _tiny()).code == 0
    assert luban(*asked).code == 2


def predict_labels(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("predict", "--from", _tiny(), "texts.csv", "--labels")
    assert luban(*asked, "sport,money").lines[0] != luban(*asked, "sport,trade").lines[0]


def text_of(*asked: str) -> None:
    """Another column gives another answer."""
    frame = pl.read_csv("texts.csv")
    frame.with_columns(turned=frame["headline"].reverse()).write_csv("texts.csv")
    assert luban(*asked, "--text", "headline").out != luban(*asked, "--text", "turned").out


def predict_text(reach: Callable[..., Reached], fitted: Fitted) -> None:
    text_of("predict", "--from", _tiny(), "--labels", "goal,bank", "texts.csv")


def predict_target(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("predict", "--from", _tiny(), "--labels", "goal,bank", "--text", "headline", "texts.csv")
    pl.read_csv("texts.csv").with_columns(kind=pl.lit("goal")).write_csv("texts.csv")
    assert "measurements" in luban(*asked, "--target", "kind", "--json").document
    assert "measurements" not in luban(*asked, "--json").document


def embed_text(reach: Callable[..., Reached], fitted: Fitted) -> None:
    text_of("embed", "texts.csv", "--from", _tiny())


def embed_from(reach: Callable[..., Reached], fitted: Fitted) -> None:
    first = _tiny()
    tiny.write(Path("other"), seed=1)
    assert luban("embed", "texts.csv", "--from", first).out != luban("embed", "texts.csv", "--from", "other").out
    assert luban("embed", "texts.csv").code == 2


def embed_pair(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("embed", "pairs.csv", "--from", _tiny(), "--pair")
    pl.DataFrame({"one": ["goal match", "bank"], "other": ["goal match", "cup"]}).write_csv("pairs.csv")
    same, apart = (line["similarity"] for line in luban(*asked, "one,other", "--json").document["pairs"])
    assert abs(same - 1) < 1e-6 and apart < 0.99
    assert luban(*asked, "one").code == 2


def embed_find(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("embed", "texts.csv", "--from", _tiny(), "--find")
    goal, bank = (luban(*asked, question, "--json").document["found"] for question in ("goal match", "bank trade"))
    assert goal != bank and len(goal) == 5


def embed_top(reach: Callable[..., Reached], fitted: Fitted) -> None:
    asked = ("embed", "texts.csv", "--from", _tiny(), "--find", "goal", "--top")
    assert [len(luban(*asked, count, "--json").document["found"]) for count in ("2", "7")] == [2, 7]


def embed_out(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert luban("embed", "texts.csv", "--from", _tiny(), "--out", "v.csv").out.startswith(b"12 vectors")
    assert len(Path("v.csv").read_text().splitlines()) == 13


def embed_threads(reach: Callable[..., Reached], fitted: Fitted) -> None:
    import torch

    before, asked = torch.get_num_threads(), ("embed", "texts.csv", "--from", _tiny(), "--threads")
    try:
        for count in (1, 2):
            assert luban(*asked, str(count)).code == 0
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


def embed_format(reach: Callable[..., Reached], fitted: Fitted) -> None:
    lines = luban("embed", "texts.csv", "--from", _tiny(), "--format", "jsonl").lines
    assert json.loads(lines[0])["row"] == 0


def generated(*options: str, prompt: str = "in the end") -> bytes:
    """What a tiny language model writes; each call reads the same one."""
    if not Path("speaking").exists():
        speaking.write(Path("speaking"))
    done = luban("generate", "speaking", prompt, *options)
    assert done.code == 0, done.err
    return done.out


def generate_chat(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert generated("--chat") == generated(prompt="<start>user\nin the end<end>\n<start>assistant\n") != generated()


def generate_max_tokens(reach: Callable[..., Reached], fitted: Fitted) -> None:
    short, long = generated("--max-tokens", "4"), generated("--max-tokens", "20")
    assert long.startswith(short.rstrip(b"\n")) and len(long) > len(short)


def generate_stop(reach: Callable[..., Reached], fitted: Fitted) -> None:
    whole = generated("--max-tokens", "20").decode().rstrip("\n")
    stop = whole[3:5]
    assert generated("--max-tokens", "20", "--stop", stop).decode() == whole[: whole.index(stop)] + "\n"


def generate_temperature(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert generated("--temperature", "2") != generated() == generated("--temperature", "0")


def generate_top_p(reach: Callable[..., Reached], fitted: Fitted) -> None:
    assert generated("--temperature", "2", "--top-p", "0.001") == generated() != generated("--temperature", "2")


def generate_seed(reach: Callable[..., Reached], fitted: Fitted) -> None:
    first, other = (generated("--temperature", "2", "--seed", seed) for seed in ("1", "2"))
    assert first != other and first == generated("--temperature", "2", "--seed", "1")


def generate_precision(reach: Callable[..., Reached], fitted: Fitted) -> None:
    free = ("--temperature", "1.5", "--max-tokens", "40")
    written = {precision: generated(*free, "--precision", precision) for precision in products.PRECISIONS}
    assert written["float32"] == generated(*free)
    assert len(set(written.values())) == len(products.PRECISIONS)


def generate_threads(reach: Callable[..., Reached], fitted: Fitted) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        for count in ("1", "2"):
            generated("--threads", count, "--max-tokens", "1")
            assert torch.get_num_threads() == int(count)
    finally:
        torch.set_num_threads(before)


ALONE: dict[tuple[str, str], Callable[[Callable[..., Reached], Fitted], None]] = {
    ("fit", "--test"): fit_test,
    ("fit", "--validation"): fit_validation,
    ("fit", "--remember"): fit_remember,
    ("fit", "--recipe"): fit_recipe,
    ("fit", "--online"): fit_online,
    ("fit", "--from"): fit_from,
    ("fit", "--time"): fit_time,
    ("fit", "--memory"): fit_memory,
    ("fit", "--threads"): fit_threads,
    ("fit", "--workers"): fit_workers,
    ("fit", "--nodes"): fit_nodes,
    ("fit", "--track"): fit_track,
    ("fit", "--out"): fit_out,
    ("fit", "--force"): fit_force,
    ("fit", "--require"): fit_require,
    ("diagnose", "--test"): diagnose_test,
    ("diagnose", "--against"): diagnose_against,
    ("diagnose", "--data"): diagnose_data,
    ("diagnose", "--weighed"): diagnose_weighed,
    ("diagnose", "--corrected"): diagnose_corrected,
    ("diagnose", "--threads"): diagnose_threads,
    ("diagnose", "--require"): diagnose_require,
    ("evaluate", "--require"): evaluate_require,
    ("embed", "--online"): embed_online,
    ("embed", "--from"): embed_from,
    ("embed", "--text"): embed_text,
    ("embed", "--pair"): embed_pair,
    ("embed", "--find"): embed_find,
    ("embed", "--top"): embed_top,
    ("embed", "--out"): embed_out,
    ("embed", "--format"): embed_format,
    ("embed", "--threads"): embed_threads,
    ("generate", "--chat"): generate_chat,
    ("generate", "--max-tokens"): generate_max_tokens,
    ("generate", "--stop"): generate_stop,
    ("generate", "--temperature"): generate_temperature,
    ("generate", "--top-p"): generate_top_p,
    ("generate", "--seed"): generate_seed,
    ("generate", "--precision"): generate_precision,
    ("generate", "--threads"): generate_threads,
    ("predict", "--online"): predict_online,
    ("predict", "--from"): predict_from,
    ("predict", "--labels"): predict_labels,
    ("predict", "--text"): predict_text,
    ("predict", "--target"): predict_target,
    ("predict", "--out"): predict_out,
    ("predict", "--format"): predict_format,
    ("predict", "--precision"): predict_precision,
    ("explain", "--rows"): explain_rows,
    ("explain", "--background"): explain_background,
    ("explain", "--global"): explain_global,
    ("explain", "--output"): explain_output,
    ("explain", "--log-odds"): explain_log_odds,
    ("explain", "--method"): explain_method,
    ("explain", "--calls"): explain_calls,
    ("explain", "--error"): explain_error,
    ("explain", "--seed"): explain_seed,
    ("explain", "--units"): explain_units,
    ("explain", "--html"): explain_html,
    ("inspect", "--column"): inspect_column,
    ("compare", "--data"): compare_data,
    ("report", "--out"): report_out,
    ("sample", "--out"): sample_out,
    ("sample", "--fetch"): sample_fetch,
}


@pytest.mark.parametrize(("verb", "option"), ALONE)
def test_an_option_makes_a_difference(verb: str, option: str, reach: Callable[..., Reached], fitted: Fitted) -> None:
    ALONE[verb, option](reach, fitted)


CASES = {
    *(("fit", name) for name in FIT),
    *(("diagnose", name) for name in RECIPE),
    *ALONE,
    ("evaluate", "--threads"),
    ("predict", "--threads"),
}


def options_of(verb: str) -> set[str]:
    context = click.Context(group)
    command = group.get_command(context, verb)
    assert command is not None
    return {max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)}


def without_case(options: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The options that no case flips."""
    return sorted(options - CASES)


def test_every_option_of_every_verb_has_a_case() -> None:
    known = {(verb, name) for verb in verbs() for name in options_of(verb) - COMMON}
    assert without_case(known) == []
    assert sorted(CASES - known) == [], "these options are gone"


def test_the_test_above_sees_an_option_without_a_case() -> None:
    assert without_case({("fit", "--seed"), ("fit", "--brand-new")}) == [("fit", "--brand-new")]


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_the_common_options(verb: str) -> None:
    assert options_of(verb) >= COMMON


def test_the_common_options(visits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(console.Console, "say", lambda self, text: None if self.quiet else said.append(text))
    monkeypatch.setattr(fit, "make", _say_and_stop)
    plain = luban("inspect", visits)
    assert plain.document if plain.out.startswith(b"{") else plain.lines[0].startswith("visits: 80 rows")
    assert luban("inspect", visits, "--json").document["rows"] == 80
    assert luban("fit", visits).code == 1
    assert said == ["at work"]
    assert luban("fit", visits, "--quiet").code == 1
    assert said == ["at work"]
    assert "Traceback" not in luban("fit", visits).err
    assert "Traceback" in luban("fit", visits, "--debug").err


def _say_and_stop(*given: Any, console: Any, **others: Any) -> None:
    console.say("at work")
    raise ReachedError


@pytest.mark.parametrize(("answer", "wanted"), [("y", True), ("n", False)])
def test_repair_ask_asks_on_a_terminal(
    answer: str, wanted: bool, reach: Callable[..., Reached], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", lambda question, **settings: answer == "y")
    assert reach("fit", "--repair", "ask").made["ask"]("Set drop?") is wanted
    assert reach("fit").made["ask"] is None
