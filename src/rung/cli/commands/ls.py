"""`rung ls`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.climbing import climbed_anew, why_of
from rung.cli.output import example, json_option, print_json, show, table

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.home import Home
    from rung.registry.leases import Holder
    from rung.registry.names import Version


@click.command(epilog=example("rung ls --as-of 2026-11-03"))
@click.option("--as-of", "moment", help="Versions and aliases as they were: 2026-11-03 (its end, UTC), or 2026-11-03T14:30.")
@click.option("--on", "ground", help="Only what rests on this: a base, or the digest of a base, template, adapter, task or split.")
@json_option
def command(moment: str | None, ground: str | None, as_json: bool) -> None:
    """List what is registered under which aliases, which climbs are unfinished, and who is at them."""
    from rung.registry.home import open_home

    with open_home() as home:
        listed = _listed(home, moment, ground)
    if as_json:
        print_json(listed)
        return
    if listed["as_of"]:
        show(f"As of {listed['as_of'][:19].replace('T', ' ')} UTC:")
    if listed["names"]:
        _show_names(listed["names"])
    else:
        show(_nothing(listed, ground))
    show(*[one["said"] for one in listed["unfinished"] or ()], *listed["remarks"])


def _listed(home: Home, moment: str | None, ground: str | None) -> dict[str, Any]:
    """All that is listed, as one JSON document; what is unfinished is so now, and None where a moment or a ground was asked for."""
    from rung.registry.ended import told_versions, unfinished

    as_of = home.timeline.moment(moment) if moment is not None else None
    standing: dict[tuple[str, int | None], list[str]] = {}
    for move in home.aliases.standing(moment=as_of):
        standing.setdefault((move.name, move.version), []).append(move.alias)
    versions = _versions(home, as_of, ground)
    aliases = [{"aliases": standing.get((one.name, one.version), [])} for one in versions]
    names = [told | named for told, named in zip(told_versions(home, versions), aliases, strict=True)]
    climbs = None if moment or ground else [_unfinished(home, one, home.leases.holder(one.climb)) for one in unfinished(home)]
    return {"as_of": as_of, "names": names, "unfinished": climbs, "remarks": _remarks(home, as_of) if as_of else []}


def _versions(home: Home, as_of: str | None, ground: str | None) -> list[Version]:
    found = home.names.on(ground) if ground is not None else home.names.of(moment=as_of)
    return [version for version in found if as_of is None or version.created <= as_of]


def _remarks(home: Home, as_of: str) -> list[str]:
    """What the clock leaves in doubt."""
    late = home.timeline.late(as_of)
    if not late:
        return []
    entries = "1 entry that says it is" if late == 1 else f"{late} entries that say they are"
    return [
        f"The clock of this home has gone back: {entries} from before this moment came after some that say they are from behind "
        "it. Each is taken at its word; `rung log NAME` has them in the order of writing."
    ]


def _nothing(listed: dict[str, Any], ground: str | None) -> str:
    if ground is not None:
        return f"Nothing that is registered rests on '{ground}'."
    if listed["as_of"]:
        return "Nothing was registered then."
    return "Nothing is registered yet: `rung climb task.yaml` registers what passes, `rung demo` shows how."


def _show_names(names: list[dict[str, Any]]) -> None:
    rows = [
        (
            f"{row['name']}@{row['version']}",
            ", ".join(row["aliases"]) or None,
            row["rung"],
            row["candidate"][:12],
            row["created"][:16],
            why_of(row),
        )
        for row in names
    ]
    show(table(["name", "aliases", "rung", "candidate", "created (UTC)", "why it passed"], rows))


def _unfinished(home: Home, record: ClimbRecord, holder: Holder | None) -> dict[str, Any]:
    told = {"pid": holder.process.pid, "host": holder.process.host, "since": holder.since} if holder else None
    return asdict(record) | {"holder": told, "said": _line(home, record, holder)}


def _line(home: Home, record: ClimbRecord, holder: Holder | None) -> str:
    from rung.climb.record import FORM

    begun = f"climb {record.climb[:12]}, started {record.started[:16]}"
    if holder:
        return f"Under way: {begun}, of '{holder.name}', by {holder}."
    if record.form != FORM:
        return f"Unfinished: {begun} by an earlier version of rung, and not to be gone on with. {climbed_anew(home, record)}"
    return f"Unfinished: {begun}. `rung climb` on its task goes on with it."
