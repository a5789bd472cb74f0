"""What stands on receipts that do not hold any more, since the key that signed them has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.promote.conditions import asked

if TYPE_CHECKING:
    from rung.registry.home import Home


def resting_on_nothing(home: Home) -> list[str]:
    """Every alias that stands on a receipt that has lapsed, and whose version has no other that holds; in words."""
    ended = {receipt.digest: receipt.lapsed for receipt in home.receipts.all() if receipt.lapsed}
    found = []
    for move in home.aliases.standing() if ended else ():
        version = home.names.find(f"{move.name}@{move.version}")
        if move.receipt in ended and version is not None and asked(home, version).receipt is None:
            found.append(f"{move.ref} stands for version {move.version} on a receipt that does not hold: {ended[move.receipt]}")
    return found


def lapsed(home: Home) -> list[str]:
    """The receipts and approvals that do not count any more, in words."""
    receipts = [f"{one.document.ref}: {one.lapsed}" for one in home.receipts.all() if one.lapsed]
    approvals = [f"{one.document.name}@{one.document.version}: {one.lapsed}" for one in home.approvals.all() if one.lapsed]
    return [*receipts, *approvals]
