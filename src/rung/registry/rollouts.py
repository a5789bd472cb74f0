"""The rollouts of a home: what was asked for and what happened to each is history, where it stands is a row.

A rollout goes from state to state by compare-and-swap: a change is made where it still has the event that was seen last, else it is
refused, so that of two servers that judge at once one acts and the other sees it. State, event and line of the audit are written in
one transaction. What was seen of answers is only added to; every server reads it in one order and comes to the same judgement.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, get_args

from sqlalchemy import Connection, Select, insert, select, update

from rung.errors import UserError
from rung.json_form import as_json, canonical_json, from_json
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.rollout_states import ACTIVE, MOVES, Observed, Plan, Rollout, RolloutChange, RolloutEvent, State

PREFIX = "rollout-"
ROLLOUT = "rollout"  # the kind of its lines in the audit
SAID = 2000


class Rollouts:
    """The rollouts of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def begin(self, plan: Plan, *, who: str = "", ends: str = "", said: str = "") -> Rollout:
        """Begins a rollout. Raises UserError where one of the same name is not over."""
        name, moment = PREFIX + secrets.token_hex(8), now()
        with self._database.writing() as connection:
            _refuse_second(connection, plan.name)
            row = {"id": name, "name": plan.name, "plan": canonical_json(as_json(plan)), "secret": secrets.token_hex(16)}
            connection.execute(insert(tables.rollouts), {**row, "who": who, "created": moment})
            place = connection.execute(select(tables.rollouts.c.seq).where(tables.rollouts.c.id == name)).scalar_one()
            state = {"rollout": name, "name": plan.name, "place": place, "state": "running", "number": 0, "step": 0, "ends": ends}
            connection.execute(insert(tables.rollout_states), {**state, "said": said[:SAID], "updated": moment})
            begun = RolloutChange(state="running", kind="begun", said=said, evidence=as_json(plan), who=who)
            self._enter(connection, name, 0, 0, begun)
            return _of(connection, name)

    def get(self, ref: str) -> Rollout:
        """The rollout of an id or the beginning of one, or a name's: the one that is not over, else its last.

        Raises UserError where that names none, or several.
        """
        with self._database.reading() as connection:
            columns = tables.rollout_states.c
            newest = _ROLLOUTS.where(columns.name == ref).order_by(columns.state.in_(ACTIVE).desc(), columns.place.desc()).limit(1)
            if (found := connection.execute(newest).first()) is not None:
                return _rollout(found)
            begins = ref if ref.startswith(PREFIX) else PREFIX + ref
            wanted = _ROLLOUTS.where(tables.rollouts.c.id.startswith(begins, autoescape=True)).limit(9)
            several = list(connection.execute(wanted)) if ref else []
        if len(several) == 1:
            return _rollout(several[0])
        if several:
            raise UserError(f"'{ref}' could be {', '.join(row.id for row in several)}", hint="Write more of it.")
        raise UserError(f"there is no rollout of '{ref}'", hint="`rung rollout ls` lists them.")

    def all(self, states: Sequence[State] = get_args(State), name: str | None = None) -> list[Rollout]:
        """The rollouts in these states, or those of a name; the newest first."""
        columns = tables.rollout_states.c
        wanted = _ROLLOUTS.where(columns.state.in_(states)).order_by(columns.place.desc())
        return [_rollout(row) for row in self._database.rows(wanted if name is None else wanted.where(columns.name == name))]

    def events(self, rollout: str) -> list[RolloutEvent]:
        """What happened to a rollout (an id), in the order in which it did."""
        columns = tables.rollout_events.c
        wanted = select(tables.rollout_events).where(columns.rollout == rollout).order_by(columns.number)
        return [event_of(row) for row in self._database.rows(wanted)]

    def change(self, rollout: Rollout, change: RolloutChange) -> Rollout:
        """Brings a rollout into its next state, with the event and the line of the audit.

        Raises UserError where it has gone on since it was looked at, and for a move that there is not.
        """
        with self._database.writing() as connection:
            known = _of(connection, rollout.id)
            if known.number != rollout.number:
                hint = f"Look at it (`rung rollout show {known.plan.name}`), then say it again if it holds."
                raise UserError(f"the rollout of {known.plan.name} is {known.state} meanwhile: {known.said}", hint=hint)
            if change.state not in MOVES[known.state]:
                hint = f"`rung rollout show {known.plan.name}` says what became of it."
                raise UserError(f"the rollout of {known.plan.name} is {known.state}: it cannot be {change.state} now", hint=hint)
            step = known.step if change.step is None else change.step
            number, columns = known.number + 1, tables.rollout_states.c
            values = {"state": change.state, "number": number, "step": step, "said": change.said[:SAID], "updated": now()}
            values |= {} if change.ends is None else {"ends": change.ends}
            done = connection.execute(
                update(tables.rollout_states).where(columns.rollout == known.id, columns.number == known.number).values(**values)
            )
            if done.rowcount != 1:
                raise RuntimeError(f"{known.id} was changed by somebody else in the same transaction")
            self._enter(connection, known.id, number, step, change)
            return _of(connection, known.id)

    def _enter(self, connection: Connection, rollout: str, number: int, step: int, change: RolloutChange) -> None:
        event = RolloutEvent(
            rollout=rollout,
            number=number,
            kind=change.kind,
            state=change.state,
            step=step,
            said=change.said[:SAID],
            evidence=change.evidence,
            who=change.who,
            created=now(),
        )
        connection.execute(insert(tables.rollout_events), {**asdict(event), "evidence": canonical_json(dict(event.evidence))})
        self._audit.append(ROLLOUT, rollout, told_of(event))

    def observe(self, seen: Iterable[Observed]) -> None:
        """Adds what was seen, in this order."""
        rows = [
            {
                "rollout": one.rollout,
                "answer": one.answer,
                "kind": one.kind,
                "arm": one.arm,
                "unit": one.unit,
                "share": one.share,
                "scores": canonical_json(dict(one.scores)),
                "told": canonical_json(dict(one.told)),
                "created": now(),
            }
            for one in seen
        ]
        if rows:
            with self._database.writing() as connection:
                connection.execute(insert(tables.rollout_seen), rows)

    def observed(self, rollout: str, after: int = 0, limit: int | None = None) -> list[Observed]:
        """What was seen in a rollout (an id) behind a place; in the order in which it was written."""
        columns = tables.rollout_seen.c
        wanted = select(tables.rollout_seen).where(columns.rollout == rollout, columns.seq > after).order_by(columns.seq)
        return [_observed(row) for row in self._database.rows(wanted.limit(limit))]

    def answers(self, ids: Sequence[str]) -> dict[str, Observed]:
        """Of these answers those that a rollout chose, by their ids."""
        columns = tables.rollout_seen.c
        wanted = select(tables.rollout_seen).where(columns.answer.in_(ids), columns.kind == "answer")
        return {row.answer: _observed(row) for row in self._database.rows(wanted)} if ids else {}


