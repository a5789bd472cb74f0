"""`rung approve`."""

from __future__ import annotations

import click

from rung.cli.output import example, fields, json_option, print_json, show
from rung.report.text import percent


@click.command(epilog=example("rung approve tone@7 --expires 7d --as bob"))
@click.argument("name")
@click.option("--expires", default="7d", show_default=True, help="How long it holds: 30m, 12h, 7d, 2w.")
@click.option("--as", "identity", help="Who approves: an identity of this home, or a private key's file.")
@json_option
def command(name: str, expires: str, identity: str | None, as_json: bool) -> None:
    """Sign that NAME may be promoted on its receipt, until a day.

    Where a wrong answer costs much (`consequence: high` in the task file) nothing is promoted without: by another person than the
    one who made it. NAME is a name (its newest version) or name@version.
    """
    from rung.json_form import as_json as plain
    from rung.promote.approving import approve
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        done = approve(home, name, expires, identity)
    if as_json:
        print_json({"approval": plain(done.approval), "digest": done.digest, "approver": done.approver, "alone": done.alone})
        return
    receipt = done.receipt
    show(
        fields(
            {
                "approved": f"{receipt.ref}, by {done.approver}, until {done.approval.expires[:16].replace('T', ' ')} UTC",
                "it passed": f"{percent(receipt.verdict.estimate)} on {receipt.verdict.n:,} rows. {receipt.verdict.reason}",
                "guards": "\n".join(f"{guard.name}: {guard.reason}" for guard in receipt.guards) or None,
                "receipt": done.approval.receipt[:12],
            }
        )
    )
    if done.alone:
        click.echo(
            "! The private keys of who made it and who approved it both lie in this home: whoever may read them is both.", err=True
        )
