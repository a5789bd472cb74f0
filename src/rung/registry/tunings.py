"""Fine-tuning jobs that tenants asked for: what was asked, what has happened, what came of each. Who runs them are workers.

How far one is says the job of the queue that it was submitted as (`jobs`); here is what that does not know.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import Select, insert, select

from rung.json_form import as_json, canonical_json, digest, from_json
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.servers import IN_ONE_SELECT, add_once
from rung.types import batches

PREFIX = "ftjob-"
# What the names of tuned models begin with.
TUNED = "ft-"
# Behind a tuned model's name, before a checkpoint's step.
CHECKPOINT = ".ckpt-"
Level = Literal["info", "warn", "error"]
# The figures of the event that says that the files are read and training begins.
BEGUN: Mapping[str, Any] = {"phase": "training"}


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """None is for the trainer to choose."""

    epochs: float | None = None
    batch_rows: int | None = None
    rate_factor: float | None = None


@dataclass(frozen=True, kw_only=True)
class TuningAsked:
    """What a tenant asked for.

    model       as the tenant wrote it, and `base` as a task file names it
    training, validation  ids of files; "" where there is no validation file. `digests` are those of their blobs, in this order
    at_least    the bar that its check must reach; None where the tenant set none
    scorer      how answers are compared; "" for what the answers' kind suggests
    """

    model: str
    base: str
    training: str
    validation: str = ""
    digests: tuple[str, ...] = ()
    suffix: str = ""
    seed: int = 0
    hyperparameters: Hyperparameters = Hyperparameters()
    metadata: Mapping[str, str] = field(default_factory=dict)
    at_least: float | None = None
    scorer: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a job failed: a word for programs, what is wrong, and which of what was asked is meant ("" for none)."""

    code: str
    message: str
    param: str = ""


@dataclass(frozen=True, kw_only=True)
class TuningEnd:
    """What came of a job: the reference of the model, the id of the file with its figures, the tokens trained on; or a fault."""

    model: str = ""
    result: str = ""
    tokens: int | None = None
    fault: Fault | None = None
    created: str = ""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """A fine-tuning job.

    id    `ftjob-` and 24 hex digits
    name  that its model will have
    job   of the queue; "" where it never came to be one
    end   None while it goes on
    """

    id: str
    tenant: str
    name: str
    asked: TuningAsked
    job: str = ""
    created: str = ""
    end: TuningEnd | None = None


@dataclass(frozen=True, kw_only=True)
class TuningEvent:
    """Something that happened to a job; `data` of one that tells figures are these."""

    cursor: int
    level: Level
    message: str
    data: Mapping[str, Any]
    created: str


@dataclass(frozen=True, kw_only=True)
class TuningCheckpoint:
    """The model of a step, under its own name, and its figures."""

    cursor: int
    step: int
    model: str
    metrics: Mapping[str, float]
    created: str


