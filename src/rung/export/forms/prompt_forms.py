"""A Candidate's prompt in the forms of others, and back: nothing is taken for said that is not read back the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.admission.incoming import Incoming
from rung.admission.prompt_files import read_fields
from rung.engine.answer import compose
from rung.engine.demos import Pool
from rung.errors import UserError
from rung.export.parts import opening_messages
from rung.export.questions import questions
from rung.json_form import as_json, from_json
from rung.parts import SchemaConstraint
from rung.types import Candidate

if TYPE_CHECKING:
    from rung.export.subject import Subject

FORM = 1
WHOLE, MESSAGES, MLFLOW, POOL = "rung-prompt.json", "messages.json", "prompt.json", "demonstrations.jsonl"
# The place of what is asked, as templates of MLflow's write it.
ASKED = "{{ question }}"
# Fields of a Candidate that a whole prompt says.
_FIELDS = ("prompt", "demonstrations", "constraint", "calibration", "max_tokens")


def as_whole(subject: Subject) -> dict[str, Any]:
    """All that is said before and about the answer, by the Candidate's own fields; the demonstrations' rows are beside it."""
    told = as_json(subject.candidate)
    return {"form": FORM, "version": subject.ref} | {name: told[name] for name in _FIELDS}


def messages(subject: Subject) -> list[dict[str, Any]]:
    """OpenAI's messages before every question alike, and the question's place."""
    return [*opening_messages(subject.candidate, subject.blobs), {"role": "user", "content": ASKED}]


def as_mlflow(subject: Subject) -> tuple[dict[str, Any] | None, str]:
    """The fields of a prompt of MLflow's, and what they do not say; None, and why, where they would be read as another prompt."""
    candidate = subject.candidate
    fields: dict[str, Any] = {
        "name": subject.version.name,
        "version": subject.version.version,
        "template": messages(subject),
        "model_config": {"max_tokens": candidate.max_tokens},
        "tags": {"rung.version": subject.ref, "rung.candidate": candidate.id},
    }
    if isinstance(candidate.constraint, SchemaConstraint):
        fields["response_format"] = dict(candidate.constraint.schema)
    if problem := _otherwise(subject, fields):
        return None, problem
    return fields, _unsaid(candidate)


def _unsaid(candidate: Candidate) -> str:
    """What of it such a prompt has no field for."""
    shown, held = candidate.demonstrations, candidate.constraint
    found = [f"the {shown.k} demonstrations nearest to each question"] if shown and shown.k else []
    if held is not None and not isinstance(held, SchemaConstraint):
        found.append("that the answer is one of its choices" if held.kind == "choice" else "that the answer is calls of tools")
    return ", ".join([*found, *(["the calibration of its choices"] if candidate.calibration else [])])


def _otherwise(subject: Subject, fields: Mapping[str, Any]) -> str:
    """Why these fields would not be read back as they are meant; "" where they are."""
    try:
        read = read_fields(json.dumps(fields), MLFLOW, MLFLOW, is_json=True)
    except UserError as error:
        return error.problem
    return _apart(subject, read)


def _apart(subject: Subject, read: Incoming) -> str:
    """What of a prompt that was read is another than the Candidate's; "" where nothing is."""
    candidate = subject.candidate
    opening = opening_messages(candidate, subject.blobs)
    said = [{"role": "system", "content": read.prompt}] if read.prompt else []
    for turn in read.turns:
        said += [{"role": "user", "content": turn.user}, {"role": "assistant", "content": turn.assistant}]
    schema = candidate.constraint.schema if isinstance(candidate.constraint, SchemaConstraint) else None
    if said != opening:
        return "its messages would be read otherwise"
    if read.max_tokens != candidate.max_tokens:
        return "the longest answer would be read otherwise"
    return "" if read.schema == schema else "the form of the answer would be read otherwise"


def other_mlflow(subject: Subject, file: Path) -> tuple[int, str]:
    """1 and why where `rung import` reads the file as another prompt, else 0."""
    try:
        problem = _apart(subject, read_fields(file.read_text("ascii"), file.name, str(file), is_json=True))
    except UserError as error:
        problem = error.problem
    return (1, problem) if problem else (0, "")


def other_whole(subject: Subject, folder: Path) -> tuple[int, int]:
    """How many questions were put, and how many of them otherwise than by the Candidate, from the files alone."""
    said = json.loads((folder / WHOLE).read_text("ascii"))
    plain = {"rung": subject.candidate.rung, "base": subject.candidate.base}
    read = from_json(Candidate, plain | {name: said[name] for name in _FIELDS})
    meant = replace(read, template=subject.candidate.template)
    shown = subject.candidate.demonstrations
    pools = [Pool.read(subject.blobs.local(shown.pool)), Pool.read(folder / POOL)] if shown else [None, None]
    asked, _ = questions(subject)
    own = replace(subject.candidate, retrieval=None, tools=None, adapters=(), parent=None)
    pairs = [(compose(own, one, pools[0]), compose(meant, one, pools[1])) for one in asked]
    other = sum(as_json(first) != as_json(second) for first, second in pairs)
    return len(asked), other + (own != meant)
