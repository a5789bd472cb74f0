"""`rung campaign`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.campaign.document import CampaignDocument
    from rung.campaign.plan import Wanted
    from rung.registry.home import Home


@click.command(epilog=example("rung campaign pip:gemma3-270m --plan"))
@click.argument("new_base", required=False)
@click.option("--from", "former", default="", help="The base that is left: its name or digest, or the beginning of one.")
@click.option("--name", "names", multiple=True, help="Only this name; may be given several times.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A task file for the name that it gives, in the place of the one that was locked; may be given several times.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Only show what it will do, and what that takes.")
@click.option("--promote", "promoting", is_flag=True, help="Make what passed the champion, where its receipt allows it.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option("--status", is_flag=True, help="Only show how far campaigns have come; without NEW_BASE, all of them.")
@json_option
def command(new_base: str | None, as_json: bool, **options: Any) -> int:
    """Climb again, on NEW_BASE, what stands on another base.

    Plans the names whose champion (or newest version) was made on another base than NEW_BASE: by traffic, then by what a wrong
    answer risks and how narrowly the bar was passed; with the time and money that each climb takes. Then climbs them, one after the
    other, on the rows that they were made with, and compares old and new row by row. A name whose task file or rows have changed is
    not climbed; it is said which file.

    Interrupt it when you like: the same command goes on, and nothing is done twice. The former base stays as it is, and so does
    every version on it: `rung rollback` goes back.

    Exits with 0 where every name passed (with --promote: and was promoted), else with 1.
    """
    if options["status"]:
        return _status(new_base, as_json=as_json)
    if new_base is None:
        raise UserError("no base is given", hint="Name the new one: rung campaign NEW_BASE; --status shows what is under way.")
    return _run(new_base, as_json=as_json, **options)


def _run(new_base: str, *, as_json: bool, only_plan: bool, promoting: bool, yes: bool, **wanted: Any) -> int:
    from rung.campaign.document import campaign_document
    from rung.campaign.plan import plan_campaign
    from rung.campaign.record import Record
    from rung.campaign.run import asked_for, open_campaign, run
    from rung.campaign.run import new_base as opened_base
    from rung.registry.home import open_home

    with open_home(write=True) as home, watching() as progress:
        chosen = _wanted(wanted)
        base = opened_base(new_base, home, progress)
        asked = asked_for(base)
        planned = plan_campaign(home, Record(home, asked.id), base, chosen, progress)
        document = campaign_document(asked, Record(home, asked.id), planned)
        if only_plan:
            return _told(document, as_json=as_json, plan=True)
        _confirm(document, as_json=as_json, yes=yes)
        with (under_way := open_campaign(home, base, progress)).lease:
            planned.keep(under_way.record)
            run(under_way, planned.entries, chosen, promoting=promoting)
            document = campaign_document(asked, under_way.record, replace(planned, refused=()))
    code = _told(document, as_json=as_json, plan=False)
    unmoved = promoting and any(not (line.promoted and (line.promoted.moved or line.promoted.standing)) for line in document.names)
    return 1 if unmoved else code


def _wanted(options: dict[str, Any]) -> Wanted:
    from rung.campaign.again import Given
    from rung.campaign.plan import Wanted
    from rung.campaign.run import located

    former = options["former"]
    return Wanted(former=located(former) if former else "", names=tuple(options["names"]), given=Given.read(options["tasks"]))


def _confirm(document: CampaignDocument, *, as_json: bool, yes: bool) -> None:
    """Shows the plan and asks, where something is to be climbed. Raises UserError where nobody is there to answer."""
    from rung.cli.asking import is_terminal
    from rung.cli.campaign_tables import show_plan

    waiting = [line for line in document.left if line.state == "planned"]
    if not as_json and document.left:
        show_plan(document)
    if yes or not waiting:
        return
    if as_json or not is_terminal():
        raise UserError("nobody is there to be asked whether to begin", hint="Say --yes to begin, or --plan to look only.")
    click.confirm(f"Climb {len(waiting)} names now?", abort=True, err=True)


def _told(document: CampaignDocument, *, as_json: bool, plan: bool) -> int:
    from rung.cli.campaign_tables import show_plan, show_results
    from rung.json_form import as_json as plain

    if as_json:
        print_json(plain(document))
    elif plan:
        show_plan(document)
    else:
        show_results(document)
    if not document.names and not as_json:
        show("No name rests on another base than this one.")
    return 0 if plan or document.passed else 1


def _status(new_base: str | None, *, as_json: bool) -> int:
    from rung.campaign.run import located
    from rung.registry.home import open_home

    with open_home() as home:
        found = _campaigns(home, located(new_base) if new_base else None)
    if as_json:
        print_json(found)
        return 0
    if not found:
        show("No campaign has begun." if new_base is None else f"No campaign to {new_base} has begun.")
        return 0
    rows = [
        (one["base"], f"{one['done']} of {one['names']}", one["passed"], one["under_way"], one["started"][:16], one["updated"][:16])
        for one in found
    ]
    show(table(("to", "climbed", "passed", "held by", "begun (UTC)", "last (UTC)"), rows, numbers=["passed"]))
    for one in found if new_base is not None else ():
        show(table(("name", "before", "now", "", "what came of it"), [tuple(line.values()) for line in one["lines"]]))
    return 0


def _campaigns(home: Home, new_base: str | None) -> list[dict[str, Any]]:
    """What is stored of every campaign, or of those to a base of this name or digest; nothing is looked up or asked."""
    from rung.campaign.record import Record, asked_of

    found = []
    for stored in home.campaigns.all():
        asked = asked_of(stored.asked)
        if asked is None or (new_base is not None and not _is_to(asked.base, asked.pinned, new_base)):
            continue
        record, holder = Record(home, stored.campaign), home.leases.holder(stored.campaign)
        lines = [
            {
                "name": name,
                "before": entry.old,
                "now": record.climbed[name].version if name in record.climbed else None,
                "state": record.climbed[name].status
                if name in record.climbed
                else "refused"
                if name in record.refused
                else "to climb",
                "said": record.climbed[name].said if name in record.climbed else _refusal(record, name),
            }
            for name, entry in record.entries.items()
        ]
        found.append(
            {
                "campaign": stored.campaign,
                "base": asked.base,
                "pinned": asked.pinned,
                "names": len(lines),
                "done": len(record.climbed),
                "passed": sum(one.status == "pass" for one in record.climbed.values()),
                "under_way": str(holder) if holder else None,
                "started": stored.started,
                "updated": stored.updated,
                "lines": lines,
            }
        )
    return found


def _refusal(record: Any, name: str) -> str | None:
    return record.refused[name].problem if name in record.refused else None


def _is_to(base: str, pinned: str, asked: str) -> bool:
    """Whether a campaign's base is called so, or its digest begins so."""
    return asked in (base, pinned) or (len(asked) >= 6 and pinned.rpartition("sha256:")[2].startswith(asked))
