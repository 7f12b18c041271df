"""What was seen of the trainings of networks, and what became of the edits that were tried, as evidence of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from luban.evidence.finding import Finding, Repair
from luban.recipe.recipe import Candidate
from luban.training.treating import Treated
from luban.training.unit import by_gradient
from luban.training.work_folder import WorkFolder


@dataclass(frozen=True)
class Looked:
    """findings: of the chosen networks, and of others where an edit was tried. not_run: conditions, and why."""

    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()


def looked(folder: WorkFolder, asked: Sequence[Candidate], chosen: Sequence[Candidate]) -> Looked:
    """What the run saw of its trainings. asked: the candidates as they were asked for. chosen: those that answer."""
    findings: list[Finding] = []
    repairs: list[Repair] = []
    not_run: dict[str, str] = {}
    for candidate in filter(by_gradient, asked):
        document = folder.networks.treated(candidate)
        if document is None:
            continue
        treated = Treated.from_json(document)
        later = folder.networks.followed(treated.candidate)
        if later is not None:
            followed = Treated.from_json(later)
            both = treated.and_found(followed.findings)
            treated = replace(both, candidate=followed.candidate, repairs=(*treated.repairs, *followed.repairs))
        repairs += treated.repairs
        if treated.candidate in chosen:
            not_run |= dict(treated.not_run)
        if treated.candidate in chosen or treated.repairs:
            findings += [replace(found, text=f"{candidate.label}: {found.text}") for found in treated.findings]
    return Looked(tuple(findings), tuple(repairs), tuple(not_run.items()))
