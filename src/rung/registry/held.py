"""Calls that wait for a person: what is asked is history, so is each thing that happened to it, and where it stands is the last.

A state follows on the one that was seen: of two that act at once one is told what the other did. A decision is signed by a person
of the home, for these very calls. Before a call is run that is written down: whoever finds it begun by a process that is gone
cannot know what came of it, says so, and lets it be.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, insert, select

from rung.errors import BrokenEnvironment, UserError
from rung.json_form import Misfit, as_json, canonical_json, digest, from_json
from rung.registry import tables
from rung.registry.approvals import until
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.held_states import MOVES, PREFIX, HeldCall, State, Wanted
from rung.registry.keys import Keys, Signer
from rung.registry.processes import Process, this_process
from rung.registry.servers import IN_ONE_SELECT
from rung.types import batches

HELD, MOVED = "held", "held-call"  # the kinds of its lines in the audit; the second is also what decisions are signed for
MOST_LISTED = 500


class HeldCalls:
    """The held calls of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit, keys: Keys) -> None:
        self._database, self._audit, self._keys = database, audit, keys

    def hold(self, wanted: Wanted, hold: str) -> HeldCall:
        """Keeps what is asked of a person, for as long (`12h`)."""
        name, moment = PREFIX + secrets.token_hex(12), self._audit.moment()
        body = canonical_json(as_json(wanted))
        row = {"id": name, "tenant": wanted.tenant, "question": wanted.question, "body": body}
        row |= {"expires": until(moment, hold), "created": moment}
        with self._database.writing() as connection:
            connection.execute(insert(tables.held_calls), row)
            self._audit.append(HELD, name, told_of(row))
            return _of(connection, name)

    def get(self, ref: str, tenant: str | None = None) -> HeldCall:
        """The one of an id, or of the beginning of one, with or without `held-`; of a tenant, where one is given, only by its id.

        Raises UserError where that names none, or several.
        """
        beginning, columns = ref if ref.startswith(PREFIX) else PREFIX + ref, tables.held_calls.c
        wanted = select(columns.id).limit(9)
        if tenant is None:
            wanted = wanted.where(columns.id.startswith(beginning, autoescape=True))
        else:
            wanted = wanted.where(columns.id == ref, columns.tenant == tenant)
        with self._database.reading() as connection:
            found = connection.execute(wanted).scalars().all()
            if len(found) == 1:
                return _of(connection, found[0])
        if found:
            raise UserError(f"'{ref}' could be {', '.join(found)}", hint="Write more of it.")
        raise UserError(f"no call is held as '{ref}'", hint="`rung approvals` lists them.")

    def all(self, states: Sequence[State] | None = None, *, tenant: str | None = None) -> list[HeldCall]:
        """Those in these states, or all, of a tenant or of all; newest first."""
        columns = tables.held_calls.c
        wanted = select(tables.held_calls).order_by(columns.seq.desc()).limit(MOST_LISTED)
        wanted = wanted if tenant is None else wanted.where(columns.tenant == tenant)
        if states is not None and set(states) == {"waiting"}:
            # However many were decided since, none of these is too old to be listed.
            wanted = wanted.where(columns.id.not_in(select(tables.held_events.c.held)))
        with self._database.reading() as connection:
            found = _all_of(connection, connection.execute(wanted).all())
        moment = self._audit.moment()
        return [one for one in found if states is None or self._standing(one, moment) in states]

    def same_as(self, wanted: Wanted) -> HeldCall | None:
        """What asks for the very same already, and is not settled: a client that asks twice is told the same."""
        columns = tables.held_calls.c
        which = select(columns.id).where(columns.tenant == wanted.tenant, columns.question == wanted.question)
        with self._database.reading() as connection:
            found = [_of(connection, name) for name in connection.execute(which.order_by(columns.seq.desc()).limit(9)).scalars()]
        moment, alike = self._audit.moment(), (wanted.candidate, wanted.waiting)
        open_ones = [one for one in found if self._standing(one, moment) in ("waiting", "approved", "running")]
        return next((one for one in open_ones if (one.wanted.candidate, one.wanted.waiting) == alike), None)

    def standing(self, held: HeldCall) -> State:
        """Its state, or that its time is over, whether that was written down or not."""
        return self._standing(held, self._audit.moment())

    def decide(self, held: HeldCall, *, approve: bool, signer: Signer, reason: str = "") -> HeldCall:
        """A person allows the calls, or does not; signed.

        Raises UserError where it is decided already, its time is over, it has gone on since it was looked at, and for who asked.
        """
        who, requester = signer.identity, {held.wanted.requester.casefold(), held.wanted.user.casefold()} - {""}
        if approve and (who.name.casefold() in requester or who.fingerprint in requester):
            hint = f"Another person decides: rung approvals approve {held.id} --as NAME."
            raise UserError(f"{who.name} asked for it, and cannot allow it", hint=hint)
        state: State = "approved" if approve else "refused"
        standing = self.standing(held)
        if state not in MOVES[standing]:
            when = f", since {held.expires[:16].replace('T', ' ')} UTC" if standing == "expired" else ""
            raise UserError(f"{held.id} is {standing}{when}: it cannot be {state}", hint="`rung approvals` lists what waits.")
        said = {"held": held.id, "calls": held.wanted.digest, "state": state, "reason": reason}
        signature = signer.sign(MOVED, said)
        return self._move(held, state, who=who.fingerprint, body=said, signature=signature)

    def begin(self, held: HeldCall) -> HeldCall:
        """This process is about to run the calls.

        Raises UserError where somebody else is, where they are not allowed (any more), or by nobody whose word counts.
        """
        if (standing := self.standing(held)) == "expired":
            self.expire(held)
            raise UserError(f"{held.id} is {standing}", hint="It is asked for anew by the question itself.")
        self._check_signature(held)
        return self._move(held, "running", body={"runner": as_json(this_process())})

    def finish(self, held: HeldCall, results: Sequence[Mapping[str, Any]]) -> HeldCall:
        """What came of the calls, by who ran them."""
        kept = [{key: part for key, part in call.items() if key not in ("name", "arguments")} for call in results]
        return self._move(held, "done", body={"results": as_json(kept)})

    def lose(self, held: HeldCall) -> HeldCall:
        """Whoever ran them is gone: nobody knows what came of them."""
        return self._move(held, "unknown", body={})

    def expire(self, held: HeldCall) -> HeldCall:
        """Writes down that its time is over."""
        return self._move(held, "expired", body={})

    def _standing(self, held: HeldCall, moment: str) -> State:
        return "expired" if "expired" in MOVES[held.state] and held.expires <= moment else held.state

    def _check_signature(self, held: HeldCall) -> None:
        with self._database.reading() as connection:
            columns = tables.held_events.c
            row = connection.execute(
                select(tables.held_events).where(columns.held == held.id, columns.number == held.number)
            ).first()
        signer = self._keys.by_fingerprint().get(row.who) if row else None
        said = json.loads(row.body) if row else {}
        fits = said == {"held": held.id, "calls": held.wanted.digest, "state": "approved", "reason": said.get("reason", "")}
        if row is None or signer is None or signer.kind != "person" or not fits or not signer.signed(MOVED, said, row.signature):
            raise UserError(f"{held.id} bears no signature of a person of this home", hint="`rung verify` says what was changed.")
        if ending := self._keys.endings().get(row.who):
            raise UserError(f"{held.id} was allowed by {signer.name}, whose key {ending.said}", hint="Somebody else decides.")

    def _move(self, held: HeldCall, state: State, *, body: Mapping[str, Any], who: str = "", signature: str = "") -> HeldCall:
        with self._database.writing() as connection:
            known = _of(connection, held.id)
            if known.number != held.number or state not in MOVES[known.state]:
                raise UserError(f"{held.id} is {known.state} meanwhile", hint=f"Look at it: rung approvals show {held.id}")
            row = {"held": held.id, "number": known.number + 1, "state": state, "who": who, "body": canonical_json(body)}
            row |= {"signature": signature, "created": now()}
            connection.execute(insert(tables.held_events), row)
            self._audit.append(MOVED, held.id, moved(row))
            return _of(connection, held.id)


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the line of a stored row says. Raises ValueError where it cannot be read."""
    return {"calls": digest(json.loads(row["body"])), "tenant": row["tenant"], "expires": row["expires"]}


def moved(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an event."""
    return {"number": row["number"], "state": row["state"], "by": row["who"], "said": digest(json.loads(row["body"]))}


