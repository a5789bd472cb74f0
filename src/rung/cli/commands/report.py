"""`rung report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.climbing import climbed_anew, finish, write_report
from rung.cli.output import example, json_option
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.climbs import ClimbRecord
    from rung.registry.documents import ClimbDocument
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
    finish(document, page, as_json=as_json)


def find(home: Home, ref: str | None) -> ClimbDocument:
    """The climb document that `ref` means. Raises UserError where there is none.

    Also where the climb has not finished, or an earlier version wrote it.
    """
    from rung.climb.record import FORM
    from rung.registry.ended import stored_document

    climbs = home.climbs.all() if ref is None else _matching(home, ref)
    for record in reversed(climbs):
        document = stored_document(home, record.climb) if record.form == FORM else None
        if document:
            return document
    if climbs:
        raise _not_shown(home, climbs[-1], earlier=climbs[-1].form != FORM)
    raise UserError(
        f"there is no climb '{ref}'" if ref else "there is no climb yet",
        where=str(home.path),
        hint="`rung climb task.yaml` makes one.",
    )


def _matching(home: Home, ref: str) -> list[ClimbRecord]:
    version = home.names.find(ref)
    if version and not version.evidence.climb:
        return []
    beginning = version.evidence.climb if version else ref
    return [record for record in home.climbs.all() if record.climb.startswith(beginning)]


def _not_shown(home: Home, record: ClimbRecord, *, earlier: bool) -> UserError:
    where = record.climb[:12]
    if not earlier:
        return UserError(
            "this climb has not finished", where=where, hint="Run the same `rung climb` again: it goes on where it stopped."
        )
    problem = "an earlier version of rung wrote the record of this climb, and this version cannot show it"
    return UserError(problem, where=where, hint=climbed_anew(home, record))
