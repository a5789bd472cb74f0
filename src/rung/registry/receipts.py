"""Receipts: what the gate signs for what passed. A receipt covers what was judged, digest for digest, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rung.registry import tables
from rung.registry.db import Database
from rung.registry.keys import Keys, Signer
from rung.registry.signed import Shelf, Signed
from rung.types import Bar, Candidate, Status, Verdict

Consequence = Literal["low", "medium", "high"]


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a version passed, and on what.

    name, version  what it is of; `candidate` is its id, `artefacts` every blob that it names, on `base` with `template`
    task           the digest of the lock; `data` of its splits; `consequence`, `alpha`, `seed` and `bars` (quality first) as locked
    climb, rung    who judged it; `run` is the digest of the answers that were judged
    status         of all bars; `verdict` on quality and `guards` on the rest, with bounds and n, at `level` of alpha
    maker          the fingerprint of who climbed; "" where that is not known
    rung_version   of rung, whose own files have the digest `code`; "" where that is not known
    remade         it was not made when the gate judged, but from what the record says, by rung `remade`; "" where it was
    """

    name: str
    version: int
    candidate: str
    artefacts: tuple[str, ...]
    base: str
    template: str
    task: str
    data: Mapping[str, str]
    consequence: Consequence
    alpha: float
    seed: int
    bars: tuple[Bar, ...]
    climb: str
    rung: str
    run: str
    status: Status
    verdict: Verdict
    guards: tuple[Verdict, ...]
    level: float
    maker: str
    rung_version: str
    code: str
    created: str
    remade: str = ""

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def uncovered(self, candidate: Candidate) -> list[str]:
        """What of a Candidate is not what was judged, in words; nothing where the receipt covers it digest for digest."""
        pairs = [
            ("candidate", self.candidate, candidate.id),
            ("base", self.base, candidate.base),
            ("template", self.template, candidate.template),
            ("blobs", ", ".join(name[:12] for name in self.artefacts), ", ".join(name[:12] for name in candidate.artefacts)),
        ]
        return [
            f"its {what} is {now[:60] or 'none'}, the receipt's is {then[:60] or 'none'}"
            for what, then, now in pairs
            if then != now
        ]


RECEIPTS = Shelf(of=Receipt, table=tables.receipts, domain="receipt", by=("verifier", "trusted"))


class Receipts:
    """The receipts of one RUNG_HOME."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database, self._keys = database, keys

    def add(self, receipt: Receipt, signer: Signer | None = None) -> str:
        """Signs a receipt by the home's verifier and keeps it; returns its digest. One of the same climb is not made again."""
        for known in self.of(receipt.name, receipt.version):
            if known.holds and (known.document.climb, known.document.candidate) == (receipt.climb, receipt.candidate):
                return known.digest
        return RECEIPTS.add(self._database, self._keys, signer or self._keys.verifier(), receipt)

    def of(self, name: str, version: int | None = None) -> list[Signed[Receipt]]:
        """The receipts of a version, or of all of a name's; oldest first."""
        return RECEIPTS.found(self._database, self._keys, name, version)

    def all(self) -> list[Signed[Receipt]]:
        """Every receipt; oldest first."""
        return RECEIPTS.found(self._database, self._keys)

    def unreadable(self) -> list[str]:
        """`name@version: why` of each that cannot be read any more."""
        return RECEIPTS.unreadable(self._database)
