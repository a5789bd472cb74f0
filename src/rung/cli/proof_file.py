"""`rung verify --proof FILE`: what a proof of a row shows, and whether whoever signed it is known here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.cli.output import print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.promote.row_proofs import Proofs, Shown

FINGERPRINT = 64


def check_file(file: Path, version: str | None, keys: Sequence[str], *, as_json: bool) -> int:
    """Checks a proof file and says what it shows; returns the exit code: 1 where its signer is not known."""
    from rung.promote.row_proofs import check, read_proofs

    trusted = _trusted(keys)
    proofs = read_proofs(_read(file))
    shown = [one for one in check(proofs) if version in (None, one.version)]
    if not shown:
        raise UserError(f"the proof is not of {version}", where=str(file), hint=f"It is of {_of(proofs)}.")
    unknown = sorted({signer for one in shown for signer in one.signers} - trusted)
    if as_json:
        print_json({"holds": not unknown, "row": proofs.row, "unknown_keys": unknown, "versions": [asdict(one) for one in shown]})
    else:
        _show(proofs, shown, unknown)
    return 1 if unknown else 0


def _trusted(keys: Sequence[str]) -> set[str]:
    """The verifiers that this home knows, and those that are named."""
    from rung.registry.home import open_home

    for key in keys:
        if len(key) != FINGERPRINT or not set(key) <= set("0123456789abcdef"):
            raise UserError(
                f"'{key[:20]}' is no fingerprint", hint="`rung keys --json` of the home that made the proof shows it whole."
            )
    with open_home() as home:
        return {one.fingerprint for one in home.keys.all() if one.kind == "verifier"} | set(keys)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(file)) from error
    except ValueError as error:
        raise UserError(f"is not JSON: {error}", where=str(file)) from error


def _of(proofs: Proofs) -> str:
    return ", ".join(proof.version for proof in proofs.proofs)


def _show(proofs: Proofs, shown: Sequence[Shown], unknown: Sequence[str]) -> None:
    show(f"The row {proofs.row}")
    if proofs.said is None:
        show("(by its digest alone: the proof does not say what the row is)")
    rows = [(one.version, ", ".join(one.within) or None, ", ".join(one.without) or None) for one in shown]
    show(table(["version", "is among", "is not among"], rows))
    if not unknown:
        show("PROVED: the way from the row to what the verifier signed holds.")
        return
    show(
        f"CLAIMED: it holds by itself, and is signed by {', '.join(unknown)}, whom this home does not know.",
        "Have the fingerprint told to you by whoever made the proof, and give it: --key FINGERPRINT.",
    )
