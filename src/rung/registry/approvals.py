"""Approvals: a person says, signed and until a day, that a version may be promoted on its receipt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from rung.errors import UserError
from rung.registry import tables
from rung.registry.db import Database
from rung.registry.keys import Keys, Signer
from rung.registry.signed import Shelf, Signed

DURATION = re.compile(r"(?P<number>[0-9]+)(?P<unit>[mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class Approval:
    """What was approved: a version, its Candidate's id and the digest of its receipt. `expires` is ISO 8601, UTC.

    `approver` is the fingerprint of who signs; `maker` of who made the version, "" where that is not known.
    """

    name: str
    version: int
    candidate: str
    receipt: str
    approver: str
    maker: str
    expires: str
    created: str


APPROVALS = Shelf(of=Approval, table=tables.approvals, domain="approval", by=("person",))


class Approvals:
    """The approvals of one RUNG_HOME."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database, self._keys = database, keys

    def add(self, approval: Approval, signer: Signer) -> str:
        """Keeps an approval, signed by its approver; returns its digest."""
        return APPROVALS.add(self._database, self._keys, signer, approval)

    def of(self, name: str, version: int | None = None) -> list[Signed[Approval]]:
        """The approvals of a version, or of all of a name's; oldest first."""
        return APPROVALS.found(self._database, self._keys, name, version)

    def all(self) -> list[Signed[Approval]]:
        """Every approval; oldest first."""
        return APPROVALS.found(self._database, self._keys)

    def unreadable(self) -> list[str]:
        """`name@version: why` of each that cannot be read any more."""
        return APPROVALS.unreadable(self._database)


def until(moment: str, duration: str) -> str:
    """The moment (ISO 8601) that comes `duration` after another: 30m, 12h, 7d or 2w. Raises UserError for what is none of these."""
    return later(moment, duration, option="--expires", what="an approval", at_most="then somebody looks at it again")


def later(moment: str, duration: str, *, option: str, what: str, at_most: str) -> str:
    """The same for whatever lasts so long, at most a year; the option that asked for it is named where it is wrong."""
    found = DURATION.fullmatch(duration)
    if not found or not int(found["number"]):
        raise UserError(f"'{duration}' is no duration", hint=f"Write a number and m, h, d or w: {option} 7d.")
    try:
        length = timedelta(**{UNITS[found["unit"]]: int(found["number"])})
    except OverflowError:
        length = LONGEST + LONGEST
    if length > LONGEST:
        raise UserError(f"{what} for {duration} is too long", hint=f"At most a year (366d): {at_most}.")
    return (datetime.fromisoformat(moment) + length).isoformat(timespec="milliseconds")
