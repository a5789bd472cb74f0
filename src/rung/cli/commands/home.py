"""`rung home`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, fields, json_option, print_json, show, table, watching
from rung.cli.words import blobs
from rung.report.text import size

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.types import Progress


@click.command(epilog=example("rung home --check"))
@click.option("--check", "deep", is_flag=True, help="Hash every blob again, and have the database check itself.")
@json_option
def command(deep: bool, as_json: bool) -> int:
    """Say where everything is that Rung keeps, how large it is, and whether it is whole.

    Without --check it looks whether all that versions need is there; with it, whether it is also what was stored. `rung verify`
    checks the history and what speaks for each version.

    Where a new home has its registry and its blobs is said when it is made, by RUNG_DATABASE=postgresql://USER@HOST/DATABASE and
    RUNG_BLOBS=s3://BUCKET/PREFIX; it remembers both.

    Exits with 1 where something is missing or changed.
    """
    from rung.registry.home import open_home

    with open_home() as home, watching() as progress:
        document = _looked_at(home, progress, deep=deep)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return 0 if document["whole"] else 1


def _looked_at(home: Home, progress: Progress, *, deep: bool) -> dict[str, Any]:
    from rung import __version__
    from rung.homes.health import health
    from rung.homes.inventory import parts, settings

    found = parts(home, progress)
    state = health(home, progress, deep=deep)
    return {
        "home": str(home.path),
        "rung": __version__,
        "format": (home.path / "format").read_text("utf-8").split("\n")[0],
        "database": home.places.database or None,
        "blobs": home.places.blobs or None,
        "settings": settings(),
        "parts": [asdict(part) for part in found],
        "bytes": sum(part.bytes for part in found),
        "whole": state.whole,
        **asdict(state),
    }


def _show(document: dict[str, Any]) -> None:
    show(fields({"home": document["home"], "rung": f"{document['rung']}, format {document['format']}", **document["settings"]}))
    rows = [(part["name"], size(part["bytes"]), _count(part["files"]), part["said"], part["where"]) for part in document["parts"]]
    show(table(["", "size", "files", "what it is", "where"], rows, numbers=["size", "files"]))
    checked = f"{blobs(document['hashed'])} hashed again" if document["hashed"] else "not hashed again (--check)"
    show(f"{size(document['bytes'])} in all. Versions need {blobs(document['needed'])}; {checked}.")
    if document["unnamed"]:
        show(f"Named by nothing: {blobs(document['unnamed'])} ({size(document['unnamed_bytes'])}), which `rung gc` clears away.")
    if document["faults"]:
        show("BROKEN", *[f"  {fault}" for fault in document["faults"]])
    else:
        show("Nothing is missing." if not document["hashed"] else "Nothing is missing or changed.")
    for remark in document["remarks"]:
        show(f"Remark: {remark}.")


def _count(files: int | None) -> str | None:
    return None if files is None else f"{files:,}"