def _of(connection: Connection, name: str) -> HeldCall:
    [found] = _all_of(connection, [connection.execute(select(tables.held_calls).where(tables.held_calls.c.id == name)).one()])
    return found


def _all_of(connection: Connection, rows: Sequence[Any]) -> list[HeldCall]:
    """The calls of these rows, each with what happened to it."""
    columns, events = tables.held_events.c, dict[str, list[Any]]()
    for some in batches([row.id for row in rows], IN_ONE_SELECT):
        wanted = select(tables.held_events).where(columns.held.in_(some)).order_by(columns.number)
        for event in connection.execute(wanted):
            events.setdefault(event.held, []).append(event)
    return [_whole(row, events.get(row.id, [])) for row in rows]


def _whole(row: Any, events: Sequence[Any]) -> HeldCall:
    try:
        return _read(row, events)
    except (Misfit, ValueError, KeyError) as error:
        raise BrokenEnvironment(f"what was kept of {row.id} cannot be read: {error}", hint="`rung verify` says more.") from None


def _read(row: Any, events: Sequence[Any]) -> HeldCall:
    more: dict[str, Any] = {}
    for event in events:
        said = json.loads(event.body)
        if event.state in ("approved", "refused"):
            more |= {"by": event.who, "reason": said["reason"], "decided": event.created}
        elif event.state == "running":
            more |= {"runner": from_json(Process, said["runner"]), "begun": event.created}
        elif event.state == "done":
            more["results"] = tuple(said["results"])
    return HeldCall(
        id=row.id,
        wanted=from_json(Wanted, json.loads(row.body)),
        state=cast(State, events[-1].state) if events else "waiting",
        number=len(events),
        expires=row.expires,
        created=row.created,
        **more,
    )
