"""A CycloneDX bill of materials for machine learning (1.6): the version, its files, base, data and packages, and its model card."""

from __future__ import annotations

import json
from pathlib import Path

from rung.export.base import Agreement, version_in
from rung.export.parts import PARTS
from rung.export.records.bom_parts import SPEC, document
from rung.export.records.told import told
from rung.export.subject import Subject
from rung.types import Candidate

EXTRA = "export"
READER = "cyclonedx"
CARRIES = PARTS
FILE = "bom.cdx.json"


def fits(candidate: Candidate) -> str:
    """Whatever it is made of."""
    return ""


def write(subject: Subject, folder: Path) -> None:
    """`bom.cdx.json`. Its serial number is made of what it says, and its moment is that of the registration."""
    text = json.dumps(document(told(subject)), ensure_ascii=True, indent=2)
    (folder / FILE).write_text(text + "\n", "ascii")


def check(subject: Subject, folder: Path) -> Agreement:
    """The strict validator of CycloneDX's own schema, which the package brings: nothing is fetched."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (folder / FILE).read_text("ascii")
    validator = JsonStrictValidator(SchemaVersion.from_version(SPEC))
    faults = [str(fault.data.message) for fault in validator.validate_str(text, all_errors=True) or ()]
    components = json.loads(text)["components"]
    return Agreement(
        reader=version_in("cyclonedx-python-lib"),
        measure=f"violations of the schema of CycloneDX {SPEC}",
        value=len(faults),
        limit=0,
        rows=1 + len(components),
        about="; ".join(fault[:200] for fault in faults[:3]),
    )


def notes(subject: Subject) -> list[str]:
    """What such a bill has no place for."""
    return [
        "CycloneDX has no field for a chat template, a prompt or a chance of being wrong: they stand among its properties.",
        "Licences are not in the record, and so not in the bill.",
    ]
