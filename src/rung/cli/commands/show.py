"""`rung show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.climbing import told_version
from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.report.text import percent, size

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.types import Candidate


@click.command(epilog=example("rung show tone@1"))
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Show how NAME answers, what it was made from and what it scored.

    NAME is a name (its newest version), name@version, or the beginning of a candidate's id.
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

    candidate = home.candidates.get(ref)
    return {
        "id": candidate.id,
        "versions": [told_version(home, version) for version in home.names.all() if version.candidate == candidate.id],
        "candidate": as_json(candidate),
        "lineage": _lineage(home, candidate),
        "artefacts": [
            {"digest": digest, "bytes": home.blobs.size_bytes(digest), "intact": home.blobs.is_intact(digest)}
            for digest in candidate.artefacts
        ],
        "runs": [asdict(record) for record in home.runs.records(candidate.id)],
    }


def _lineage(home: Home, candidate: Candidate) -> list[dict[str, str]]:
    """The candidates it was built from, the nearest first."""
    from rung.errors import UserError

    found = []
    while candidate.parent:
        try:
            candidate = home.candidates.get(candidate.parent)
        except UserError:  # a parent that was only a starting point and never measured is not stored
            break
        found.append({"id": candidate.id, "rung": candidate.rung})
    return found


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
        f"{row['digest'][:12]}  {size(row['bytes'])}  {'intact' if row['intact'] else 'CHANGED'}" for row in document["artefacts"]
    ]
    show(
        fields(
            {
                "name": ", ".join(f"{row['name']}@{row['version']}" for row in document["versions"]) or None,
                "candidate": document["id"],
                "rung": candidate["rung"],
                "base": candidate["base"],
                "prompt": candidate["prompt"] or None,
                "demonstrations": _shown(candidate["demonstrations"]),
                "constraint": candidate["constraint"]["kind"] if candidate["constraint"] else None,
                "artefacts": "\n".join(artefacts) or None,
                "made from": ", ".join(f"{row['rung']} {row['id'][:12]}" for row in document["lineage"]) or None,
                "passed": _sentences(document, claimed=False),
                "not judged": _sentences(document, claimed=True),
            }
        )
    )
    rows = [(row["split"], row["n"], percent(row["mean"]), row["created"][:16], row["task"][:12]) for row in document["runs"]]
    if rows:
        show(table(["split", "rows", "score", "measured (UTC)", "task"], rows, numbers=["rows", "score"]))
