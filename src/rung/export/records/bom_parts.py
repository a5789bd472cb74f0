"""The parts of a CycloneDX bill of materials (schema 1.6). What the record does not say is left out, and said to be unknown."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rung import __version__
from rung.escapes import visible
from rung.export.records.base_words import base_name, package_purl
from rung.export.records.card_text import missing
from rung.export.records.told import Split, Told
from rung.json_form import canonical_json
from rung.report.facts import bar_words
from rung.types import Bar, Verdict

SPEC = "1.6"
_BASE = "base"


def document(told: Told) -> dict[str, Any]:
    """The whole bill."""
    components = [_base(told), *_files(told), *_data(told), *_packages(told)]
    bill: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "timestamp": _moment(told.registered),
            "tools": {"components": [{"type": "application", "name": "rung", "version": __version__}]},
            "component": _model(told),
        },
        "components": components,
        "dependencies": [
            {"ref": _ref(told), "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
        "compositions": _compositions(told, components),
    }
    # The same record gives the same number, and another record another: it is a name made of all that the bill says.
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, canonical_json(bill))}"
    return bill


def _ref(told: Told) -> str:
    return f"candidate:{told.candidate.id}"


def _model(told: Told) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": _ref(told),
        "name": told.name,
        "version": str(told.version),
        "description": visible(told.sentence),
        # The SHA-256 of the Candidate's canonical JSON, which names every other file by digest.
        "hashes": [_hash(told.candidate.id)],
        "modelCard": _card(told),
        "properties": _properties(_about(told)),
    }


def _about(told: Told) -> Iterator[tuple[str, Any]]:
    candidate, receipt = told.candidate, told.receipt
    yield "status", told.status
    yield "rung", candidate.rung
    yield "template", candidate.template
    yield "prompt", candidate.prompt
    yield "max_tokens", candidate.max_tokens
    yield "constraint", candidate.constraint.kind if candidate.constraint else ""
    yield "demonstrations", candidate.demonstrations.total if candidate.demonstrations else ""
    yield "retrieval", candidate.retrieval.mode if candidate.retrieval else ""
    for tool in candidate.tools.toolset.tools if candidate.tools else ():
        yield "tool", f"{tool.name} ({tool.consequence})"
    if receipt:
        yield "receipt", told.receipt_digest
        yield "receipt:signer", told.signed_by[0]
        yield "receipt:level", receipt.level
        yield "task", receipt.task
        yield "consequence", receipt.consequence
        yield "maker", receipt.maker
        yield "code", receipt.code
    for said in missing(told):
        yield "unknown", said


def _card(told: Told) -> dict[str, Any]:
    text = [{"format": "text"}]
    parameters: dict[str, Any] = {"task": told.kind, "inputs": text, "outputs": text}
    parameters |= _learning(told)
    if told.splits:
        parameters["datasets"] = [{"ref": _split_ref(split)} for split in told.splits]
    card: dict[str, Any] = {"modelParameters": parameters}
    metrics = [_metric(bar, verdict) for bar, verdict in told.judged]
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    card["considerations"] = _considerations(told)
    return card


def _learning(told: Told) -> dict[str, Any]:
    """How it learns, where that is certain: weights of its own come from rows with targets."""
    if told.candidate.base_reference.is_linear:
        return {"approach": {"type": "supervised"}, "architectureFamily": "linear model"}
    return {"architectureFamily": "language model"}


def _metric(bar: Bar | None, verdict: Verdict) -> dict[str, Any]:
    words = f"{verdict.name}: {bar_words(bar)}, by {bar.scorer}" if bar else verdict.name
    found: dict[str, Any] = {"type": visible(f"{words}; {verdict.status} on {verdict.n} rows, alpha {verdict.alpha:g}")}
    if verdict.estimate is not None:
        found["value"] = repr(verdict.estimate)
    if bar and bar.where:
        found["slice"] = visible(json.dumps(dict(bar.where), sort_keys=True))
    ends = {"lowerBound": verdict.lower, "upperBound": verdict.upper}
    if bounds := {name: repr(value) for name, value in ends.items() if value is not None}:
        found["confidenceInterval"] = bounds
    return found


def _considerations(told: Told) -> dict[str, Any]:
    locked = told.document.task if told.document else None
    limits = ["What was shown holds for questions like those of the locked rows, and for no others."] if told.receipt else []
    limits += [visible(remark) for remark in (told.winner.remarks if told.winner else ())]
    limits += [f"Not known: {said}" for said in missing(told)]
    found: dict[str, Any] = {"technicalLimitations": limits}
    if locked and locked.instruction:
        found["useCases"] = [visible(locked.instruction)]
    return found


def _base(told: Told) -> dict[str, Any]:
    base = base_name(told.candidate.base_reference)
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": f"{_BASE}:{base.digest or base.name}", "name": base.name}
    if base.version:
        found["version"] = base.version
    if base.purl:
        found["purl"] = base.purl
    # No hash: the digest is of a list of files, and no file has it.
    return found | {"description": base.said, "properties": _properties([("digest", base.digest)])}


def _files(told: Told) -> Iterator[dict[str, Any]]:
    for part in told.parts:
        yield {
            "type": "data" if part.role in ("demonstrations", "index") else "file",
            "bom-ref": f"file:{part.blob}/{part.name}",
            "name": part.name,
            "hashes": [_hash(part.digest)],
            "properties": _properties([("role", part.role), ("blob", part.blob), ("bytes", part.size_bytes)]),
        }


def _data(told: Told) -> Iterator[dict[str, Any]]:
    name = told.task.name if told.task else told.name
    for split in told.splits:
        rows = f"{split.rows:,} rows" if split.rows is not None else "how many rows is not known"
        yield {
            "type": "data",
            "bom-ref": _split_ref(split),
            "name": f"{name}, {split.name}",
            "data": [{"type": "dataset", "name": split.name, "description": f"{rows}; the rows are not part of this bill"}],
            "properties": _properties([("merkle-root", split.digest), ("rows", split.rows)]),
        }


def _packages(told: Told) -> Iterator[dict[str, Any]]:
    for name, version in told.packages.items():
        purl = package_purl(name, version)
        found = {"type": "library", "bom-ref": f"package:{name}@{version}", "name": name, "version": version}
        yield found | ({"purl": purl} if purl else {})


def _compositions(told: Told, components: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What is known in full and what is not: the record lists every file of the Candidate, and not what its base is made of."""
    own = [one["bom-ref"] for one in components if one["bom-ref"].startswith("file:")]
    unknown = [one["bom-ref"] for one in components if one["bom-ref"].startswith(f"{_BASE}:")]
    whole = [{"aggregate": "complete", "assemblies": own}] if own else []
    return [*whole, {"aggregate": "unknown", "assemblies": unknown}]


def _split_ref(split: Split) -> str:
    return f"data:{split.name}:{split.digest}"


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _properties(pairs: Iterator[tuple[str, Any]] | Sequence[tuple[str, Any]]) -> list[dict[str, str]]:
    return [{"name": f"rung:{name}", "value": visible(str(value))} for name, value in pairs if value not in ("", None)]


def _moment(moment: str) -> str:
    """As RFC 3339 writes it."""
    when = datetime.fromisoformat(moment)
    return moment if when.tzinfo else when.replace(tzinfo=UTC).isoformat()
