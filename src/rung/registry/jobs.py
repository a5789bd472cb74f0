"""The jobs of a home, for workers to run: what was asked for and what happened to each is history, where it stands is a row.

A job goes from state to state by compare-and-swap: a change is made where the job still has the event that was seen last (or the
lease that it was claimed by), else it is refused, so that of two that act at once one is told what the other did. A state and its
event are written in one transaction.

Whether a worker of another machine still lives is told by its lease's signs of life (`beats`), a number that grows. Whoever waits
for a job watches it with its own steady clock: no clock that goes back, jumps ahead or differs between machines can lose a job or
have it run twice.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_args

from sqlalchemy import Connection, Select, insert, select, update

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.job_states import FINAL, HELD, MOVES, NOBODY, Change, Job, JobEvent, State, Submission
from rung.registry.processes import Process
from rung.registry.servers import clock

PREFIX = "job-"
# Nothing waits longer than this to be begun again, even where the clock has gone back.
LONGEST_WAIT_S = 600.0
SAID, TAIL = 500, 16_000


class Jobs:
    """The jobs of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, asked: Submission) -> Job:
        """Puts a job at the end of the queue."""
        name = PREFIX + secrets.token_hex(8)
        row = {"id": name, "kind": asked.kind, "arguments": json.dumps(list(asked.arguments)), "folder": asked.folder}
        row |= {"settings": canonical_json(dict(asked.settings)), "labels": canonical_json(dict(asked.labels))}
        row |= {"host": asked.host, "who": asked.who, "version": asked.version, "created": now()}
        with self._database.writing() as connection:
            connection.execute(insert(tables.jobs), {**row, "form": asked.form})
            place = connection.execute(select(tables.jobs.c.seq).where(tables.jobs.c.id == name)).scalar_one()
            state = {"job": name, "place": place, "state": "queued", "number": 0, "attempt": 0, "crashes": 0, "losses": 0}
            state |= {"exit_code": None, "said": "", "tail": "", "ready": 0.0, "beats": 0, "updated": row["created"], **_held_by()}
            connection.execute(insert(tables.job_states), state)
            _enter(connection, name, JobEvent(**_EVENT, job=name, state="queued", kind="submitted"))
            return _of(connection, name)

    def get(self, ref: str) -> Job:
        """The job of an id, or of the beginning of one, with or without `job-`.

        Raises UserError where that names none, or several.
        """
        beginning = ref if ref.startswith(PREFIX) else PREFIX + ref
        names = tables.jobs.c.id
        with self._database.reading() as connection:
            found = connection.execute(select(names).where(names.startswith(beginning, autoescape=True)).limit(9)).scalars().all()
            if len(found) == 1 or beginning in found:
                return _of(connection, beginning if beginning in found else found[0])
        if found:
            raise UserError(f"'{ref}' could be {', '.join(found)}", hint="Write more of it.")
        raise UserError(f"no job is called '{ref}'", hint="`rung jobs` lists them.")

    def all(
        self,
        states: Collection[State] = get_args(State),
        *,
        labels: Mapping[str, str] | None = None,
        before: str = "",
        limit: int | None = None,
    ) -> list[Job]:
        """The jobs in these states that bear all these labels, the newest first; `before` (an id) and `limit` page through them.

        Raises UserError where `before` names none.
        """
        columns = tables.job_states.c
        wanted = _JOBS.where(columns.state.in_(states)).order_by(columns.place.desc())
        if before:
            wanted = wanted.where(columns.place < self.get(before).place)
        found = [_job(row) for row in self._database.rows(wanted.limit(None if labels else limit))]
        if labels:
            found = [job for job in found if labels.items() <= job.asked.labels.items()]
        return found[:limit]

    def queue(self) -> list[Job]:
        """The jobs that wait, in the order in which they are begun."""
        columns = tables.job_states.c
        return [_job(row) for row in self._database.rows(_JOBS.where(columns.state == "queued").order_by(columns.place))]

    def held(self, tokens: Collection[str] | None = None) -> list[Job]:
        """The jobs that workers have, or those of these leases."""
        columns = tables.job_states.c
        wanted = _JOBS.where(columns.state.in_(HELD)).order_by(columns.place)
        return [_job(row) for row in self._database.rows(wanted if tokens is None else wanted.where(columns.token.in_(tokens)))]

    def events(self, job: str | None = None, *, after: int = 0, limit: int | None = None) -> list[JobEvent]:
        """What happened to a job (an id), or to all, behind a cursor; in the order in which it did."""
        columns = tables.job_events.c
        wanted = select(tables.job_events).where(columns.seq > after).order_by(columns.seq).limit(limit)
        rows = self._database.rows(wanted if job is None else wanted.where(columns.job == job))
        return [_event(row) for row in rows]

    def pause(self, job: Job) -> Job:
        """Asks a job to stop for now: at once where it waits, else as soon as its worker hears of it.

        Raises UserError where it has ended or is being cancelled, and where it has gone on since it was looked at.
        """
        if job.state in ("paused", "pausing"):
            return job
        return self._asked(job, "paused" if job.state == "queued" else "pausing", "paused")

    def resume(self, job: Job) -> Job:
        """Puts a paused job back into the queue, at its old place. Raises UserError where it is not paused."""
        if job.state in ("queued", "running"):
            return job
        return self._asked(job, "queued", "resumed")

    def cancel(self, job: Job) -> Job:
        """Asks a job to stop for good. Raises UserError where it has ended otherwise."""
        if job.state in ("cancelled", "cancelling"):
            return job
        return self._asked(job, "cancelling" if job.is_held else "cancelled", "cancelled")

    def claim(self, holder: Process, worker: str, fits: Callable[[Job], bool], *, token: str = "") -> Job | None:
        """Gives the caller the first job of the queue that is ready and `fits`; None where there is none.

        holder, worker  the process that will run it, and what it is called
        token           the lease's; one is made where none is given
        """
        columns = tables.job_states.c
        wanted = _JOBS.where(columns.state == "queued").order_by(columns.place)
        for row in self._database.rows(wanted):
            if not fits(_job(row)):
                continue
            with self._database.writing() as connection:
                job, moment = _of(connection, row.id), clock(connection)
                if job.state != "queued" or moment < job.ready <= moment + LONGEST_WAIT_S:
                    continue
                lease = _held_by(token or secrets.token_hex(8), worker, holder)
                change = Change(state="running", kind="started")
                return _change(
                    connection, job, change, attempt=job.attempt + 1, exit_code=None, ready=0.0, said="", tail="", **lease
                )
        return None

    def renew(self, job: Job, child: Process = NOBODY, said: str = "", tail: Sequence[str] = ()) -> Job:
        """A sign of life, with the process that the job runs in and what it said last; gives the job as it stands, which may be
        that it is to stop.

        Raises UserError where the lease is lost: what runs must not go on.
        """
        with self._database.writing() as connection:
            known = _of_lease(connection, job)
            values: dict[str, Any] = {"beats": known.beats + 1, "said": said[:SAID] or known.said}
            values |= {"tail": _joined(tail)} if tail else {}
            values |= {"child_pid": child.pid, "child_started": child.started} if child.pid else {}
            connection.execute(update(tables.job_states).where(tables.job_states.c.job == job.id).values(**values))
            return _of(connection, job.id)

    def end(self, job: Job, change: Callable[[Job], Change], tail: Sequence[str] = ()) -> Job:
        """Gives a job back: `change` says what becomes of it, given how it stands now. Raises UserError where the lease is lost."""
        with self._database.writing() as connection:
            known = _of_lease(connection, job)
            return _change(connection, known, change(known), **({"tail": _joined(tail)} if tail else {}))

    def reclaim(self, job: Job, change: Change) -> Job | None:
        """Takes a job from a worker that is dead; None where it has given a sign of life or the job has gone on since."""
        with self._database.writing() as connection:
            known = _of(connection, job.id)
            if (known.token, known.beats, known.number) != (job.token, job.beats, job.number):
                return None
            return _change(connection, known, change)

    def refused(self, job: Job, said: str, worker: str) -> None:
        """Writes down why a worker does not run a job that waits; it stays where it is."""
        with self._database.writing() as connection:
            known = _of(connection, job.id)
            if known.state == "queued" and known.said != said[:SAID]:
                _change(connection, known, Change(state="queued", kind="refused", said=said), worker=worker)

    def failed(self, job: Job, said: str) -> None:
        """Ends a job that waits and can be run by nobody."""
        with self._database.writing() as connection:
            known = _of(connection, job.id)
            if known.state == "queued":
                _change(connection, known, Change(state="failed", kind="failed", said=said))

    def _asked(self, job: Job, state: State, how: str) -> Job:
        kinds = {"pausing": "pausing", "cancelling": "cancelling"}
        with self._database.writing() as connection:
            known = _of(connection, job.id)
            if known.number != job.number:
                raise UserError(
                    f"{job.id} is {known.state} meanwhile", hint="Look at it (`rung jobs`), then say it again if it holds."
                )
            if state not in MOVES[job.state]:
                raise UserError(f"{job.id} is {job.state}: it cannot be {how}", hint=_way_out(job, how))
            more = {"crashes": 0, "losses": 0} if how == "resumed" else {}
            return _change(connection, known, Change(state=state, kind=kinds.get(state, how)), **more, ready=0.0)


