"""`rung gc`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.cli.words import blobs
from rung.report.text import size

if TYPE_CHECKING:
    from rung.homes.clearing import Gone, Kind, Plan

# What is told of each kind of thing that may go.
SAID: Mapping[Kind, str] = {
    "trials": "what climbs tried, and no version needs",
    "copies": "copies of blobs that lie in the bucket",
    "answers": "answers of candidates that no version is made of",
    "work": "work folders of climbs that have ended",
    "leftovers": "what killed processes left, unfinished downloads",
}


@click.command(epilog=example("rung gc --keep-days 7"))
@click.option("--keep-days", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Keep what is younger than this.")
@click.option("--abandoned", is_flag=True, help="Also let go of climbs that were not finished and have found nothing for so long.")
@click.option("--yes", is_flag=True, help="Do it. Without it nothing is removed.")
@json_option
def command(keep_days: float, abandoned: bool, yes: bool, as_json: bool) -> None:
    """Say what can go from this home, and how large it is; with --yes, remove it.

    What any version, receipt or registered candidate's evaluation needs stays for ever, and so does what is younger than a day, or
    what a climb that is under way or unfinished names. What goes is written into the audit.
    """
    from rung.homes.clearing import Retention, carry_out, plan
    from rung.registry.home import open_home

    with open_home(write=yes) as home, watching() as progress:
        planned = plan(home, Retention(days=keep_days, abandoned=abandoned), progress)
        gone = carry_out(home, planned, progress) if yes and planned.items else None
    if as_json:
        print_json(asdict(planned) | {"bytes": planned.size, "done": asdict(gone) if gone else None})
    else:
        _show(planned, gone, yes=yes)


def _show(planned: Plan, gone: Gone | None, *, yes: bool) -> None:
    for climbing in planned.climbing:
        show(f"A climb is under way ({climbing}): what is as young as it is stays.")
    stays = f"{blobs(planned.kept)} ({size(planned.kept_bytes)}) stay"
    if not planned.items:
        show(f"There is nothing to remove: {stays}.")
        return
    rows = [_row(planned, kind) for kind in SAID if planned.of(kind)]
    show(table(["what goes", "how many", "size", "since"], rows, numbers=["how many", "size"]))
    if gone is None:
        show(f"{size(planned.size)} would be free; {stays}. Nothing was removed: the same with --yes does it.")
        return
    spared = f" {gone.spared:,} stayed, for somebody needed them meanwhile." if gone.spared else ""
    show(f"{size(sum(gone.bytes.values()))} are free; {stays}.{spared} It is in the audit.")


def _row(planned: Plan, kind: Kind) -> tuple[str, str, str, str]:
    items = planned.of(kind)
    first, last = min(item.since for item in items)[:10], max(item.since for item in items)[:10]
    when = first if first == last else f"{first} to {last}"
    return SAID[kind], f"{sum(item.count for item in items):,}", size(sum(item.size for item in items)), when
