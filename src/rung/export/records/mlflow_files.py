"""The files beside an MLflow model's data, written without MLflow: they are few, and say the same for the same record."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rung import __version__
from rung.export.pyfunc import QUESTION
from rung.export.questions import ODD, questions
from rung.export.records.told import Told

if TYPE_CHECKING:
    from rung.export.subject import Subject

LOADER = "rung.export.pyfunc"
MODEL, DATA = "MLmodel", "data"
REQUIREMENTS, CONDA, PYTHON = "requirements.txt", "conda.yaml", "python_env.yaml"
# MLflow tells its makers of its use unless it is told not to.
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
# Questions that a language model is asked twice, and a linear one.
ROWS = 4


def written(told: Told) -> Mapping[str, str]:
    """Each file's text, by its name."""
    needs = [f"rung=={__version__}"]
    python = platform.python_version()
    conda = {"name": "rung", "channels": ["conda-forge"], "dependencies": [f"python={python}", "pip", {"pip": needs}]}
    return {
        MODEL: _yaml(_model(told, python)),
        REQUIREMENTS: "".join(f"{one}\n" for one in needs),
        CONDA: _yaml(conda),
        PYTHON: _yaml({"python": python, "build_dependencies": ["pip"], "dependencies": [f"-r {REQUIREMENTS}"]}),
    }


def _model(told: Told, python: str) -> dict[str, Any]:
    """`MLmodel`: its moment is that of the registration, its name that of the Candidate, and both are the same for the same."""
    function = {
        "loader_module": LOADER,
        "data": DATA,
        "python_version": python,
        "env": {"conda": CONDA, "virtualenv": PYTHON},
        "streamable": False,
    }
    text = {"type": "string", "required": True}
    about = {"version": told.ref, "status": told.status, "candidate": told.candidate.id, "task": told.lock, "climb": told.climb}
    about |= {"receipt": told.receipt_digest} | {f"data.{split.name}": split.digest for split in told.splits}
    return {
        "flavors": {"python_function": function},
        "signature": {"inputs": json.dumps([{"name": QUESTION, **text}]), "outputs": json.dumps([text]), "params": None},
        "model_uuid": told.candidate.id[:32],
        "utc_time_created": datetime.fromisoformat(told.registered).replace(tzinfo=None).isoformat(" "),
        "metadata": {f"rung.{key}": value for key, value in about.items() if value},
    }


def texts_to_ask(subject: Subject) -> tuple[list[str], str]:
    """Texts that a question can be, of dev rows where they are one message each; a linear model answers the odd ones as well."""
    if subject.candidate.base_reference.is_linear:
        rows, about = questions(subject)
        return [str(row.messages[0]["content"]) for row in rows if _is_text(row.messages)], about
    task = subject.task
    own = [str(row.messages[0]["content"]) for row in (task.split("dev") if task else ()) if _is_text(row.messages)]
    return (own[:ROWS], "dev rows") if own else ([text for text in ODD if text.strip()][:ROWS], "texts of rung's own")


def _is_text(messages: Any) -> bool:
    return len(messages) == 1 and messages[0].get("role") == "user" and isinstance(messages[0].get("content"), str)


def _yaml(value: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=True, default_flow_style=False, allow_unicode=True)
    return text
