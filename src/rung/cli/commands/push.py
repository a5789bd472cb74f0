"""`rung push`."""

from __future__ import annotations

import click

from rung.cli.meeting import check_option, finish, label_option
from rung.cli.output import example, json_option, watching


@click.command(epilog=example("rung push postgresql://team@db/rung tone@champion"))
@click.argument("home")
@click.argument("names", nargs=-1)
@label_option
@check_option
@json_option
def command(home: str, names: tuple[str, ...], label: str | None, check: bool, as_json: bool) -> None:
    """Bring versions of this home into another: HOME is its folder, or the address of its registry's database.

    NAMES are names (all their versions), name@version or name@alias; without any, everything that is registered. With a version
    come its files, answers, receipts, approvals, its climb and its charges on locked rows; own aliases where none stands there.
    `champion` is set only where there is none and its receipt counts there.

    A version keeps its number where that is above all others there, else gets the next, and remembers what it was. What was
    brought once is not brought again. Run it again after a kill: it goes on.
    """
    from rung.homes.meeting import Road, bring, wanted
    from rung.homes.other import label_of, other_home
    from rung.registry.home import default_path, open_home

    with open_home() as mine, other_home(home, default_path(), write=True) as theirs, watching() as progress:
        road = Road(source=mine, target=theirs, label=label_of(None, label), check=check)
        met = bring(road, wanted(mine, names), progress)
        finish(met, where=str(home), as_json=as_json)
