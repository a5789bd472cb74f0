"""RUNG_HOME: every blob, Candidate, Run, name, fact and look that this user's climbs have left.

format        the layout's version, one number
lock          who is climbing
registry.db   the history (SQLite)
blobs/        what the history names by digest
downloads/    what was fetched, and what was made of it
reports/      HTML
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from sqlalchemy import func, insert, select

from rung import __version__
from rung.errors import BrokenEnvironment, UserError, did_you_mean
from rung.json_form import canonical_json
from rung.registry import db, lock, records
from rung.registry.answers import StoredAnswers
from rung.registry.faults import explained
from rung.registry.store import BlobStore
from rung.types import Candidate, Run

FORMAT = 1
SHORTEST_PREFIX = 6
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def default_path() -> Path:
    """The folder that RUNG_HOME names, else `~/.rung`."""
    return Path(os.environ.get("RUNG_HOME") or "~/.rung").expanduser().absolute()


def open_home(path: Path | str | None = None, *, write: bool = False) -> Home:
    """The home at `path` (by default `default_path()`), made where there is none. `write` takes the lock, until the home is closed.

    Raises UserError where another process writes, BrokenEnvironment where the folder cannot be used or another version made it.
    """
    folder = Path(path).expanduser().absolute() if path else default_path()
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_format(folder)
        held = lock.take(folder / "lock") if write else None
    try:
        return Home(folder, held)
    except BaseException:
        if held:
            held.close()
        raise


class Home:
    """One RUNG_HOME. Use it as a context manager, or close it."""

    def __init__(self, path: Path, held: IO[str] | None) -> None:
        self.path = path
        self.downloads = path / "downloads"
        self._held = held
        self._database = db.Database(path / "registry.db", writable=held is not None)
        self.answers = StoredAnswers(self._database)
        self.blobs = BlobStore(path / "blobs", writable=held is not None)
        if held:
            self.blobs.clear_leftovers()

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the database and gives the lock back."""
        self._database.close()
        if self._held:
            self._held.close()

    def add_task(self, task_digest: str, summary: Mapping[str, Any]) -> None:
        """Keeps what a locked task was; a task already known is left as it is."""
        self._append(db.tasks, {"digest": task_digest, "summary": canonical_json(summary)})

    def task(self, task_digest: str) -> dict[str, Any]:
        """The summary that `add_task` kept. Raises UserError where there is none."""
        found = self._rows(select(db.tasks).where(db.tasks.c.digest == task_digest))
        if not found:
            raise UserError(f"no task {task_digest[:12]} is registered", where=str(self.path))
        return json.loads(found[0].summary)

    def add_candidate(self, candidate: Candidate, task_digest: str) -> None:
        """Keeps a Candidate and the task it was built for."""
        self._append(db.candidates, {"id": candidate.id, "built_for": task_digest, "fields": records.dump(candidate)})

    def candidate(self, ref: str) -> Candidate:
        """The Candidate that a name (its newest version), `name@version`, id or unique beginning of an id refers to.

        Raises UserError, with the nearest name, where there is none or more than one.
        """
        row = self._name_row(ref)
        found = self._candidates(row.candidate if row else ref)
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"'{ref}' is the beginning of {len(found)} candidates' ids", mend="Give more of its digits.")
        known = {record["name"] for record in self.names()}
        mend = (
            did_you_mean(ref.partition("@")[0], known)
            if known
            else "Nothing is registered yet: `rung climb` registers what passes."
        )
        raise UserError(f"no candidate is called '{ref}'", where=str(self.path), mend=mend)

    def add_run(self, run: Run) -> str:
        """Keeps a Run, its rows as a blob; returns its id."""
        text = records.dump(run)
        blob = self.blobs.put_bytes(text.encode("utf-8", "surrogatepass"))
        summary = {"candidate": run.candidate, "task": run.task, "split": run.split, "n": len(run.rows), "mean": run.mean()}
        self._append(db.runs, {"id": blob, "blob": blob, **summary})
        return blob

    def run(self, run_id: str) -> Run:
        """The Run that `add_run` gave this id."""
        return records.run(self.blobs.path(run_id).read_bytes().decode("utf-8", "surrogatepass"))

    def runs(self, candidate_id: str | None = None, task: str | None = None) -> list[Run]:
        """The Runs of a candidate, of a task (digests), or all; oldest first."""
        return [self.run(row["blob"]) for row in self.run_records(candidate_id, task)]

    def run_records(self, candidate_id: str | None = None, task: str | None = None) -> list[dict[str, Any]]:
        """What the Runs are, without their rows: id, candidate, task, split, n, mean, blob, created; oldest first."""
        wanted = select(*[column for column in db.runs.c if column.name != "seq"]).order_by(db.runs.c.seq)
        if candidate_id:
            wanted = wanted.where(db.runs.c.candidate == candidate_id)
        if task:
            wanted = wanted.where(db.runs.c.task == task)
        return [dict(row._mapping) for row in self._rows(wanted)]

    def register(self, name: str, candidate_id: str, evidence: Mapping[str, Any]) -> str:
        """Gives a Candidate the next version of a name; returns `name@version`.

        The same Candidate from the same climb (`evidence["climb"]`) as the newest version is that version again, so that a climb
        killed between registering and writing it down registers once.
        """
        if not NAME.fullmatch(name):
            raise UserError(
                f"'{name}' cannot be a name", mend="Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
            )
        with self._database.writing() as connection:
            if not connection.execute(select(db.candidates.c.id).where(db.candidates.c.id == candidate_id)).first():
                raise UserError(f"no candidate {candidate_id[:12]} is stored", where=str(self.path))
            newest = connection.execute(
                select(db.names).where(db.names.c.name == name).order_by(db.names.c.version.desc()).limit(1)
            ).first()
            if newest and newest.candidate == candidate_id and json.loads(newest.evidence).get("climb") == evidence.get("climb"):
                return f"{name}@{newest.version}"
            version = newest.version + 1 if newest else 1
            row = {
                "name": name,
                "version": version,
                "candidate": candidate_id,
                "evidence": canonical_json(evidence),
                "created": db.now(),
            }
            connection.execute(insert(db.names), row)
        return f"{name}@{version}"

    def names(self) -> list[dict[str, Any]]:
        """Every version of every name: name, version, candidate (id), rung, evidence, created; by name, oldest version first."""
        wanted = select(db.names, db.candidates.c.fields).join(db.candidates, db.candidates.c.id == db.names.c.candidate)
        return [
            {
                "name": row.name,
                "version": row.version,
                "candidate": row.candidate,
                "rung": json.loads(row.fields)["rung"],
                "evidence": json.loads(row.evidence),
                "created": row.created,
            }
            for row in self._rows(wanted.order_by(db.names.c.name, db.names.c.version))
        ]

    def put_fact(self, climb_id: str, key: str, payload: Any) -> None:
        """Writes down what a climb has found. Saying a key anew adds to the history; `facts` gives what was said last."""
        text = canonical_json(payload)
        with self._database.writing() as connection:
            known = connection.execute(_last_said(climb_id, key)).first()
            if known is None or known.payload != text:
                connection.execute(insert(db.facts), {"climb": climb_id, "key": key, "payload": text, "created": db.now()})

    def fact(self, climb_id: str, key: str) -> Any:
        """What was last said under a key; None where nothing was."""
        found = self._rows(_last_said(climb_id, key))
        return json.loads(found[0].payload) if found else None

    def facts(self, climb_id: str) -> dict[str, Any]:
        """A climb's facts by key, in the order in which the keys were first written."""
        wanted = select(db.facts.c.key, db.facts.c.payload).where(db.facts.c.climb == climb_id).order_by(db.facts.c.seq)
        return {row.key: json.loads(row.payload) for row in self._rows(wanted)}

    def climbs(self) -> list[dict[str, Any]]:
        """The climbs that have facts: climb (id), started, updated (ISO 8601, UTC); the last one started is last."""
        table = db.facts
        wanted = select(
            table.c.climb, func.min(table.c.created).label("started"), func.max(table.c.created).label("updated")
        ).group_by(table.c.climb)
        return [dict(row._mapping) for row in self._rows(wanted.order_by(func.min(table.c.seq)))]

    def look(self, task_digest: str, candidate_id: str, n: int) -> None:
        """Writes down that a candidate's first `n` gate rows have been looked at; the same look again tells nothing new."""
        self._append(db.looks, {"task": task_digest, "candidate": candidate_id, "n": n})

    def looks(self, task_digest: str) -> list[dict[str, Any]]:
        """The ledger of a task's gate: candidate (id), n, created; oldest first."""
        table = db.looks
        wanted = select(table.c.candidate, table.c.n, table.c.created).where(table.c.task == task_digest).order_by(table.c.seq)
        return [dict(row._mapping) for row in self._rows(wanted)]

    def _append(self, table: Any, row: Mapping[str, Any]) -> None:
        """Adds a row, unless the table has it already by one of its unique keys."""
        with self._database.writing() as connection:
            connection.execute(insert(table).prefix_with("OR IGNORE"), {**row, "created": db.now()})

    def _rows(self, statement: Any) -> list[Any]:
        with self._database.reading() as connection:
            return list(connection.execute(statement))

    def _name_row(self, ref: str) -> Any:
        name, _, version = ref.partition("@")
        wanted = select(db.names).where(db.names.c.name == name).order_by(db.names.c.version.desc()).limit(1)
        if version:
            wanted = wanted.where(db.names.c.version == (int(version) if version.isdecimal() else -1))
        return next(iter(self._rows(wanted)), None)

    def _candidates(self, beginning: str) -> list[Candidate]:
        if len(beginning) < SHORTEST_PREFIX or not set(beginning) <= set("0123456789abcdef"):
            return []
        wanted = select(db.candidates.c.fields).where(db.candidates.c.id.startswith(beginning)).order_by(db.candidates.c.seq)
        return [records.candidate(row.fields) for row in self._rows(wanted)]


def _last_said(climb_id: str, key: str) -> Any:
    table = db.facts
    return select(table.c.payload).where(table.c.climb == climb_id, table.c.key == key).order_by(table.c.seq.desc()).limit(1)


def _check_format(folder: Path) -> None:
    """Writes the layout's version into a new home; refuses one that another version made."""
    file = folder / "format"
    if not file.exists():
        temporary = folder / f"format.{os.getpid()}"
        temporary.write_text(f"{FORMAT}\n", "utf-8")
        os.replace(temporary, file)
        return
    found = file.read_text("utf-8", errors="replace").strip()
    if found != str(FORMAT):
        raise BrokenEnvironment(
            f"this RUNG_HOME has format '{found[:20]}'; rung {__version__} uses format {FORMAT}",
            where=str(folder),
            mend="Use the rung that made it, or set RUNG_HOME to another folder.",
        )
