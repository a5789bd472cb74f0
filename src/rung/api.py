"""Rung in Python: what the commands do, for a script or a notebook. `rung/__init__.py` makes its names public.

`home` is everywhere a folder, a Home, or None for RUNG_HOME (by default `~/.rung`). `progress` is True or False, a
rung.types.Progress of your own, or None: shown in a notebook and at a terminal, and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import UserError, did_you_mean
from rung.types import SPLITS, Answer, Candidate, Example, Message, Progress, Run, Status, Task

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime
    from rung.registry.documents import ClimbDocument
    from rung.registry.names import Version

Question = str | Example | Sequence[Message]


def load_task(path: Path | str, *, home: Home | Path | str | None = None, progress: Progress | bool | None = None) -> Task:
    """The task of a file, its data read, split and checked; what was found in the data is in its `findings`.

    Raises UserError with every problem of the file, each with its line and how to mend it.
    """
    from rung.climb.registered_base import load_task
    from rung.registry import home as registry

    with registry.open_home(_folder(home)) as opened, _watching(progress) as shown, shown.stage(f"Reading {path}"):
        return load_task(Path(path), opened)


def climb(
    task: Task, *, home: Home | Path | str | None = None, progress: Progress | bool | None = None, every_rung: bool = False
) -> Outcome:
    """Find the cheapest change that passes the task, and register it under the task's name; `rung climb`.

    A climb that was interrupted goes on where it stopped; one that is finished is told again. `every_rung` measures every rung
    that applies, not only up to the first that passes.

    Raises UserError, before anything is spent, for a task that cannot be climbed.
    """
    from rung.climb.climb import climb
    from rung.registry import home as registry

    with registry.open_home(_folder(home), write=True) as opened, _watching(progress) as shown:
        document = climb(task, opened, progress=shown, every_rung=every_rung)
        winner = opened.candidates.get(document.verdict.winner) if document.verdict.winner else None
    name = document.version or (winner.id if winner else "")
    candidate = Registered(name=name, fields=winner, home=_folder(home)) if winner else None
    return Outcome(status=document.verdict.status, candidate=candidate, registered=document.version, document=document)


def evaluate(
    task: Task,
    candidate: str | Registered | Candidate,
    split: str = "dev",
    *,
    home: Home | Path | str | None = None,
    progress: Progress | bool | None = None,
) -> Run:
    """The candidate's answers to one split of the task, each scored; kept in the home; `rung eval`.

    candidate  a name, `name@version`, `name@alias`, the beginning of an id, or what one of these gave
    split      train, dev or test. Looking at dev is free; a look at the test split is charged like a climb on its rows, of
                which few that climbs before had seen are left out
    """
    from rung.climb.base_changed import refuse_changed
    from rung.climb.ledger import charge_evaluation, locked_rows, open_to
    from rung.climb.runtime import runtime_for
    from rung.climb.server import known_server, other_server
    from rung.registry import home as registry
    from rung.verify.run import evaluate

    rows = task.split(split)
    if not rows:
        raise UserError(f"the task has no rows of the split '{split}'", where=task.path, hint=did_you_mean(split, SPLITS))
    with registry.open_home(_folder(home), write=True) as opened, _watching(progress) as shown:
        fields = candidate.fields if isinstance(candidate, Registered) else candidate
        asked = opened.candidates.get(fields) if isinstance(fields, str) else fields
        opened.tasks.add(task)
        opened.candidates.add(asked, task.digest)
        refuse_changed(opened, asked)
        known_server(task, asked.base, opened, shown)
        if told := other_server(opened, asked):
            shown.note(told)
        judging = open_to(task, asked, opened) if split == "test" else task
        rows = judging.split(split)
        if split == "test":
            charge_evaluation(judging, asked, opened)
        run = evaluate(task, asked, split, rows, runtime_for(task, opened), shown)
        opened.runs.add(run)
        if split == "test":
            opened.looks.add(task.digest, asked.id, len(rows), locked_rows(judging))
    return run


def answer(name: str, question: Question, *, home: Home | Path | str | None = None) -> Answer:
    """What is registered under a name, asked once; `rung answer`. Several questions load it once by `open_home().candidate(name)`.

    Raises UserError, with the nearest name, where nothing is registered so.
    """
    return open_home(home).candidate(name).answer(question)


def open_home(path: Home | Path | str | None = None) -> Home:
    """The home at `path`, made where there is none, and brought to this version's form where it is of an earlier one.

    Raises BrokenEnvironment where the folder cannot be used, or a newer version made it.
    """
    from rung.registry import home as registry

    folder = _folder(path)
    with registry.open_home(folder):
        return Home(path=folder)


@dataclass(frozen=True, kw_only=True)
class Home:
    """A folder in which everything is kept that was climbed, registered and answered. Nothing stays open between two calls."""

    path: Path

    def candidate(self, name: str) -> Registered:
        """What a name (its newest version), `name@version`, `name@alias`, an id or the beginning of one refers to.

        Raises UserError, with the nearest name, where there is none.
        """
        from rung.registry import home as registry

        with registry.open_home(self.path) as opened:
            return Registered(name=name, fields=opened.candidates.get(name), home=self.path)

    def versions(self) -> list[Version]:
        """Every version of every name; by name, oldest version first."""
        from rung.registry import home as registry

        with registry.open_home(self.path) as opened:
            return opened.names.all()

    def aliases(self, name: str, moment: str | None = None) -> dict[str, int]:
        """Each alias of a name with the version that it stands for, or stood for at a moment (ISO 8601; a date is its end, UTC)."""
        from rung.registry import home as registry

        with registry.open_home(self.path) as opened:
            return {move.alias: move.version for move in opened.aliases.standing(name, moment) if move.version is not None}


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A Candidate that can be asked. Its model is loaded with the first question, and kept.

    name    how it was asked for
    fields  what it is made of: base, prompt, demonstrations, adapters
    """

    name: str
    fields: Candidate
    home: Path

    def answer(self, question: Question) -> Answer:
        """What it says to a text, a conversation in the OpenAI message format, or an Example: `text`, and what that took.

        It is asked in the way its evaluation asked it.
        """
        return self.answers([question])[0]

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each, in order: several at a time, so that many take less than one after the other."""
        from rung.climb.base_changed import naming_affected
        from rung.engine.answer import answer

        with naming_affected(self.home):
            return answer(self.fields, [_example(question) for question in questions], self._runtime)

    def remarks(self) -> tuple[str, ...]:
        """What is to be said of what answers, such as that the server behind it says it is another model than it was."""
        from rung.climb.server import other_server
        from rung.registry import home as registry

        if not self.fields.base_reference.is_server:
            return ()
        answered = getattr(self._runtime.backend_for(self.fields.base), "identity", None)
        with registry.open_home(self.home) as opened:
            told = other_server(opened, self.fields, answered)
        return (told,) if told else ()

    @cached_property
    def _runtime(self) -> Runtime:
        from rung.engine.runtime import open_runtime
        from rung.registry import home as registry

        with registry.open_home(self.home) as opened:
            return replace(open_runtime(opened.path, opened.blobs), live=True, asker="answer")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a climb ended.

    status      pass, fail or undecided
    candidate   what passed, ready to be asked; None where nothing did
    registered  its `name@version`; None where nothing passed
    document    every rung with its verdict, cost and trials: what the report shows
    """

    status: Status
    candidate: Registered | None
    registered: str | None
    document: ClimbDocument

    def write_report(self, file: Path | str) -> Path:
        """Writes the report, one HTML file that needs nothing else; returns where it is."""
        from rung.report.html import write_html

        write_html(self.document, Path(file))
        return Path(file)


def _folder(home: Home | Path | str | None) -> Path:
    from rung.registry.home import default_path

    if home is None:
        return default_path()
    return home.path if isinstance(home, Home) else Path(home).expanduser().absolute()


def _example(question: Question) -> Example:
    """Raises UserError where nothing is asked."""
    if isinstance(question, Example):
        return question
    if not question:
        raise UserError("there is nothing to answer", hint="Give a text, or a list of messages.")
    messages: tuple[Message, ...] = ({"role": "user", "content": question},) if isinstance(question, str) else tuple(question)
    if not all(isinstance(message, Mapping) and "role" in message for message in messages):
        raise UserError("not every message has a role", hint='A message is {"role": "user", "content": "..."}.')
    return Example(id="asked", messages=messages)


def _watching(progress: Progress | bool | None) -> AbstractContextManager[Progress]:
    from rung.progress import Silent

    shown = progress
    if shown is None:
        shown = sys.stderr.isatty() or "ipykernel" in sys.modules
    if not isinstance(shown, bool):
        return nullcontext(shown)
    if not shown:
        return nullcontext(Silent())
    from rung.cli.output import watching

    return watching()
