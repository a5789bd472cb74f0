"""Proofs of what a version's rows are and are not, for whoever does not have the home: each is a statement that the home's verifier
signed, and the way from one row to it.

    version -> roots of its rows   the receipt; or, where it has none, the line of the audit that registered it
    roots -> salted roots          the line of the audit that was written when the task was locked
    row -> salted root             a leaf and the hashes beside its way; of a row that is not there, the leaves beside its place

What a proof is of is the row's digest. The row itself stands in it only where whoever asked gave it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.errors import RungError, UserError
from rung.json_form import Misfit, as_json, digest, from_json
from rung.merkle import Leaf, is_in
from rung.registry.chain import Line
from rung.registry.heads import HEAD, Head
from rung.registry.keys import Identity
from rung.registry.locks import LOCKED, Tree
from rung.registry.names import REGISTERED
from rung.registry.receipts import RECEIPTS
from rung.types import Example

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.locks import KeptLock
    from rung.registry.names import Version

FORM = 1
_REF = re.compile(r".+@[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A document that a verifier signed: a receipt (`domain` receipt), or a line of the audit under its head (`domain` head)."""

    domain: str
    document: Mapping[str, Any]
    signer: str
    signature: str
    line: Line | None = None


@dataclass(frozen=True, kw_only=True)
class RowProof:
    """Of one row (a digest) and one version: `leaves` by split, of those that the row is in, or of all where it is in none."""

    version: str
    row: str
    version_said: Statement
    rows_said: Statement
    leaves: Mapping[str, tuple[Leaf, ...]]


