"""`rung seen`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.cli.looking import Look
    from rung.promote.row_proofs import Proofs
    from rung.promote.seen import Seen, Sighting
    from rung.registry.home import Home

FOUND_BY = {
    "row": "it is the same row",
    "place": "it stood there then",
    "text": "it says the same, but for case, width and blanks",
    "source": "its rows are from there",
}


@click.command(epilog=example("rung seen --row messages.csv:17 --proof row-17.json"))
@click.option("--row", help="A row where it stands: FILE:LINE.")
@click.option("--text", help="A text: that a row says, or that a prompt or a document holds.")
@click.option("--source", help="A file, a folder or a package that rows or documents are from.")
@click.option(
    "--proof", type=click.Path(path_type=Path, dir_okay=False), help="Write here what proves it, signed, of each version."
)
@json_option
def command(row: str | None, text: str | None, source: str | None, proof: Path | None, as_json: bool) -> int:
    """Say which versions have seen a row, a text or a source: for whoever wants to be deleted.

    Told apart are rows that a version learnt from, was chosen by (dev) or judged by (test), and texts that its prompt shows or that
    it looks up. A version whose weights rest on those of another saw what that one learnt from. Of which versions nothing is known
    is said too.

    --proof writes, for each version whose rows are known, a proof that the row is among them, or that it is not, which `rung verify
    --proof` checks anywhere.

    Exits with 1 where a version has seen it, or of one nothing is known.
    """
    from rung.cli.looking import keep_what_is_at_hand, look_of
    from rung.promote.seen import look_for
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        look = look_of(home, row, text, source)
        kept = keep_what_is_at_hand(home)
        seen = look_for(home, look.wanted)
        proofs = _proofs(home, look, seen) if proof else None
        answers = home.answers.count([*_rows(seen), *(row.digest for row in look.examples)])
    if proof and proofs:
        _write(proof, proofs)
    if as_json:
        print_json({**_document(look, seen, kept, proofs), "answers_kept": answers})
    else:
        _show(look, seen, kept)
        if answers:
            show(f"Besides, this home keeps {answers:,} answers that were given to it, in evaluations and climbs.")
        if proof and proofs:
            show(f"Proofs of {len(proofs.proofs)} versions, which `rung verify --proof {proof}` checks: {proof}")
    return 1 if seen.sightings or seen.unknown else 0


def _proofs(home: Home, look: Look, seen: Seen) -> Proofs:
    """Of the row, for every version whose rows are known."""
    from rung.promote.promoting import version_of
    from rung.promote.row_proofs import prove_rows

    rows = {row.digest for row in look.examples} or _rows(seen)
    if len(rows) != 1:
        what = "no row is known whose digest could be proved" if not rows else f"these are {len(rows)} rows"
        raise UserError(f"{what}: a proof is of one", hint="Give --row FILE:LINE, of a line that a task file at hand reads.")
    (digest,) = rows
    said = next((row for row in look.examples if row.digest == digest), None)
    known = sorted({*seen.without, *(one.version for one in seen.sightings)} - {one.version for one in seen.unknown})
    return prove_rows(home, digest, [version_of(home, ref) for ref in known], said)


def _rows(seen: Seen) -> set[str]:
    return {digest for sighting in seen.sightings for digest in sighting.rows}


def _write(file: Path, proofs: Proofs) -> None:
    from rung.disk import write_whole
    from rung.json_form import as_json

    write_whole(file, json.dumps(as_json(proofs), indent=1) + "\n")


def _document(look: Look, seen: Seen, kept: list[str], proofs: Proofs | None) -> dict[str, Any]:
    return {
        "sightings": [asdict(one) for one in seen.sightings],
        "without": list(seen.without),
        "unknown": [asdict(one) for one in seen.unknown],
        "notes": list(look.notes),
        "kept_now": kept,
        "row": proofs.row if proofs else None,
    }


def _show(look: Look, seen: Seen, kept: list[str]) -> None:
    for lock in kept:
        show(f"Kept now, from its task file: the digests of the rows of the lock {lock[:12]}.")
    show(*look.notes)
    if seen.sightings:
        titles = ["version", "which", "found by", "rows", "where"]
        show(table(titles, [_cells(one) for one in seen.sightings], numbers=["rows"]))
    else:
        show("No version of which the rows are known has seen it.")
    if seen.without:
        show(f"Looked through, and not found: {', '.join(seen.without)}.")
    if seen.unknown:
        rows = [(one.version, "MISSING", f"{one.said}\nTo know it: {one.mend}") for one in seen.unknown]
        show(table(["version", "", "what is known"], rows))


def _cells(one: Sighting) -> tuple[Any, ...]:
    from rung.promote.seen import USES

    use = f"{USES[one.use]}: that of {one.through}" if one.through else USES[one.use]
    more = f", and {one.n - len(one.places):,} more" if one.n > len(one.places) else ""
    return one.version, use, FOUND_BY[one.match], f"{one.n:,}", f"{', '.join(one.places)}{more}"
