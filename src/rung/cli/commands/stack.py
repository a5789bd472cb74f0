"""`rung stack`."""

from __future__ import annotations

import click

from rung.cli.output import example, fields, json_option, print_json, show, watching


@click.command(epilog=example("rung stack tone@3:0.7 law@2:0.3 --name tone-law"))
@click.argument("parts", nargs=-1, required=True)
@click.option("--name", required=True, help="The name to register the sum under, as its next version.")
@json_option
def command(parts: tuple[str, ...], name: str, as_json: bool) -> None:
    """Add up the adapters of versions, each times its weight, and register the sum under a name, as a claim.

    PARTS are versions on one base, NAME@VERSION:WEIGHT each (without a weight: 1). Their sum is one adapter that does exactly what
    a request gets which names them with these weights (`adapters` in its body). Prompt, demonstrations, documents and tools are
    the first one's.

    The version is CLAIMED until a task has judged it. Where a gate has passed it, a request that asks for just this combination is
    admitted; and it can be exported and promoted as any other.
    """
    from rung.admission.stack import Weighed, stack
    from rung.registry.ended import CLAIMED
    from rung.registry.home import open_home

    wanted = [Weighed.read(part) for part in parts]
    with open_home(write=True) as home, watching() as progress:
        done = stack(wanted, name, home, progress)
    document = {
        "version": done.version,
        "origin": CLAIMED,
        "claimed": done.claimed,
        "candidate": done.candidate.id,
        "base": done.candidate.base,
        "adapter": done.adapter,
    }
    if as_json:
        print_json({**document, "parts": [{"version": part.ref, "weight": part.weight} for part in done.parts]})
        return
    show(fields(document))
