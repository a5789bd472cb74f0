"""A task file for data of which something could not be told: what is open stands there as TO DO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung import plugins
from rung.data.read.reference import DataReference
from rung.disk import place
from rung.errors import UserError
from rung.propose.columns.undecided import Undecided
from rung.propose.columns.wanted import Wanted
from rung.propose.task_file import commented, name_of
from rung.task.keys import DEFAULT_BASE
from rung.task.open_lines import TO_DO
from rung.task.yaml12 import write_yaml

ABOUT = (
    "Written by `rung init {shown} --draft`. {problem}: what is open stands as TO DO, and `rung plan` names each such line until "
    "it is filled in. With the columns named, `rung init {shown} --input ... --target ...` writes the rest by itself."
)
AT_LEAST = 0.8


def write_draft(error: Undecided, what: str, wanted: Wanted, out: Path, base: str | None) -> Path:
    """Writes the draft beside where it belongs, then in its place. Raises UserError where it cannot be written."""
    reference = DataReference.read(what, Path())
    text = "\n".join(
        [
            commented(ABOUT.format(shown=reference.shown, problem=error.problem.capitalize())),
            write_yaml({"name": name_of(reference.name)}),
            write_yaml({"base": base or DEFAULT_BASE}),
            write_yaml({"instruction": f"{TO_DO}: what the model is told, in a sentence or two"}),
            write_yaml({"data": _data(error, wanted, str(reference.within(out.parent)))}),
            write_yaml({"quality": _quality(wanted)}),
        ]
    )
    beside = out.with_name(f".{out.name}.draft")
    try:
        beside.write_text(text, "utf-8")
        place(beside, out)
    except OSError as fault:
        raise UserError(f"cannot be written: {fault.strerror}", where=str(out)) from fault
    finally:
        beside.unlink(missing_ok=True)
    return out


def _data(error: Undecided, wanted: Wanted, examples: str) -> dict[str, Any]:
    names = [candidate.name for candidate in error.candidates]
    could = f", one of {_listed(names)}" if names else "; the file has none, add one"
    asked: Any = list(error.inputs) if len(error.inputs) > 1 else next(iter(error.inputs), "")
    question = wanted.input or (asked if error.missing == "answer" else "") or f"{TO_DO}: the column with the question{could}"
    answer = wanted.target or f"{TO_DO}: the column with the right answers{could if error.missing == 'answer' else ''}"
    return {"examples": examples, "columns": {"input": question, "target": answer}}


def _quality(wanted: Wanted) -> dict[str, Any]:
    known = ", ".join(plugins.names("scorers"))
    return {"scorer": wanted.scorer or f"{TO_DO}: how answers are compared, one of {known}", "at_least": AT_LEAST}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
