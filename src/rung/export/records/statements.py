"""in-toto statements (v1) of a version: how it was made (SLSA provenance v1), and what it was shown to do (our own form)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rung.export.records.base_words import base_name, package_purl
from rung.export.records.told import Told
from rung.json_form import as_json
from rung.registry.signed import Signed

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
# URIs of our own: they name a form, and lead nowhere.
VERDICT = "urn:x-rung:predicate:verdict:v1"
CLIMBED, IMPORTED = "urn:x-rung:build:climb:v1", "urn:x-rung:build:import:v1"
# Digests that no file has: of a list of files, and of a tree of rows.
LIST_DIGEST, ROOT_DIGEST = "xRungList", "xRungMerkleRoot"
CANDIDATE = "candidate.json"


def provenance(told: Told, home: str) -> dict[str, Any]:
    """What went in: task, base, data, packages, code. `home` is the fingerprint of the key that signs."""
    locked = told.document.lock if told.document else None
    asked: dict[str, Any] = {"rung": told.candidate.rung, "task": told.lock, "settings": dict(told.settings or {})}
    asked |= {"seed": locked.seed} if locked else {}
    asked |= {"cheaper": told.cheaper.name} if told.cheaper else {}
    asked |= {"claimed": told.claimed} if told.claimed else {}
    ran: dict[str, Any] = {"builder": {"id": f"urn:x-rung:home:{home}"}, "metadata": {"finishedOn": told.registered}}
    if told.receipt and told.receipt.rung_version:
        ran["builder"]["version"] = {"rung": told.receipt.rung_version}
    if told.climb:
        ran["metadata"]["invocationId"] = told.climb
    if told.document:
        ran["metadata"]["startedOn"] = told.document.started
    built = {
        "buildType": CLIMBED if told.climb else IMPORTED,
        "externalParameters": {key: value for key, value in asked.items() if value not in ("", None, {})},
        "internalParameters": {"hardware": dict(locked.hardware)} if locked else {},
        "resolvedDependencies": list(_went_in(told)),
    }
    return _statement(told, PROVENANCE, {"buildDefinition": built, "runDetails": ran})


def verdict(told: Told, signed: Signed[Any] | None) -> dict[str, Any]:
    """What is shown of it: the receipt, with its own signature; of what no gate has judged, that nothing is."""
    found: dict[str, Any] = {"status": told.status, "version": told.ref, "registered": told.registered}
    if signed is None:
        return _statement(told, VERDICT, found | {"claimed": told.claimed, "receipt": None})
    receipt = {
        "digest": signed.digest,
        "signer": signed.signer,
        "signature": signed.signature,
        "document": as_json(signed.document),
    }
    return _statement(told, VERDICT, found | {"receipt": receipt})


def _statement(told: Told, kind: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    return {"_type": STATEMENT, "subject": list(_subjects(told)), "predicateType": kind, "predicate": dict(predicate)}


def _subjects(told: Told) -> Iterator[dict[str, Any]]:
    """The Candidate, whose file's SHA-256 is its id, and every file that it names."""
    yield {"name": CANDIDATE, "digest": {"sha256": told.candidate.id}}
    for part in told.parts:
        yield {"name": f"{part.role}/{part.blob[:12]}/{part.name}", "digest": {"sha256": part.digest}}


def _went_in(told: Told) -> Iterator[dict[str, Any]]:
    base = base_name(told.candidate.base_reference)
    yield _resource(base.name, base.purl, {LIST_DIGEST: base.digest}, about="base")
    if told.candidate.template:
        yield _resource("chat template", "", {"sha256": told.candidate.template}, about="template")
    for split in told.splits:
        yield _resource(f"{split.name} rows", "", {ROOT_DIGEST: split.digest}, about="data")
    for name, version in told.packages.items():
        yield _resource(f"{name} {version}", package_purl(name, version), {}, about="package")
    if told.receipt and told.receipt.code:
        yield _resource("rung", "", {LIST_DIGEST: told.receipt.code}, about="code")


def _resource(name: str, uri: str, digest: Mapping[str, str], *, about: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "annotations": {"is": about}}
    found |= {"uri": uri} if uri else {}
    known = {key: value for key, value in digest.items() if value}
    return found | ({"digest": known} if known else {})
