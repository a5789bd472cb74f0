"""What became of a name on the new base, in words."""

from __future__ import annotations

from rung.campaign.facts import Climbed, Entry, Promoted
from rung.campaign.standing import called
from rung.registry.documents import ClimbDocument
from rung.rungs.base import Rung, ladder
from rung.sources.base import BaseReference
from rung.types import Candidate


def climbed(entry: Entry, old: Candidate, new: Candidate | None, document: ClimbDocument) -> Climbed:
    """How a climb ended, and what that means for the version before."""
    retires = _retired(entry, old, new, document.verdict.rung)
    return Climbed(
        name=entry.name,
        old=entry.old,
        climb=document.climb,
        status=document.verdict.status,
        version=document.version,
        candidate=document.verdict.winner,
        rung=document.verdict.rung,
        sentence=document.verdict.sentence,
        said=_said(entry, document, retires),
        retires=retires,
    )


def _said(entry: Entry, document: ClimbDocument, retires: str) -> str:
    base, rung = called(BaseReference.read(entry.base)), document.verdict.rung
    keep = f"keep {entry.old} on {base}"
    if document.verdict.status == "fail":
        return f"no rung passes on the new base: {keep}"
    if rung is None:
        more = f" {document.second_try}" if document.second_try else ""
        return f"undecided on the new base: {keep} until more test rows decide it.{more}"
    passed = f"{_alone(rung)} now passes"
    if retires:
        return f"{passed}: retire {retires} of {entry.old}"
    step = _order(rung) - _order(entry.rung)
    if step > 0:
        return f"the new base needs more: the {_title(rung)} passes, where the {_title(entry.rung)} did before"
    return f"the {_title(rung)} passes again" if step == 0 else passed


def _retired(entry: Entry, old: Candidate, new: Candidate | None, rung: str | None) -> str:
    """What the version before has, and a cheaper rung does without."""
    if new is None or rung is None or _order(rung) >= _order(entry.rung):
        return ""
    parts = [
        ("the adapter", len(old.adapters) > len(new.adapters)),
        ("the fully fine-tuned model", old.base_reference.kind == "tree" and new.base_reference.kind != "tree"),
        ("the tools", old.tools is not None and new.tools is None),
        ("the documents' index", old.retrieval is not None and new.retrieval is None),
    ]
    named = [name for name, gone in parts if gone]
    return " and ".join(named)


def _order(rung: str) -> int:
    names = [one.name for one in ladder()]
    return names.index(rung) if rung in names else len(names)


def _named(rung: str) -> Rung | None:
    return next((one for one in ladder() if one.name == rung), None)


def _title(rung: str) -> str:
    known = _named(rung)
    return known.title if known else rung


def _alone(rung: str) -> str:
    known = _named(rung)
    return known.alone if known else rung


def promoted(fact: Promoted) -> str:
    """What became of the champion."""
    if fact.standing:
        return "it is the champion already"
    return "promoted" if fact.moved else f"not promoted: {'; '.join(fact.conditions)}"
