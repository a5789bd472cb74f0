"""What must hold before a version is promoted, each condition with what was found, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.registry.approvals import Approval
from rung.registry.receipts import Receipt
from rung.registry.signed import Signed
from rung.types import Candidate

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One thing that was asked: whether it holds, what was found, and what would mend it where it does not."""

    name: str
    holds: bool
    said: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A version that is to be promoted or approved: its Candidate, and the receipt that holds for it; None where none does."""

    version: Version
    candidate: Candidate
    receipt: Signed[Receipt] | None


def asked(home: Home, version: Version) -> Asked:
    """A version with its Candidate and its newest receipt that holds."""
    candidate = home.candidates.get(version.candidate)
    holding = [one for one in home.receipts.of(version.name, version.version) if not receipt_faults(one, version, candidate)]
    return Asked(version=version, candidate=candidate, receipt=holding[-1] if holding else None)


def receipt_faults(receipt: Signed[Receipt], version: Version, candidate: Candidate) -> list[str]:
    """Why a receipt does not hold for a version, in words; nothing where it does."""
    document, found = receipt.document, list(receipt.why_not)
    if document.task != version.evidence.task:
        found.append(
            f"its receipt is for the lock {document.task[:12]}, and it passed the lock {version.evidence.task[:12] or 'none'}"
        )
    if document.climb != version.evidence.climb:
        found.append(
            f"its receipt is of the climb {document.climb[:12]}, and {version.evidence.climb[:12] or 'none'} registered it"
        )
    return [*found, *document.uncovered(candidate)]


def receipt_condition(home: Home, wanted: Asked) -> Condition:
    """That a receipt covers the version, and says that it passed."""
    if wanted.receipt is None:
        return _no_receipt(home, wanted)
    receipt = wanted.receipt.document
    failed = [verdict.name for verdict in (receipt.verdict, *receipt.guards) if verdict.status != "pass"]
    if receipt.status != "pass" or failed:
        said = f"its receipt says {receipt.status}: {', '.join(failed) or 'not all bars'} not passed"
        return Condition(name="receipt", holds=False, said=said, hint="Climb until something passes.")
    guards = f", {len(receipt.guards)} guards" if receipt.guards else ""
    made = f"; made from the record by rung {receipt.remade}" if receipt.remade else ""
    said = f"{wanted.receipt.digest[:12]}: passed on {receipt.verdict.n:,} rows at {receipt.level:.2%}{guards}{made}"
    return Condition(name="receipt", holds=True, said=said)


def _no_receipt(home: Home, wanted: Asked) -> Condition:
    version = wanted.version
    known = home.receipts.of(version.name, version.version)
    if known:
        faults = receipt_faults(known[-1], version, wanted.candidate)
        hint = "Nothing that a gate has judged is changed by hand: climb its task again."
        return Condition(name="receipt", holds=False, said="; ".join(faults), hint=hint)
    if version.is_claimed:
        return Condition(name="receipt", holds=False, said=_claimed(version), hint=_way_out(home, version))
    hint = "What a climb passes gets one: make it the base of a task, or climb its task again."
    return Condition(name="receipt", holds=False, said="there is none: no gate has judged it", hint=hint)


def _claimed(version: Version) -> str:
    return f"it is CLAIMED ({version.evidence.claimed}): no task has judged it"


def _way_out(home: Home, version: Version) -> str:
    """How a version that was brought in becomes one that can be promoted."""
    of_it = home.names.of(name=version.name, candidate=version.candidate)
    judged = next((one.ref for one in reversed(of_it) if not one.is_claimed), None)
    if judged:
        return f"{judged} is the same, and a task has judged it: rung promote {judged}."
    asked = f"`rung eval TASK --candidate {version.ref} --split test`"
    return f"{asked} has a task judge it: what passes every bar is registered anew, with a receipt, and that can be promoted."


def approval_condition(home: Home, wanted: Asked, promoter: str) -> Condition:
    """That another person than the maker has approved it, on this receipt, and that the approval has not expired."""
    version = wanted.version
    approvals = home.approvals.of(version.name, version.version)
    reasons = []
    for approval in reversed(approvals):
        reason = _refused(home, approval, wanted, promoter)
        if not reason:
            by, expires = approver_of(home, approval), approval.document.expires[:16].replace("T", " ")
            return Condition(name="approval", holds=True, said=f"by {by}, until {expires} UTC")
        reasons.append(reason)
    hint = f"Somebody else than who made it looks at it, and says: rung approve {version.ref} --expires 7d."
    said = "; ".join(reasons) or "a wrong answer costs much here, and nobody has approved it"
    return Condition(name="approval", holds=False, said=said, hint=hint)


def _refused(home: Home, approval: Signed[Approval], wanted: Asked, promoter: str) -> str:
    """Why an approval does not count, or ""."""
    document = approval.document
    maker = wanted.receipt.document.maker if wanted.receipt else document.maker
    by = approver_of(home, approval)
    if approval.why_not or approval.signer != document.approver:
        return next(iter(approval.why_not), f"the approval names another approver than {by}, who signed it")
    if document.candidate != wanted.candidate.id or wanted.receipt is None or document.receipt != wanted.receipt.digest:
        return f"the approval by {by} is for another receipt"
    if maker and home.keys.first_of(document.approver) == home.keys.first_of(maker):
        return f"{by} made it, and cannot approve it"
    if not maker and home.keys.first_of(document.approver) == home.keys.first_of(promoter):
        return f"who made it is not known, so that {by}, who promotes it, cannot be the one who approved it"
    if document.expires <= home.audit.moment():
        return f"the approval by {by} expired at {document.expires[:16].replace('T', ' ')} UTC"
    return ""


def approver_of(home: Home, approval: Signed[Approval]) -> str:
    """The name of who signed it."""
    return home.keys.called(approval.signer)
