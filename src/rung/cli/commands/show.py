"""`rung show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.lineage import drawn
from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.report.text import percent, size

if TYPE_CHECKING:
    from rung.registry.home import Home


@click.command(epilog=example("rung show tone@1"))
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Show how NAME answers, what it was made from and what it scored.

    NAME is a name (its newest version), name@version, name@alias, or the beginning of a candidate's id.
    """
    from rung.registry.home import open_home

    with open_home() as home:
        document = describe(home, name)
    if as_json:
        print_json(document)
    else:
        _show(document)


def describe(home: Home, ref: str) -> dict[str, Any]:
    """All that the registry knows of a candidate, as one JSON document."""
    from rung.json_form import as_json
    from rung.registry.ended import told_versions
    from rung.registry.lineage import lineage
    from rung.registry.lookup import look_up

    known = look_up(home, ref)
    candidate = known.candidate
    versions = home.names.of(candidate=candidate.id)
    numbers = {(version.name, version.version) for version in versions}
    standing = [move for name in {one.name for one in versions} for move in home.aliases.standing(name)]
    return {
        "id": candidate.id,
        "ref": known.ref,
        "versions": told_versions(home, versions),
        "aliases": [asdict(move) for move in standing if (move.name, move.version) in numbers],
        "candidate": as_json(candidate),
        "lineage": lineage(home, known),
        "artefacts": [_artefact(home, digest) for digest in candidate.artefacts],
        "runs": [asdict(record) for record in home.runs.records(candidate.id)],
        "remarks": [known.note] if known.note else [],
    }


def _artefact(home: Home, digest: str) -> dict[str, Any]:
    """A blob's size and whether it is intact; of one that is not there any more, why."""
    from rung.errors import BrokenEnvironment

    try:
        return {"digest": digest, "bytes": home.blobs.size_bytes(digest), "intact": home.blobs.is_intact(digest), "gone": None}
    except BrokenEnvironment as error:
        cleared = home.cleared.when().get(digest)
        said = f"cleared away by `rung gc`, {cleared[:16].replace('T', ' ')} UTC" if cleared else error.problem
        return {"digest": digest, "bytes": None, "intact": False, "gone": said}


def _shown(demonstrations: dict[str, Any] | None) -> str | None:
    """`4 before every question, 2 nearest to each`."""
    if not demonstrations:
        return None
    shared, k = demonstrations.get("shared", 0), demonstrations["k"]
    return ", ".join([*([f"{shared} before every question"] if shared else []), *([f"{k} nearest"] if k else [])])


def _sentences(document: dict[str, Any], *, claimed: bool) -> str | None:
    """Why its versions passed, or what those of them claim that no task has judged."""
    told = [row["sentence"] for row in document["versions"] if row["sentence"] and row["claimed"] is claimed]
    return "\n".join(told) or None


def _show(document: dict[str, Any]) -> None:
    candidate = document["candidate"]
    artefacts = [
        f"{row['digest'][:12]}  {size(row['bytes'])}  {row['gone'] or ('intact' if row['intact'] else 'CHANGED')}"
        for row in document["artefacts"]
    ]
    aliases = [f"{move['name']}@{move['alias']} since {move['created'][:16].replace('T', ' ')} UTC" for move in document["aliases"]]
    show(
        fields(
            {
                "name": ", ".join(f"{row['name']}@{row['version']}" for row in document["versions"]) or None,
                "came from": ", ".join(row["origin"] for row in document["versions"] if row["origin"]) or None,
                "aliases": ", ".join(aliases) or None,
                "candidate": document["id"],
                "rung": candidate["rung"],
                "prompt": candidate["prompt"] or None,
                "demonstrations": _shown(candidate["demonstrations"]),
                "constraint": candidate["constraint"]["kind"] if candidate["constraint"] else None,
                "artefacts": "\n".join(artefacts) or None,
                "passed": _sentences(document, claimed=False),
                "not judged": _sentences(document, claimed=True),
            }
        )
    )
    show(drawn(f"{document['ref']}  {candidate['rung']}", document["lineage"]))
    rows = [(row["split"], row["n"], percent(row["mean"]), row["created"][:16], row["task"][:12]) for row in document["runs"]]
    if rows:
        show(table(["split", "rows", "score", "measured (UTC)", "task"], rows, numbers=["rows", "score"]))
    show(*[f"{remark}." for remark in document["remarks"]])