@dataclass(frozen=True, kw_only=True)
class Proofs:
    """All that a proof file holds. `keys` are the public keys that signed, by fingerprint; `said` is the row, where it is known:
    what its digest is of."""

    form: int
    row: str
    proofs: tuple[RowProof, ...]
    keys: Mapping[str, str]
    said: tuple[Any, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a proof shows of a version: the splits that the row is in, and those that it is not in; signed by which key."""

    version: str
    row: str
    within: tuple[str, ...]
    without: tuple[str, ...]
    signers: tuple[str, ...]


def prove_rows(home: Home, row: str, versions: Sequence[Version], example: Example | None = None) -> Proofs:
    """The proofs of a row (a digest) for these versions; `example` is the row, where it is at hand.

    Raises UserError for a version of which no signed statement says what its rows are.
    """
    said = _digested(example) if example else []
    proofs = tuple(_proved(home, row, version) for version in versions)
    signers = {statement.signer for proof in proofs for statement in (proof.version_said, proof.rows_said)}
    keys = {one.fingerprint: one.public for one in home.keys.all() if one.fingerprint in signers}
    return Proofs(form=FORM, row=row, proofs=proofs, keys=keys, said=tuple(said) if digest(said) == row else None)


def _digested(example: Example) -> list[Any]:
    """What a row's digest is of."""
    judged_by = [] if example.judged_by is None else [dict(example.judged_by)]
    return [list(example.messages), example.target, list(example.tools), *judged_by]


def _proved(home: Home, row: str, version: Version) -> RowProof:
    record = home.locks.record(version.evidence.task) if version.evidence.task else None
    if record is None:
        raise UserError(f"nothing is kept of the rows of {version.ref}", hint="`rung seen` says what would make them known.")
    try:
        kept = home.locks.get(record)
    except RungError as error:
        raise UserError(f"nothing can be proved of {version.ref}: {error.problem}", where=error.where, hint=error.hint) from None
    return RowProof(
        version=version.ref,
        row=row,
        version_said=_of_version(home, version),
        rows_said=_line(home, record.task, LOCKED),
        leaves=_leaves(kept, row),
    )


def _leaves(kept: KeptLock, row: str) -> dict[str, tuple[Leaf, ...]]:
    """Of the splits that a row is in, so that nothing is told of other rows; of all, where it is in none."""
    within = {split: kept.salted(split).prove(row) for split in kept.trees if row in kept.of(split)}
    return within or {split: kept.salted(split).prove(row) for split in kept.trees}


def _of_version(home: Home, version: Version) -> Statement:
    for receipt in reversed(home.receipts.of(version.name, version.version)):
        if receipt.holds and receipt.document.ref == version.ref:
            body = as_json(receipt.document)
            return Statement(domain=RECEIPTS.domain, document=body, signer=receipt.signer, signature=receipt.signature)
    return _line(home, version.ref, REGISTERED)


def _line(home: Home, subject: str, kind: str) -> Statement:
    """A line of the audit with the head that was signed for it."""
    line = next((line for line in home.audit.lines(subject) if line.kind == kind), None)
    head = next((head for head in home.audit.heads() if line and head.lines == line.number), None)
    if line is None or head is None:
        raise UserError(f"no signed line of the audit says what {subject[:20]} is", hint="It is of before there was an audit.")
    return Statement(domain=HEAD, document=head.document, signer=head.signer, signature=head.signature, line=line)


def read_proofs(document: Any) -> Proofs:
    """What `as_json` made of proofs. Raises UserError for anything else."""
    try:
        proofs = from_json(Proofs, document)
    except (Misfit, TypeError) as error:
        raise UserError(
            f"this is no proof of rows ({error})", hint="`rung seen --row FILE:LINE --proof FILE` writes one."
        ) from None
    if proofs.form != FORM:
        raise UserError(f"this proof has form {proofs.form}, this version of rung reads form {FORM}", hint="Upgrade rung.")
    return proofs


def check(proofs: Proofs) -> list[Shown]:
    """What proofs show by themselves. Raises UserError, naming the first thing, where one does not hold."""
    if proofs.said is not None and digest(list(proofs.said)) != proofs.row:
        raise UserError("the proof does not hold: the row that it gives has another digest than the one it is of")
    if not proofs.proofs:
        raise UserError("the proof is of no version")
    return [_shown(proof, proofs) for proof in proofs.proofs]


def _shown(proof: RowProof, proofs: Proofs) -> Shown:
    def refuse(why: str) -> UserError:
        return UserError(
            f"the proof of {proof.version} does not hold: {why}", hint="It was changed, or made wrongly: ask for another."
        )

    if proof.row != proofs.row or not _REF.fullmatch(proof.version):
        raise refuse("it is of another row")
    for statement in (proof.version_said, proof.rows_said):
        if why := _unsigned(statement, proofs.keys):
            raise refuse(why)
    task, data = _version_says(proof)
    trees = _rows_say(proof, task)
    if (
        trees is None
        or (data and {split: tree.data for split, tree in trees.items()} != data)
        or not set(proof.leaves) <= set(trees)
    ):
        raise refuse("the rows of which it tells are not those of the version")
    within = []
    for split, leaves in proof.leaves.items():
        try:
            if is_in(proof.row, leaves, trees[split].root, trees[split].n):
                within.append(split)
        except ValueError as error:
            raise refuse(f"{split}: {error}") from None
    if not within and set(proof.leaves) != set(trees):
        raise refuse("it does not say of every split that the row is not in it")
    return Shown(
        version=proof.version,
        row=proof.row,
        within=tuple(within),
        without=tuple(split for split in proof.leaves if split not in within),
        signers=tuple(dict.fromkeys((proof.version_said.signer, proof.rows_said.signer))),
    )


def _unsigned(statement: Statement, keys: Mapping[str, str]) -> str:
    """Why a statement is not signed by the key that it names, or ""."""
    signer = Identity(name="", kind="verifier", fingerprint=statement.signer, public=keys.get(statement.signer, ""))
    if signer.computed != statement.signer:
        return f"the key {statement.signer[:16]} is not in it"
    if statement.domain not in (RECEIPTS.domain, HEAD) or (statement.domain == HEAD) != (statement.line is not None):
        return "it rests on nothing that a verifier signs"
    if not signer.signed(statement.domain, dict(statement.document), statement.signature):
        return f"what {statement.signer[:16]} is said to have signed was changed"
    line = statement.line
    if line is not None and (line.computed != line.digest or dict(statement.document) != _headed(line)):
        return "the line of the audit is not the one under the signed head"
    return ""


def _headed(line: Line) -> dict[str, Any]:
    """What the head that follows on a line signs."""
    return Head(lines=line.number, digest=line.digest, signer="", signature="").document


def _version_says(proof: RowProof) -> tuple[str, dict[str, str]]:
    """The task and the roots of the version's rows, as they were signed; nothing where the statement is of another version."""
    said, line = proof.version_said.document, proof.version_said.line
    if line is not None:
        said = line.payload if (line.kind, line.subject) == (REGISTERED, proof.version) else {}
        evidence = said.get("evidence", {})
        return str(evidence.get("task", "")), dict(evidence.get("data", {}))
    if f"{said.get('name')}@{said.get('version')}" != proof.version:
        return "", {}
    return str(said.get("task", "")), dict(said.get("data", {}))


def _rows_say(proof: RowProof, task: str) -> dict[str, Tree] | None:
    """The roots that were signed for a task's rows; None where the statement is of another."""
    line = proof.rows_said.line
    if line is None or not task or (line.kind, line.subject) != (LOCKED, task):
        return None
    try:
        return {split: from_json(Tree, tree) for split, tree in line.payload["trees"].items()}
    except (Misfit, KeyError, AttributeError):
        return None
