"""`rung rollback`."""

from __future__ import annotations

from dataclasses import asdict

import click

from rung.cli.output import example, json_option, print_json, show


@click.command(epilog=example("rung rollback tone"))
@click.argument("name")
@json_option
def command(name: str, as_json: bool) -> None:
    """Go back to the champion of NAME before this one, at once.

    No file of any version is touched. A second rollback goes to the one before that.
    """
    from rung.promote.promoting import rollback
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        move = rollback(home, name)
    if as_json:
        print_json(asdict(move))
    else:
        show(f"{move.ref} is {name}@{move.version} again ({move.reason}).")
