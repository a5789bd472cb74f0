"""`rung approvals`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rung.cli.output import example, fields, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home


@click.command(epilog=example("rung approvals approve held-3f2a --as bob"))
@click.argument("action", required=False, default="ls", type=click.Choice(["ls", "show", "approve", "refuse"]))
@click.argument("id", required=False)
@click.option("--as", "identity", help="Who decides: an identity of this home, or a private key's file.")
@click.option("--reason", default="", help="Why, in words: the model is told of a refusal.")
@json_option
def command(action: str, id: str | None, identity: str | None, reason: str, as_json: bool) -> None:
    """List the calls that wait for a person; look at one; allow it, or refuse it.

    A served model that wants to call a tool whose consequence needs a person (`unattended` in the task file) is stopped there, and
    whoever asked it is told an id. ID is that, or its beginning. A decision is signed: by who RUNG_IDENTITY names, --as, or who is
    logged in, never by who asked. An allowed call is run once, when the same question is asked again with the id, and not after the
    time that it could wait for (`serving: {hold: 1d}` in the task file).
    """
    from rung.registry.home import open_home
    from rung.serve.rails.telling import told

    if (action != "ls") != (id is not None):
        raise UserError("which one?" if action != "ls" else "a list is of all", hint=f"rung approvals {action} ID")
    if (identity or reason) and action not in ("approve", "refuse"):
        raise UserError("--as and --reason are for approve and refuse", hint="rung approvals approve ID --as NAME")
    with open_home(write=action in ("approve", "refuse")) as home:
        if id is None:
            _list(home, as_json)
            return
        held = home.held.get(id)
        if action != "show":
            held = home.held.decide(held, approve=action == "approve", signer=home.keys.me(identity), reason=reason.strip())
        document = told(home, held)
    if as_json:
        print_json(document)
        return
    show(
        fields(
            {
                "held": document["id"],
                "state": document["state"] + (f", by {document['by']}" if document["by"] else ""),
                "reason": document["reason"] or None,
                "calls": "\n".join(document["calls"]),
                "made before": "\n".join(document["before"]) or None,
                "asked by": document["requester"] + (f" for {document['user']}" if document["user"] else ""),
                "of": f"{document['model']} ({document['ref']})",
                "question": document["question"],
                "until": f"{document['expires'][:16].replace('T', ' ')} UTC",
                "came of it": "\n".join(document["results"]) or None,
            }
        )
    )


def _list(home: Home, as_json: bool) -> None:
    from rung.serve.rails.telling import told

    found = home.held.all()
    if as_json:
        print_json({"held": [told(home, held) for held in found]})
        return
    waiting = [held for held in found if home.held.standing(held) in ("waiting", "approved", "running")]
    if not waiting:
        show("Nothing waits for a person." + (f" {len(found):,} were settled: rung approvals ls --json" if found else ""))
        return
    shown = [told(home, held) for held in waiting]
    rows = [(one["id"], one["state"], "; ".join(one["calls"]), one["requester"], one["expires"][:16]) for one in shown]
    show(table(["held", "state", "calls", "asked by", "until (UTC)"], rows))
