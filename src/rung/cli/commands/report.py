"""`rung report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.climbing import show_document, write_report
from rung.cli.output import example, json_option, print_json
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home


@click.command(epilog=example("rung report tone --out tone.html"))
@click.argument("climb", required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the HTML; by default under RUNG_HOME.")
@json_option
def command(climb: str | None, out: Path | None, as_json: bool) -> None:
    """Print a climb's ladder again and write its HTML report.

    CLIMB is a climb's id or its beginning, or a registered name; by default the last climb that finished.
    """
    from rung.registry.home import open_home

    with open_home() as home:
        document = find(home, climb)
        page = write_report(document, home, out)
    if as_json:
        print_json(document)
    else:
        show_document(document, page)


def find(home: Home, ref: str | None) -> dict[str, Any]:
    """The climb document that `ref` means. Raises UserError where there is none, or the climb has not finished."""
    from rung.climb.record import document_of

    ids = [record.climb for record in home.climbs.all()]
    if ref is not None:
        ids = _matching(home, ref, ids)
    documents = [document_of(home, climb) for climb in reversed(ids)]
    for document in documents:
        if document:
            return document
    if ids:
        raise UserError(
            "this climb has not finished", where=ids[-1][:12], mend="Run the same `rung climb` again: it goes on where it stopped."
        )
    raise UserError(
        f"there is no climb '{ref}'" if ref else "there is no climb yet",
        where=str(home.path),
        mend="`rung climb task.yaml` makes one.",
    )


def _matching(home: Home, ref: str, ids: list[str]) -> list[str]:
    name, _, version = ref.partition("@")
    versions = [known for known in home.names.all() if known.name == name and version in ("", str(known.version))]
    if versions:
        return [versions[-1].evidence.climb]
    return [climb for climb in ids if climb.startswith(ref)]
