"""in-toto statements, signed as DSSE envelopes by the home's key: how it was made (SLSA provenance), what it was shown to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.export.base import Agreement, version_in
from rung.export.parts import PARTS
from rung.export.records.statements import CANDIDATE, PROVENANCE, provenance, verdict
from rung.export.records.told import file_bytes, told
from rung.export.subject import Subject
from rung.json_form import as_json, canonical_json
from rung.registry.dsse import envelope, opened, public_identity, public_pem
from rung.types import Candidate

EXTRA = "export"
READER = "in_toto_attestation"
CARRIES = PARTS
KIND = "application/vnd.in-toto+json"
ENVELOPES = ("provenance.intoto.json", "verdict.intoto.json")
KEY = "verifier.pem"


def fits(candidate: Candidate) -> str:
    """Whatever it is made of."""
    return ""


def write(subject: Subject, folder: Path) -> None:
    """Both envelopes, the Candidate that they are of, and the public key that they are signed by."""
    known, signer = told(subject), subject.home.keys.verifier()
    signed = next((one for one in subject.receipts if one.digest == known.receipt_digest), None)
    statements = (provenance(known, signer.identity.fingerprint), verdict(known, signed))
    for name, statement in zip(ENVELOPES, statements, strict=True):
        payload = file_bytes(canonical_json(statement))
        (folder / name).write_text(json.dumps(envelope(signer, KIND, payload), indent=1) + "\n", "ascii")
    (folder / CANDIDATE).write_bytes(file_bytes(canonical_json(as_json(subject.candidate))))
    (folder / KEY).write_bytes(public_pem(signer.identity))


def check(subject: Subject, folder: Path) -> Agreement:
    """Opens both by the key beside them, reads them by in-toto's own classes, and hashes what they are of again."""
    faults = [fault for name in ENVELOPES for fault in _faults(subject, folder, name)]
    return Agreement(
        reader=version_in("in-toto-attestation"),
        measure="faults of signature, form and subjects",
        value=len(faults),
        limit=0,
        rows=len(ENVELOPES),
        about="; ".join(faults[:3]),
    )


def notes(subject: Subject) -> list[str]:
    """What such a statement is, and is not."""
    found = ["Whoever checks it needs the home's public key from a place that they trust: the one beside it proves nothing."]
    if subject.receipt is None:
        found.append("No gate has judged this version: the statement says CLAIMED, and no more.")
    return found


def _faults(subject: Subject, folder: Path, name: str) -> Iterator[str]:
    key = public_identity((folder / KEY).read_text("ascii"))
    if key.fingerprint not in subject.home.keys.by_fingerprint():
        yield f"{KEY} is no key of this home"
    try:
        statement = json.loads(opened(json.loads((folder / name).read_text("ascii")), KIND, [key]))
    except (UserError, ValueError) as error:
        yield f"{name}: {error}"
        return
    if problem := _misread(statement):
        yield f"{name}: {problem}"
    digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    files = {part.digest for part in told(subject).parts} | {sha256((folder / CANDIDATE).read_bytes()).hexdigest()}
    if set(digests.values()) != files or digests[CANDIDATE] != subject.candidate.id:
        yield f"{name}: it is of other files"


def _misread(statement: dict[str, Any]) -> str:
    """What in-toto's own classes do not take, or take for something else; "" where they read it whole."""
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    try:
        read = json_format.ParseDict(statement, statement_pb2.Statement())
        Statement.copy_from_pb(read).validate()
        if statement["predicateType"] == PROVENANCE:
            json_format.ParseDict(statement["predicate"], provenance_pb2.Provenance())
    except (json_format.ParseError, ValueError) as error:
        return str(error)
    again = json_format.MessageToDict(read)
    return "" if [one["digest"] for one in again["subject"]] == [one["digest"] for one in statement["subject"]] else "other digests"
