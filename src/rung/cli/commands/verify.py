"""`rung verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.promote.proofs import Hands
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Progress


@click.command(epilog=example("rung verify tone@champion --replay 20"))
@click.argument("name", required=False)
@click.option(
    "--replay", type=click.IntRange(min=0), default=3, show_default=True, help="Answers of each version to ask for again."
)
@click.option("--proof", type=click.Path(path_type=Path, dir_okay=False), help="Check what `rung seen --proof` wrote, and no more.")
@click.option("--key", "keys", multiple=True, help="With --proof: the fingerprint of a verifier that you trust, of another home.")
@json_option
def command(name: str | None, replay: int, proof: Path | None, keys: tuple[str, ...], as_json: bool) -> int:
    """Check that what is registered is what was judged, and that the history is as it was written.

    Hashes files again, follows the audit's chain to its signed heads, and checks every receipt and approval. For each link that
    leads to a version (base, data, recipe, code, evaluation) it says whether it is PROVED: computed again, and the same; CLAIMED:
    written down, and not to be computed here; or MISSING.

    NAME is a name (all its versions), name@version or name@alias; without it everything is checked.

    --proof checks a proof of a row by itself: neither the home that made it nor a network is needed. It must be signed by a
    verifier that this home knows, or that --key names.

    Exits with 1 where something is BROKEN, and names it.
    """
    from rung.cli.proof_file import check_file
    from rung.registry.home import open_home

    if proof is not None:
        return check_file(proof, name, keys, as_json=as_json)
    if keys:
        raise UserError("--key is for --proof", hint="rung verify --proof FILE --key FINGERPRINT")
    with open_home() as home, watching() as progress:
        versions = _versions(home, name)
        document = _checked(home, versions, name, _hands(home, replay), progress)
    if as_json:
        print_json(document)
    else:
        _show(document)
    return 0 if document["holds"] else 1


def _versions(home: Home, name: str | None) -> list[Version]:
    from rung.promote.promoting import version_of

    if name is None:
        return home.names.all()
    return [version_of(home, name)] if "@" in name else home.names.of(name=version_of(home, name).name)


def _hands(home: Home, replay: int) -> Hands:
    from rung.climb.at_hand import tasks_at_hand
    from rung.engine.runtime import open_runtime
    from rung.promote.proofs import Hands

    return Hands(
        load=tasks_at_hand(home),
        runtime=lambda task: open_runtime(home.path, home.blobs, prices=task.prices or None),
        replay=replay,
    )


def _checked(home: Home, versions: list[Version], name: str | None, hands: Hands, progress: Progress) -> dict[str, Any]:
    from rung.promote.blobs import Hashing
    from rung.promote.proofs import proofs
    from rung.promote.standing import lapsed, resting_on_nothing

    hashing = Hashing(home)
    with progress.stage("The audit"):
        broken = [*home.integrity.faults(), *_unsigned(home)]
    with progress.stage("Files") as stage:
        broken += hashing.of(versions, stage)
        broken += hashing.others() if name is None else []
    shown = []
    with progress.stage("What is proved", len(versions)) as stage:
        for version in versions:
            links = proofs(home, version, hands, hashing)
            broken += [f"{version.ref}, {link.name}: {link.said}" for link in links if link.status == "BROKEN"]
            shown.append({"version": version.ref, "candidate": version.candidate, "links": [asdict(link) for link in links]})
            stage.advance(1)
    broken += [fault for fault in resting_on_nothing(home) if name is None or fault.startswith(f"{name.partition('@')[0]}@")]
    head = home.audit.published()
    return {
        "holds": not broken,
        "broken": list(dict.fromkeys(broken)),
        "versions": shown,
        "remarks": [*home.integrity.remarks(), *lapsed(home)],
        "head": asdict(head) if head else None,
    }


def _unsigned(home: Home) -> list[str]:
    """Receipts and approvals that are not what was signed."""
    found = [*home.receipts.unreadable(), *home.approvals.unreadable()]
    found += [fault for receipt in home.receipts.all() for fault in receipt.faults]
    return found + [fault for approval in home.approvals.all() for fault in approval.faults]


def _found(link: dict[str, Any]) -> str:
    """What was found, and what would make it PROVED where it is not."""
    return f"{link['said']}\nTo prove it: {link['mend']}" if link["mend"] else str(link["said"])


def _show(document: dict[str, Any]) -> None:
    rows = [
        (version["version"], link["name"], link["status"], _found(link))
        for version in document["versions"]
        for link in version["links"]
    ]
    if rows:
        show(table(["version", "link", "", "what was found"], rows))
    else:
        show("Nothing is registered yet.")
    if document["broken"]:
        show("BROKEN", *[f"  {fault}" for fault in document["broken"]])
    else:
        head = document["head"]
        lines = f"{head['lines']:,} lines, head {head['digest'][:16]}" if head else "no line of it is signed yet"
        show(f"Nothing is broken. The audit has {lines}.")
    for remark in document["remarks"]:
        show(f"Remark: {remark}.")