_JOBS: Select[Any] = select(
    *[column for column in tables.jobs.columns if column.name != "seq"],
    *[
        column.label("holder_host") if column.name == "host" else column
        for column in tables.job_states.columns
        if column.name != "job"
    ],
).join(tables.job_states, tables.job_states.c.job == tables.jobs.c.id)
_EVENT: Mapping[str, Any] = {"cursor": 0, "number": 0, "attempt": 0, "worker": "", "said": "", "created": ""}


def _of(connection: Connection, name: str) -> Job:
    return _job(connection.execute(_JOBS.where(tables.jobs.c.id == name)).one())


def _of_lease(connection: Connection, job: Job) -> Job:
    known = _of(connection, job.id)
    if not known.is_held or known.token != job.token:
        by = f" to {known.worker}" if known.is_held else f": it is {known.state}"
        raise UserError(
            f"the lease on {job.id} is lost{by}", hint="This worker gave no sign of life for too long; it lets go of the job."
        )
    return known


def _change(connection: Connection, job: Job, change: Change, **values: Any) -> Job:
    """Brings a job into its next state, with the event; raises RuntimeError for a move that there is not."""
    if change.state not in MOVES[job.state]:
        raise RuntimeError(f"{job.id} cannot go from {job.state} to {change.state}")
    number, columns = job.number + 1, tables.job_states.c
    known: dict[str, Any] = {"state": change.state, "number": number, "updated": now()}
    known |= {"crashes": job.crashes + change.crashes, "losses": job.losses + change.losses}
    if change.said or change.state in FINAL:
        known["said"] = change.said[:SAID]
    if change.state not in HELD:
        known |= {"exit_code": change.exit, "ready": clock(connection) + change.wait_s if change.wait_s else 0.0, **_held_by()}
    worker = known["worker"] = values.pop("worker", job.worker)
    done = connection.execute(
        update(tables.job_states).where(columns.job == job.id, columns.number == job.number).values(**known | values)
    )
    if done.rowcount != 1:
        raise RuntimeError(f"{job.id} was changed by somebody else in the same transaction")
    attempt = values.get("attempt", job.attempt)
    said = {"number": number, "kind": change.kind, "state": change.state, "attempt": attempt, "worker": worker, "said": change.said}
    _enter(connection, job.id, JobEvent(**{**_EVENT, "job": job.id, **said}))
    return _of(connection, job.id)


