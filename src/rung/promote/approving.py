"""Another person than the maker looks at what passed, and signs that it may be promoted, until a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.promote.blobs import Hashing
from rung.promote.conditions import asked, receipt_faults
from rung.promote.promoting import version_of
from rung.registry.approvals import Approval, until
from rung.registry.receipts import Receipt

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Approved:
    """An approval, its digest, the approver's name, and the receipt that it rests on.

    `alone` says that the private keys of approver and maker both lie in this home: whoever may read them is both.
    """

    approval: Approval
    digest: str
    approver: str
    receipt: Receipt
    alone: bool


def approve(home: Home, ref: str, expires: str, identity: str | None = None) -> Approved:
    """Signs that a version may be promoted on its receipt, for so long (7d).

    identity  who approves, as in `Keys.me`

    Raises UserError for the maker, for a version without a receipt that holds, and for a duration that is none.
    """
    version, moment = version_of(home, ref), home.audit.moment()
    ends = until(moment, expires)
    wanted = asked(home, version)
    if wanted.receipt is None:
        known = home.receipts.of(version.name, version.version)
        why = "; ".join(receipt_faults(known[-1], version, wanted.candidate)) if known else "no gate has judged it"
        raise UserError(f"{version.ref} has no receipt that could be approved: {why}", hint="A climb gives one to what it passes.")
    receipt = wanted.receipt.document
    if faults := list(Hashing(home).faults([*receipt.artefacts, receipt.run])):
        raise UserError(f"{version.ref} is not what was judged: {'; '.join(faults)}", where=str(home.blobs.root))
    signer = home.keys.me(identity)
    approver = signer.identity
    known_keys = home.keys.by_fingerprint()
    if receipt.maker and home.keys.first_of(approver.fingerprint) == home.keys.first_of(receipt.maker):
        raise UserError(
            f"{approver.name} made {version.ref}, and cannot approve it",
            hint="Another person approves: rung approve ... --as NAME, or with RUNG_IDENTITY set to that person's key.",
        )
    approval = Approval(
        name=version.name,
        version=version.version,
        candidate=wanted.candidate.id,
        receipt=wanted.receipt.digest,
        approver=approver.fingerprint,
        maker=receipt.maker,
        expires=ends,
        created=moment,
    )
    maker = known_keys.get(receipt.maker)
    alone = maker is not None and home.keys.has_private(maker) and home.keys.has_private(approver)
    return Approved(
        approval=approval, digest=home.approvals.add(approval, signer), approver=approver.name, receipt=receipt, alone=alone
    )