_ROLLOUTS: Select[Any] = select(
    *[column for column in tables.rollouts.columns if column.name != "seq"],
    *[column for column in tables.rollout_states.columns if column.name not in ("rollout", "name")],
).join(tables.rollout_states, tables.rollout_states.c.rollout == tables.rollouts.c.id)


def told_of(event: RolloutEvent) -> dict[str, Any]:
    """What an event's line in the audit says."""
    told = asdict(event)
    return {**told, "evidence": json.loads(canonical_json(dict(event.evidence)))}


def event_of(row: Any) -> RolloutEvent:
    """A stored event. Raises ValueError where its evidence cannot be read any more."""
    fields = {key: value for key, value in row._mapping.items() if key != "seq"}
    return RolloutEvent(**{**fields, "evidence": json.loads(fields["evidence"])})


def _refuse_second(connection: Connection, name: str) -> None:
    columns = tables.rollout_states.c
    found = connection.execute(
        select(columns.rollout, columns.state).where(columns.name == name, columns.state.in_(ACTIVE))
    ).first()
    if found is not None:
        raise UserError(
            f"a rollout of {name} is {found.state}: {found.rollout}",
            hint=f"`rung rollout stop {name}` ends it; `rung rollout show {name}` says how it stands.",
        )


def _of(connection: Connection, name: str) -> Rollout:
    return _rollout(connection.execute(_ROLLOUTS.where(tables.rollouts.c.id == name)).one())


def _rollout(row: Any) -> Rollout:
    return Rollout(
        id=row.id,
        place=row.place,
        plan=from_json(Plan, json.loads(row.plan)),
        secret=row.secret,
        who=row.who,
        state=row.state,
        number=row.number,
        step=row.step,
        ends=row.ends,
        said=row.said,
        created=row.created,
        updated=row.updated,
    )


def _observed(row: Any) -> Observed:
    fields = dict(row._mapping)
    return Observed(**{**fields, "scores": json.loads(fields["scores"]), "told": json.loads(fields["told"])})
