"""What `promote` is given beside the home: receipts for homes of before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version


def made_up_for(home: Home, version: Version) -> str:
    """Makes the receipt of a version that a climb passed before there were receipts, or whose receipts were signed by a key that
    has ended; returns what to say of it, "" for nothing."""
    from rung.climb.receipts import remake

    known = home.receipts.of(version.name, version.version)
    if not version.evidence.climb or any(one.holds or one.faults for one in known):
        return ""
    try:
        name = remake(home, version)
    except UserError as error:
        return f"no receipt could be made from its record: {error.problem}"
    why = known[-1].lapsed if known else f"{version.ref} passed before there were receipts"
    return f"{why}: {name[:12]} was made from the record of its climb"
