"""The linear model for engines without rung: ONNX from raw text to probabilities, and a scikit-learn pipeline in a skops file."""

from __future__ import annotations

import json
from pathlib import Path

from rung.engine import linear
from rung.export.base import Agreement, version_in
from rung.export.forms.linear_files import MANIFEST, apart, manifest, write_field
from rung.export.parts import PARTS
from rung.export.subject import Subject
from rung.types import Candidate

EXTRA = "export"
READER = "onnxruntime"
CARRIES = PARTS
# Of probabilities: ONNX computes in single precision, scikit-learn in double.
LIMIT = 1e-4


def fits(candidate: Candidate) -> str:
    """It must be one."""
    return "" if candidate.base_reference.is_linear else "a language model answers, no linear model"


def write(subject: Subject, folder: Path) -> None:
    """`linear.json` says which file tells what; of each thing to tell an `.onnx` and a `.skops` file, with the words in it."""
    model = linear.load(subject.blobs.local(subject.candidate.base_reference.stored))
    (folder / MANIFEST).write_text(json.dumps(manifest(model), ensure_ascii=True, indent=1) + "\n", "ascii")
    for place, field in enumerate(model.fields):
        if len(field.classes) > 1:
            write_field(model, field, place, folder)


def check(subject: Subject, folder: Path) -> Agreement:
    """onnxruntime and scikit-learn, from raw texts: labels and probabilities."""
    found = apart(subject, folder)
    return Agreement(
        reader=", ".join(map(version_in, ("onnxruntime", "skops", "scikit-learn"))),
        measure="largest difference of a probability",
        value=found.value,
        limit=LIMIT,
        rows=found.rows,
        about=found.about,
    )


def notes(subject: Subject) -> list[str]:
    """What is not quite the same elsewhere."""
    return [
        "The ONNX files find a capital sigma's small letter by the characters beside it; Python looks behind marks (Α.Σ.Α).",
        "They want onnxruntime with its own operators (com.microsoft), and the question as one text: what the user said, in all "
        "turns, a line end between them.",
    ]
