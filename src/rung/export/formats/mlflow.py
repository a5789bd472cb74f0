"""An MLflow model (python_function) that answers through rung: the Candidate with its files, without a pickle and without code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rung import __version__
from rung.engine.answer import answer
from rung.export import pyfunc
from rung.export.base import Agreement, version_in
from rung.export.parts import PARTS
from rung.export.records.base_words import base_name
from rung.export.records.mlflow_files import DATA, QUIET, texts_to_ask, written
from rung.export.records.told import told
from rung.export.subject import Subject
from rung.types import Candidate, Example

EXTRA = "mlflow"
READER = "mlflow"
CARRIES = PARTS


def fits(candidate: Candidate) -> str:
    """Whatever rung answers with."""
    return ""


def write(subject: Subject, folder: Path) -> None:
    """`MLmodel`, what is to be installed, and `data/`."""
    pyfunc.write_data(subject.candidate, subject.blobs, folder / DATA)
    for name, text in written(told(subject)).items():
        (folder / name).write_text(text, "utf-8")


def check(subject: Subject, folder: Path) -> Agreement:
    """`mlflow.pyfunc.load_model`, asked what the Candidate is asked. Who answers over HTTP, for money, is not asked."""
    os.environ |= QUIET
    import mlflow
    import pandas

    loaded: Any = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    texts, about = texts_to_ask(subject)
    if subject.candidate.base_reference.is_server:
        about, other = "its server was not asked", 0
    else:
        rows = [Example(id=str(place), messages=({"role": "user", "content": text},)) for place, text in enumerate(texts)]
        meant = [one.text for one in answer(subject.candidate, rows, subject.runtime)]
        said = list(loaded.predict(pandas.DataFrame({pyfunc.QUESTION: texts})))
        other = sum(one != two for one, two in zip(meant, said, strict=True))
    other += loaded._model_impl.candidate != subject.candidate
    return Agreement(
        reader=version_in("mlflow-skinny"), measure="answers that differ", value=other, limit=0, rows=len(texts), about=about
    )


def notes(subject: Subject) -> list[str]:
    """What whoever serves it needs."""
    base = base_name(subject.candidate.base_reference)
    found = [f"rung {__version__} answers, and has to be installed where the model is served (requirements.txt)."]
    if not subject.candidate.base_reference.stored:
        found.append(f"Its base is not in it: {base.said}. It is fetched or found at the first question, and must have its digest.")
    return found


def publish(subject: Subject, folder: Path, where: str) -> str:
    """Keeps the folder in MLflow's own store: a run, and the next version of a registered model."""
    from rung.export.records import tracking

    return tracking.publish(told(subject), folder, where)