def _enter(connection: Connection, name: str, event: JobEvent) -> None:
    row = {"job": name, "number": event.number, "kind": event.kind, "state": event.state, "attempt": event.attempt}
    row |= {"worker": event.worker, "said": event.said[:SAID], "created": now()}
    connection.execute(insert(tables.job_events), row)


def _held_by(token: str = "", worker: str = "", holder: Process = NOBODY) -> dict[str, Any]:
    lease = {"token": token, "worker": worker, "pid": holder.pid, "host": holder.host, "started": holder.started}
    return lease | {"child_pid": 0, "child_started": ""}


def _joined(tail: Sequence[str]) -> str:
    """The last lines, as many as there is room for."""
    text = "\n".join(tail)
    return text if len(text) <= TAIL else text[-TAIL:].partition("\n")[2]


def _way_out(job: Job, how: str) -> str:
    if job.is_final:
        return f"It has ended; the same again is another job: rung jobs submit -- {' '.join(job.asked.line)}"
    if how == "resumed":
        return f"It goes on once it is paused; now it is {job.state}."
    return "It is stopped for good as soon as its process has ended."


def _job(row: Any) -> Job:
    asked = Submission(
        kind=row.kind,
        arguments=tuple(json.loads(row.arguments)),
        folder=row.folder,
        settings=json.loads(row.settings),
        labels=json.loads(row.labels),
        host=row.host,
        who=row.who,
        version=row.version,
        form=row.form,
    )
    held = row.token != ""
    return Job(
        id=row.id,
        place=row.place,
        asked=asked,
        state=row.state,
        number=row.number,
        attempt=row.attempt,
        crashes=row.crashes,
        losses=row.losses,
        exit=row.exit_code,
        said=row.said,
        tail=tuple(row.tail.split("\n")) if row.tail else (),
        ready=row.ready,
        token=row.token,
        worker=row.worker,
        holder=Process(pid=row.pid, host=row.holder_host, started=row.started) if held else NOBODY,
        child=Process(pid=row.child_pid, host=row.holder_host, started=row.child_started) if row.child_pid else NOBODY,
        beats=row.beats,
        created=row.created,
        updated=row.updated,
    )


def _event(row: Any) -> JobEvent:
    fields = dict(row._mapping)
    return JobEvent(cursor=fields.pop("seq"), **fields)
