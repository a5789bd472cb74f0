"""`rung ls`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.climbing import climbed_anew, told_version
from rung.cli.output import example, json_option, print_json, show, table

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.home import Home
    from rung.registry.leases import Holder


@click.command(epilog=example("rung ls"))
@json_option
def command(as_json: bool) -> None:
    """List what is registered, which climbs are unfinished, and who is at them."""
    from rung.climb.record import document_of
    from rung.registry.home import open_home

    with open_home() as home:
        names = [told_version(home, version) for version in home.names.all()]
        unfinished = [record for record in home.climbs.all() if document_of(home, record.climb) is None]
        holders = {record.climb: home.leases.holder(record.climb) for record in unfinished}
        lines = [_line(home, record, holders[record.climb]) for record in unfinished]
    if as_json:
        print_json({"names": names, "unfinished": [asdict(one) | {"holder": _told(holders[one.climb])} for one in unfinished]})
        return
    if names:
        rows = [
            (f"{row['name']}@{row['version']}", row["rung"], row["candidate"][:12], row["created"][:16], row["sentence"])
            for row in names
        ]
        show(table(["name", "rung", "candidate", "created (UTC)", "why it passed"], rows))
    else:
        show("Nothing is registered yet: `rung climb task.yaml` registers what passes, `rung demo` shows how.")
    show(*lines)


def _line(home: Home, record: ClimbRecord, holder: Holder | None) -> str:
    from rung.climb.record import FORM

    begun = f"climb {record.climb[:12]}, started {record.started[:16]}"
    if holder:
        return f"Under way: {begun}, of '{holder.name}', by {holder}."
    if record.form != FORM:
        return f"Unfinished: {begun} by an earlier version of rung, and not to be gone on with. {climbed_anew(home, record)}"
    return f"Unfinished: {begun}. `rung climb` on its task goes on with it."


def _told(holder: Holder | None) -> dict[str, Any] | None:
    return {"pid": holder.process.pid, "host": holder.process.host, "since": holder.since} if holder else None
