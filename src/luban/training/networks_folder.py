"""What the trainings of networks leave in the folder of a run; whoever comes next, after a kill too, goes on from it.

networks/<model>-<digest of the candidate>/
  choices.json            what was decided for its trainings before the first step, with the reasons
  treated.json            what came of looking at it at its first mark
  followed.json           what came of looking at it later on
  <repeat>-<part>/        of one training: its checkpoints
    ended.json            what time decided on its way
    became.json           what it took in the end
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, final

from luban.core import files
from luban.recipe.recipe import Candidate
from luban.training.unit import Unit, digest

CHOICES, TREATED, FOLLOWED, ENDED, BECAME = "choices.json", "treated.json", "followed.json", "ended.json", "became.json"


@final
class NetworksFolder:
    """Reads and writes what the trainings of networks leave. Final."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, unit: Unit) -> Path:
        """Where the training of a network keeps its checkpoints."""
        return self._of(unit.candidate) / f"{unit.repeat}-{unit.part}"

    def _of(self, candidate: Candidate) -> Path:
        return self.path / f"{candidate.model}-{digest(candidate)}"

    # What was decided before a training

    def decided(self, candidate: Candidate, decide: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was decided for the trainings of a candidate: once, by whoever comes first, and then kept."""
        return self._once(self._of(candidate) / CHOICES, decide)

    def is_decided(self, candidate: Candidate) -> bool:
        return (self._of(candidate) / CHOICES).exists()

    def decide_anew(self, candidate: Candidate, choices: dict[str, Any]) -> None:
        """Puts other choices in the place of those that turned out not to do."""
        files.write_json(self._of(candidate) / CHOICES, choices)

    def _once(self, path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_once(path, files.to_json(make()))
        return dict(files.read_json(path))

    # What came of looking at it

    def actual(self, candidate: Candidate) -> Candidate:
        """The candidate that is trained in the place of this one: the repaired one, where there is one."""
        for read in (self.treated, self.followed):
            document = read(candidate)
            if document is not None:
                candidate = Candidate.model_validate(document["candidate"])
        return candidate

    def treated(self, candidate: Candidate) -> dict[str, Any] | None:
        """What came of looking at the training of a candidate at its first mark; None where nobody looked yet, or it is
        no network.
        """
        return self._document(candidate, TREATED)

    def treat(self, candidate: Candidate, treat: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The same, found by whoever comes first, and then kept."""

        def found() -> dict[str, Any]:
            document = treat()
            self._stands(candidate, document["candidate"])
            return document

        return self._once(self._of(candidate) / TREATED, found)

    def followed(self, candidate: Candidate) -> dict[str, Any] | None:
        """What came so far of looking at a training behind its first mark. candidate: as it was from there on."""
        return self._document(candidate, FOLLOWED)

    def follow(self, candidate: Candidate, document: dict[str, Any]) -> None:
        """Writes it down: whoever goes on, after a kill too, goes on from there."""
        self._stands(candidate, document["candidate"])
        files.write_json(self._of(candidate) / FOLLOWED, document)

    def _stands(self, candidate: Candidate, document: dict[str, Any]) -> None:
        """The repaired one was looked at as it was tried: it is trained as it stands."""
        actual = Candidate.model_validate(document)
        if actual != candidate:
            stands = {"candidate": document, "findings": [], "repairs": [], "not_run": []}
            self._once(self._of(actual) / TREATED, lambda: stands)

    def _document(self, candidate: Candidate, name: str) -> dict[str, Any] | None:
        path = self._of(candidate) / name
        return dict(files.read_json(path)) if path.exists() else None

    # What it became

    def ended(self, unit: Unit, told: Mapping[str, Any]) -> None:
        """Writes down what time decided on the way of a training, by key of the recipe's `train`."""
        files.write_json(self.place(unit) / ENDED, dict(told))

    def learned(self, candidate: Candidate, part: int) -> dict[str, Any]:
        """What a network's training measured and chose, so that fitting it again does the same; {} for other models."""
        path = self._of(candidate) / CHOICES
        if not path.exists():
            return {}
        choices = files.read_json(path)
        ended = self.place(Unit(candidate, part)) / ENDED
        on_the_way = files.read_json(ended) if ended.exists() else {}
        found = {key: choices["train"][key] for key in choices["reasons"]} | on_the_way
        return dict(sorted(found.items()))

    def became(self, unit: Unit, told: Mapping[str, Any]) -> None:
        """Writes down what a training took in the end."""
        self.place(unit).mkdir(parents=True, exist_ok=True)
        files.write_json(self.place(unit) / BECAME, {"label": unit.candidate.label, **told})

    def taken(self) -> list[dict[str, Any]]:
        """What the trainings of each network were thought to take, and what the one that took most became."""
        found = []
        for path in sorted(self.path.glob(f"*/{CHOICES}")):
            estimate = files.read_json(path).get("estimate")
            told = [files.read_json(each) for each in path.parent.glob(f"*/{BECAME}")]
            if estimate is not None and told:
                became = {key: max(each[key] for each in told) for key in sorted(told[0].keys() - {"label"})}
                found.append({"label": told[0]["label"], "estimated": estimate, "became": became})
        return found
