"""The prompt: system message, demonstrations and form of the answer as JSON, as OpenAI's messages, and as a prompt of MLflow's."""

from __future__ import annotations

import json
from pathlib import Path

from rung import __version__
from rung.export.base import Agreement
from rung.export.forms.prompt_forms import MESSAGES, MLFLOW, POOL, WHOLE, as_mlflow, as_whole, messages, other_mlflow, other_whole
from rung.export.subject import Subject
from rung.types import Candidate

EXTRA = ""
READER = ""
CARRIES = frozenset({"prompt", "demonstrations", "constraint", "calibration", "max_tokens"})


def fits(candidate: Candidate) -> str:
    """Something must be said before the question."""
    if candidate.base_reference.is_linear:
        return "a linear model is asked without a prompt"
    if candidate.prompt or candidate.demonstrations or candidate.constraint:
        return ""
    return "it has no prompt, no demonstrations and no form that answers are held to"


def write(subject: Subject, folder: Path) -> None:
    """`rung-prompt.json` says all of it, `messages.json` what stands before every question; `prompt.json` is for MLflow."""
    candidate = subject.candidate
    _put(folder / WHOLE, as_whole(subject))
    _put(folder / MESSAGES, messages(subject))
    if candidate.demonstrations:
        with subject.blobs.open(candidate.demonstrations.pool) as stream:
            (folder / POOL).write_bytes(stream.read())
    found, _ = as_mlflow(subject)
    if found is not None:
        _put(folder / MLFLOW, found)


def check(subject: Subject, folder: Path) -> Agreement:
    """Both files read again: the whole one by what it says, MLflow's by `rung import`; each question is put as it was put."""
    asked, other = other_whole(subject, folder)
    about = ""
    if (folder / MLFLOW).is_file():
        more, problem = other_mlflow(subject, folder / MLFLOW)
        other += more
        about = f"{MLFLOW}: {problem}" if problem else f"{MLFLOW} is read by rung import"
    return Agreement(
        reader=f"rung import {__version__}",
        measure="questions that are put otherwise",
        value=other,
        limit=0,
        rows=asked,
        about=about,
    )


def notes(subject: Subject) -> list[str]:
    """What the plainer files of it cannot say."""
    shown = subject.candidate.demonstrations
    found, problem = as_mlflow(subject)
    lines = [f"There is no {MLFLOW}: {problem}."] if found is None else []
    if shown and shown.k:
        nearest = f"the {shown.k} demonstrations nearest to each question are in {POOL}, to be looked up by whoever asks"
        lines.append(f"{MESSAGES} holds what stands before every question alike; {nearest}.")
    if found is not None and problem:
        lines.append(f"{MLFLOW} does not say {problem}.")
    return lines


def _put(file: Path, value: object) -> None:
    """In ASCII, so that no text is told otherwise by a reader of another encoding."""
    file.write_text(json.dumps(value, ensure_ascii=True, indent=1) + "\n", "ascii")