class Tunings:
    """The fine-tuning jobs of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tuning: Tuning, *, once: str = "") -> None:
        """Enters a job; `once` is what no two jobs may share."""
        row = {"id": tuning.id, "once": once or tuning.id, "tenant": tuning.tenant, "name": tuning.name, "job": tuning.job}
        row |= {"asked": canonical_json(as_json(tuning.asked)), "created": tuning.created or now()}
        with self._database.writing() as connection:
            connection.execute(insert(tables.tunings), row)

    def once(self, key: str) -> Tuning | None:
        """The job that was entered with this `once`."""
        found = self._all(select(tables.tunings).where(tables.tunings.c.once == key))
        return found[0] if found else None

    def get(self, name: str, tenant: str | None = None) -> Tuning | None:
        """A job by its id, of a tenant where one is given; None where there is none."""
        found = self._all(select(tables.tunings).where(tables.tunings.c.id == name, *_of(tenant)))
        return found[0] if found else None

    def of(self, tenant: str, *, after: Tuning | None = None) -> list[Tuning]:
        """A tenant's jobs, the newest first; those before `after` where one is given."""
        seq = tables.tunings.c.seq
        wanted = select(tables.tunings).where(*_of(tenant)).order_by(seq.desc())
        if after is not None:
            wanted = wanted.where(seq < select(seq).where(tables.tunings.c.id == after.id).scalar_subquery())
        return self._all(wanted)

    def owner(self, model: str) -> str | None:
        """The tenant whose job made, or is to make, the model of this name (with or without @version); None where none did."""
        found = self._database.rows(select(tables.tunings.c.tenant).where(tables.tunings.c.name == tuned(model)))
        return found[0].tenant if found else None

    def owners(self) -> dict[str, str]:
        """The tenant of every model that a job made, or is to make, by its name."""
        return {row.name: row.tenant for row in self._database.rows(select(tables.tunings.c.name, tables.tunings.c.tenant))}

    def say(self, tuning: str, message: str, *, level: Level = "info", data: Mapping[str, Any] | None = None) -> None:
        """Adds an event."""
        row = {"tuning": tuning, "level": level, "message": message, "data": canonical_json(dict(data or {}))}
        with self._database.writing() as connection:
            connection.execute(insert(tables.tuning_events), row | {"created": now()})

    def has_begun(self, tuning: str) -> bool:
        """Whether its files have been read, and training is under way."""
        columns = tables.tuning_events.c
        wanted = select(columns.seq).where(columns.tuning == tuning, columns.data == canonical_json(BEGUN)).limit(1)
        return bool(self._database.rows(wanted))

    def events(self, tuning: str, *, before: int | None = None, limit: int | None = None) -> list[TuningEvent]:
        """What happened, the newest first; `before` is the cursor of the last one that is known."""
        columns = tables.tuning_events.c
        wanted = select(tables.tuning_events).where(columns.tuning == tuning).order_by(columns.seq.desc()).limit(limit)
        rows = self._database.rows(wanted if before is None else wanted.where(columns.seq < before))
        return [
            TuningEvent(cursor=row.seq, level=row.level, message=row.message, data=json.loads(row.data), created=row.created)
            for row in rows
        ]

    def keep_checkpoint(self, tuning: str, step: int, model: str, metrics: Mapping[str, float]) -> None:
        """Enters the model of a step, once."""
        row = {"tuning": tuning, "step": step, "model": model, "metrics": canonical_json(dict(metrics)), "created": now()}
        with self._database.writing() as connection:
            add_once(connection, tables.tuning_checkpoints, row)

    def checkpoints(self, tuning: str) -> list[TuningCheckpoint]:
        """The models of a job's steps, the last step first."""
        columns = tables.tuning_checkpoints.c
        rows = self._database.rows(select(tables.tuning_checkpoints).where(columns.tuning == tuning).order_by(columns.step.desc()))
        return [
            TuningCheckpoint(cursor=row.seq, step=row.step, model=row.model, metrics=json.loads(row.metrics), created=row.created)
            for row in rows
        ]

    def finish(self, tuning: str, end: TuningEnd) -> None:
        """Writes down what came of a job; the first word holds."""
        fault = canonical_json(as_json(end.fault)) if end.fault else ""
        row = {"tuning": tuning, "model": end.model, "result": end.result, "fault": fault, "tokens": end.tokens, "created": now()}
        with self._database.writing() as connection:
            add_once(connection, tables.tuning_ends, row)

    def _all(self, wanted: Select[Any]) -> list[Tuning]:
        found = [
            Tuning(
                id=row.id,
                tenant=row.tenant,
                name=row.name,
                asked=from_json(TuningAsked, json.loads(row.asked)),
                job=row.job,
                created=row.created,
            )
            for row in self._database.rows(wanted)
        ]
        ends = self._ends([tuning.id for tuning in found])
        return [replace(tuning, end=ends.get(tuning.id)) for tuning in found]

    def _ends(self, names: list[str]) -> dict[str, TuningEnd]:
        wanted = select(tables.tuning_ends)
        parts = batches(names, IN_ONE_SELECT)
        rows = [row for some in parts for row in self._database.rows(wanted.where(tables.tuning_ends.c.tuning.in_(some)))]
        return {
            row.tuning: TuningEnd(
                model=row.model,
                result=row.result,
                tokens=row.tokens,
                fault=from_json(Fault, json.loads(row.fault)) if row.fault else None,
                created=row.created,
            )
            for row in rows
        }


def tuned(model: str) -> str:
    """The name of the model of a job that a reference to it, or to one of its checkpoints, begins with."""
    return model.partition("@")[0].partition(CHECKPOINT)[0]


def new_id() -> str:
    """An id for a job."""
    return PREFIX + secrets.token_hex(12)


def once_key(tenant: str, key: str, attempt: int) -> str:
    """What the jobs of one key of a tenant's share, until one has failed or was cancelled: then the next attempt's."""
    return digest([tenant, key, attempt])


def _of(tenant: str | None) -> list[Any]:
    return [] if tenant is None else [tables.tunings.c.tenant == tenant]
