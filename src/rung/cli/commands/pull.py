"""`rung pull`."""

from __future__ import annotations

import click

from rung.cli.meeting import check_option, finish, label_option
from rung.cli.output import example, json_option, watching


@click.command(epilog=example("rung pull /mnt/team/rung tone@champion"))
@click.argument("home")
@click.argument("names", nargs=-1)
@label_option
@check_option
@json_option
def command(home: str, names: tuple[str, ...], label: str | None, check: bool, as_json: bool) -> None:
    """Bring versions of another home into this one: HOME is its folder, or the address of its registry's database.

    NAMES are names (all their versions), name@version or name@alias of that home; without any, everything. What comes with a
    version, and what it is called here, is as `rung push` says. Receipts count here once their signer does: rung keys trust.
    """
    from rung.homes.meeting import Road, bring, wanted
    from rung.homes.other import label_of, other_home
    from rung.registry.home import default_path, open_home

    with open_home(write=True) as mine, other_home(home, default_path(), write=False) as theirs, watching() as progress:
        road = Road(source=theirs, target=mine, label=label_of(home, label), check=check)
        met = bring(road, wanted(theirs, names), progress)
        finish(met, where="this home", as_json=as_json)
