"""Answers a question by words alone: what stands nearest to the words that context and question have in common."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self, final

from luban import spans
from luban.batch import Inputs, PerRow
from luban.forms import _reading
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State

MOST_WORDS = 100
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n+")


@final
@dataclass(frozen=True, eq=False)
class WordOverlap:
    """argmax over pieces of `words` words of a sentence, none of which is common or in the question, of the sum of
    ln(1 + 1 / count) / distance over the words of the sentence that are in the question and not common: count of
    the word in the context, distance from the piece in words. The weights are those of Richardson et al. (2013). Of
    equally good pieces the first is taken. common: words in small letters that stand in too many contexts to tell.
    """

    kind: ClassVar[str] = "word-overlap"
    words: int = 1
    common: frozenset[str] = frozenset()

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    @property
    def output_width(self) -> int:
        return 1

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged float64: the piece of each row, as `luban.spans` packs it; how probable it is nobody knows, so 0."""
        found = [self.answer(context, question) for context, question in self.read(inputs)]
        texts, begins = [piece for piece, _ in found], [begin for _, begin in found]
        return spans.packed(texts, begins, [0.0] * len(found))

    def read(self, inputs: Inputs) -> list[tuple[str, str]]:
        """The context and the question of each row."""
        texts = _reading.texts(inputs)
        return list(zip(texts[_reading.CONTEXT], texts[_reading.QUESTION], strict=True))

    def answer(self, context: str, question: str) -> tuple[str, int]:
        """The piece, and where it begins; nothing and -1 for a context without a word.

        >>> asked = "The mill stands in Ulm. A ferry goes to Bonn.", "Where does the ferry go?"
        >>> WordOverlap(1).answer(*asked), WordOverlap(1, frozenset({"a", "goes", "the", "to"})).answer(*asked)
        (('mill', 4), ('Bonn', 40))
        """
        asked, counts = set(words_of(question)), Counter(words_of(context))
        best, found = -1.0, ("", spans.UNKNOWN)
        out = asked | self.common
        for sentence in _sentences(context):
            known = [
                (place, math.log1p(1 / counts[word.casefold()]))
                for place, (word, _) in enumerate(sentence)
                if word.casefold() in asked - self.common
            ]
            taken = {place for place, (word, _) in enumerate(sentence) if word.casefold() in out}
            for first in range(len(sentence) - self.words + 1):
                last = first + self.words - 1
                if any(place in taken for place in range(first, last + 1)):
                    continue
                score = sum(weight / (first - at if at < first else at - last) for at, weight in known)
                if score > best + 1e-12:
                    best, (word, begin) = score, sentence[last]
                    found = (context[sentence[first][1] : begin + len(word)], sentence[first][1])
        return found

    def state(self) -> State:
        return State({"words": self.words, "common": sorted(self.common)})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        words, common = checked.whole("words", 1, MOST_WORDS), checked.optional("common")
        checked.end()
        if not isinstance(common, list) or not all(isinstance(word, str) for word in common):
            raise checked.fail("it does not name the words that are too common")
        return cls(words, frozenset(common))

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a piece of a text is no number that a graph gives")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters."""
    return [word.casefold() for word in _WORD.findall(text)]


def _sentences(text: str) -> list[list[tuple[str, int]]]:
    """The words of each sentence, and where each begins."""
    ends = [0, *(match.end() for match in _SENTENCE.finditer(text)), len(text)]
    found = [
        [(match[0], low + match.start()) for match in _WORD.finditer(text[low:high])] for low, high in pairwise(ends)
    ]
    return [sentence for sentence in found if sentence]


form = WordOverlap
