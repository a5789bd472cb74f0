"""`rung ls`."""

from __future__ import annotations

from dataclasses import asdict

import click

from rung.cli.climbing import told_version
from rung.cli.output import example, json_option, print_json, show, table


@click.command(epilog=example("rung ls"))
@json_option
def command(as_json: bool) -> None:
    """List what is registered and which climbs are unfinished."""
    from rung.climb.record import document_of
    from rung.registry.home import open_home

    with open_home() as home:
        names = [told_version(home, version) for version in home.names.all()]
        unfinished = [asdict(record) for record in home.climbs.all() if document_of(home, record.climb) is None]
    if as_json:
        print_json({"names": names, "unfinished": unfinished})
        return
    if names:
        rows = [
            (f"{row['name']}@{row['version']}", row["rung"], row["candidate"][:12], row["created"][:16], row["sentence"])
            for row in names
        ]
        show(table(["name", "rung", "candidate", "created (UTC)", "why it passed"], rows))
    else:
        show("Nothing is registered yet: `rung climb task.yaml` registers what passes, `rung demo` shows how.")
    for climb in unfinished:
        show(f"Unfinished: climb {climb['climb'][:12]}, started {climb['started'][:16]}. `rung climb` on its task goes on with it.")
