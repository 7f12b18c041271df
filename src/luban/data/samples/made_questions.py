"""Made-up questions: short texts about buildings that do not exist, and questions whose answers stand in them.

Nothing of it is true, and nobody wrote it: sentences of a few kinds are filled in with names of drawn syllables. A
question does not repeat the words beside its answer, and each text tells a second building's facts too. Rows that are
named `test` in the column `part` have names and questions that no other row has, and a quarter of their sentences are
of kinds that no other row has. It is small, and says whether answers are found at all, not how well a model reads.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random
from typing import ClassVar, final

TRAIN, TEST = 700, 300
FACTS = {
    "year": (
        ("{it} was finished in {a}.", "It took until {a} before {it} could be opened.", "Work on {it} ended in {a}."),
        ("The last stone of {it} was laid in {a}.",),
        (
            "When was {it} completed?",
            "In which year did they complete {it}?",
            "What was the year of its completion, {it}?",
        ),
        ("How long ago, by the calendar, was {it} ready?",),
    ),
    "architect": (
        ("The plans for {it} came from {a}.", "{a} drew {it} as a young mason.", "{it} is a work of {a}."),
        ("{a} was asked to draw up {it}.",),
        ("Who designed {it}?", "Which architect is behind {it}?", "Whose design was {it}?"),
        ("Which person thought out the shape of {it}?",),
    ),
    "town": (
        (
            "{it} stands in {a}.",
            "Travellers see {it} from afar when they come to {a}.",
            "People of {a} are proud of {it}.",
        ),
        ("In the middle of {a} rises {it}.",),
        ("Where can you find {it}?", "Which town has {it}?", "Where is {it} located?"),
        ("To what place must one travel for {it}?",),
    ),
    "material": (
        ("{it} is made of {a}.", "Its walls, those of {it}, are of {a}.", "Carts brought {a} for {it}."),
        ("They put up {it} from {a}.",),
        (
            "What material was used for {it}?",
            "What does {it} consist of?",
            "Which stuff were the builders of {it} given?",
        ),
        ("Out of what substance did workers construct {it}?",),
    ),
    "use": (
        ("Today {it} houses {a}.", "{it} was turned into {a}.", "One now finds {a} in {it}."),
        ("Since then {it} has served as {a}.",),
        ("What is {it} used for nowadays?", "What is inside {it} at present?", "What has become of {it}?"),
        ("Which institution occupies {it} in our time?",),
    ),
    "owner": (
        ("{it} belongs to {a}.", "{a} bought {it} at an auction.", "The keys of {it} are held by {a}."),
        ("{it} passed into the hands of {a}.",),
        ("Who owns {it}?", "Who is the owner of {it}?", "Whose property is {it}?"),
        ("Which party has possession of {it}?",),
    ),
}
"""Of each fact: how it is told in all rows, and in those to test on; how it is asked in those to learn from, and in
those to test on."""
KINDS = ("Tower", "Bridge", "Hall", "Mill", "Gate", "Chapel")
MATERIALS = ("granite", "red brick", "oak", "white marble", "sandstone", "cast iron", "slate", "limestone")
USES = ("a museum", "a library", "a school", "a bakery", "an archive", "a theatre", "a hospital", "a market")
OWNERS = ("the city", "a widow", "the railway", "a bank", "the church", "a brewery", "the crown", "a merchant")
_ONSETS = ("B", "Br", "D", "F", "G", "K", "L", "M", "N", "P", "R", "S", "T", "V", "Z")
_MIDDLES = ("al", "er", "im", "on", "ur", "and", "est", "ol")
_ENDS = ("a", "en", "ik", "o", "us", "eth", "mar", "wyn")


@final
class MadeQuestions:
    """Columns `context`, `question`, `answer`, `answer_start` and `part`."""

    target: ClassVar[str] = "answer"
    title: ClassVar[str] = "1,000 questions about made-up buildings, each with a text that holds the answer"
    rows: ClassVar[int] = TRAIN + TEST
    fetch: ClassVar[bool] = False
    ending: ClassVar[str] = ".csv"

    def write(self, place: Path) -> None:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("context", "question", "answer", "answer_start", "part"))
        writer.writerows(_rows())
        place.write_text(out.getvalue(), encoding="utf-8")


def _rows() -> list[tuple[str, str, str, int, str]]:
    draw, taken = Random(27), set[str]()
    found = []
    for number in range(TRAIN + TEST):
        part = "train" if number < TRAIN else "test"
        one, other = (f"the {_name(draw, taken)} {draw.choice(KINDS)}" for _ in range(2))
        told = [(fact, it, _value(fact, draw, taken)) for it in (one, other) for fact in draw.sample(sorted(FACTS), 4)]
        draw.shuffle(told)
        fact, it, answer = draw.choice([each for each in told if each[1] == one])
        context, start = "", -1
        for each, about, value in told:
            ways = FACTS[each][0] if part == "train" else FACTS[each][0] + FACTS[each][1]
            sentence = draw.choice(ways).format(it=about, a=value)
            if each == fact and about == it:
                start = len(context) + sentence.index(value)
            context += sentence[0].upper() + sentence[1:] + " "
        question = draw.choice(FACTS[fact][2 if part == "train" else 3]).format(it=it)
        # A sentence may begin with its answer.
        found.append((context.strip(), question, context[start : start + len(answer)], start, part))
    return found


def _name(draw: Random, taken: set[str]) -> str:
    """A name that no other row has."""
    while True:
        name = draw.choice(_ONSETS) + "".join(draw.choice(_MIDDLES) for _ in range(draw.randint(1, 2)))
        name += draw.choice(_ENDS)
        if name not in taken:
            taken.add(name)
            return name


def _value(fact: str, draw: Random, taken: set[str]) -> str:
    if fact == "year":
        return str(draw.randint(1500, 1950))
    if fact == "architect":
        return f"{_name(draw, taken)} {_name(draw, taken)}"
    if fact == "town":
        return _name(draw, taken)
    return draw.choice({"material": MATERIALS, "use": USES, "owner": OWNERS}[fact])


sample = MadeQuestions()
