"""`rung promote`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, json_option, print_json, show, table

if TYPE_CHECKING:
    from rung.promote.promoting import Promotion


@click.command(epilog=example("rung promote tone@7 --to champion"))
@click.argument("name")
@click.option("--to", "alias", default="champion", show_default=True, help="The alias that is to stand for it.")
@click.option(
    "--break-glass", "reason", help="Promote it though something does not hold, for this reason; it is told in the audit."
)
@json_option
def command(name: str, alias: str, reason: str | None, as_json: bool) -> int:
    """Make NAME the champion, on the receipt of the gate that it passed.

    NAME is a name (its newest version) or name@version. Its files must be what was judged, digest for digest, and nothing may show
    it to be worse than today's champion on the locked rows that both answered. What else is asked depends on the task's
    `consequence`: at medium and high it must be shown that it is not worse by 5 points, and at high another person has approved it.

    Exits with 1 where something does not hold.
    """
    from rung.cli.proofs import made_up_for
    from rung.climb.at_hand import tasks_at_hand
    from rung.promote.promoting import promote, version_of
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        version = version_of(home, name)
        told = made_up_for(home, version)
        done = promote(home, version.ref, alias, load=tasks_at_hand(home), break_glass=reason)
    if as_json:
        print_json(
            {
                "version": done.ref,
                "alias": done.alias,
                "before": done.before,
                "promoted": not done.refused,
                "conditions": [asdict(condition) for condition in done.conditions],
                "move": asdict(done.move) if done.move else None,
                "note": told,
            }
        )
    else:
        if told:
            click.echo(f"! {told[0].upper()}{told[1:]}.", err=True)
        _show(done)
    return 1 if done.refused else 0


def _show(done: Promotion) -> None:
    name = done.ref.partition("@")[0]
    if done.standing:
        show(f"{name}@{done.alias} is {done.ref} already.")
        return
    rows = [(condition.name, "holds" if condition.holds else "DOES NOT HOLD", condition.said) for condition in done.conditions]
    show(table(["asked", "", "found"], rows))
    if done.refused:
        hints = dict.fromkeys(condition.hint for condition in done.set_aside if condition.hint)
        show(f"Not promoted: {name}@{done.alias} stays {f'version {done.before}' if done.before else 'unset'}.", *hints)
        return
    if done.set_aside:
        what = ", ".join(condition.name for condition in done.set_aside)
        click.echo(f"!!! GLASS BROKEN: {done.ref} was promoted although this does not hold: {what}. It is in the audit.", err=True)
    was = f", which was version {done.before}" if done.before else ""
    show(f"{name}@{done.alias} is {done.ref} now{was}.")
    if done.before:
        show(f"Back again  rung rollback {name}")
