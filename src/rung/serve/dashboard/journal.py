"""The journal as the pages show it: rows of the registry, with what was said of each."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.registry.served import UNDER_WAY, ServedRow
from rung.registry.served import Wanted as RowsWanted
from rung.serve.dashboard.data import Feedback, Found, Question, Wanted

if TYPE_CHECKING:
    from rung.registry.feedback import Heard
    from rung.registry.home import Home

AT_ONCE = 1000
# Rows that another server may write behind some that were read already: read again each time.
OVERLAP = 200


class KeptJournal:
    """The journal of one home. The rows of the last hour are read once, and from then on what has come since."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._rows: dict[str, ServedRow] = {}
        self._heard: dict[str, dict[str, Heard]] = {}
        self._cursor = self._word = 0

    def since(self, moment: str, limit: int) -> Sequence[Question]:
        """The newest questions since a moment, `limit` at most."""
        with self._lock:
            if self._cursor:
                self._read_on()
            else:
                self._begin(moment, limit)
            self._forget(moment)
            names = self._names()
            rows = sorted(self._rows.values(), key=lambda row: row.cursor, reverse=True)[:limit]
            return [_question(row, names, self._heard.get(row.begun.id, {}).values()) for row in rows]

    def search(self, wanted: Wanted, limit: int) -> Found:
        """What is looked for, the newest first; a tenant by its name or its id."""
        before = int(wanted.before) if wanted.before.isascii() and wanted.before.isdecimal() and len(wanted.before) < 16 else 0
        asked = RowsWanted(tenant=self._tenant(wanted.tenant), ref=wanted.ref, ending=wanted.ending, text=wanted.text)
        rows = self._home.served.find(asked, before=before, limit=limit + 1)
        names = self._names()
        shown = tuple(_question(row, names, self._home.feedback.of(row.begun.id)) for row in rows[:limit])
        return Found(rows=shown, next=str(rows[limit - 1].cursor) if len(rows) > limit else "")

    def get(self, id: str) -> Question | None:
        """An answer with what it was made with, and the words that are kept of it."""
        row = self._home.served.get(id)
        if row is None:
            return None
        return _question(row, self._names(), self._home.feedback.of(id), self._home.served.texts(id))

    def _begin(self, moment: str, limit: int) -> None:
        before = 0
        while len(self._rows) < limit:
            rows = self._home.served.find(RowsWanted(since=moment), before=before, limit=AT_ONCE)
            self._keep(rows)
            if len(rows) < AT_ONCE:
                break
            before = rows[-1].cursor
        for heard in self._home.feedback.newest(limit=AT_ONCE):
            self._hear(heard)

    def _read_on(self) -> None:
        for row in [row for row in self._rows.values() if row.end is None]:
            if (known := self._home.served.get(row.begun.id)) is not None:
                self._rows[row.begun.id] = known
        cursor = max(0, self._cursor - OVERLAP)
        while rows := self._home.served.after(cursor, limit=AT_ONCE):
            self._keep(rows)
            cursor = rows[-1].cursor
        while said := self._home.feedback.after(self._word, limit=AT_ONCE):
            for heard in said:
                self._hear(heard)

    def _keep(self, rows: Sequence[ServedRow]) -> None:
        for row in rows:
            self._rows[row.begun.id] = row
            self._cursor = max(self._cursor, row.cursor)

    def _hear(self, heard: Heard) -> None:
        self._heard.setdefault(heard.word.answer, {})[heard.word.id] = heard
        self._word = max(self._word, heard.cursor)

    def _forget(self, moment: str) -> None:
        self._rows = {name: row for name, row in self._rows.items() if row.created >= moment}
        self._heard = {name: said for name, said in self._heard.items() if name in self._rows}

    def _names(self) -> Mapping[str, str]:
        """What tenants are called, by their ids."""
        return {one.id: one.name for one in self._home.tenants.all(ended=True)}

    def _tenant(self, ref: str) -> str:
        try:
            return self._home.tenants.get(ref).id if ref else ""
        except UserError:
            return ref


def _question(row: ServedRow, names: Mapping[str, str], said: Iterable[Heard], texts: Mapping[str, str] | None = None) -> Question:
    begun, end, making = row.begun, row.end, row.begun.making
    made: list[tuple[str, str]] = []
    if making is not None:
        made = [("Candidate", making.candidate), ("Base", making.base), ("Template", making.template)]
        made += [(f"Adapter, weight {weight:g}", name) for name, weight in making.adapters]
        made += [("Part", ref) for ref in making.parts] + [("Engine", making.engine), ("Task", making.task)]
    times = f" ({begun.times:,} times)" if begun.times > 1 else ""
    return Question(
        id=begun.id,
        created=row.created,
        tenant=names.get(begun.tenant, begun.tenant),
        asked=begun.model + times,
        ref=begun.ref,
        endpoint=begun.endpoint,
        ending="" if row.ending == UNDER_WAY else row.ending,
        status=end.status if end else None,
        reason=end.reason if end else "",
        fallback=end.fallback if end else "",
        rollout=begun.rollout,
        arm=begun.arm,
        fingerprint=begun.fingerprint,
        session=begun.session,
        key=begun.key,
        first_s=end.first_s if end else None,
        latency_s=end.latency_s if end else None,
        prompt_tokens=end.prompt_tokens if end else None,
        completion_tokens=end.completion_tokens if end else None,
        feedback=tuple(_feedback(one) for one in said),
        made=tuple((name, value) for name, value in made if value),
        words=tuple((what.capitalize(), words) for what, words in (texts or {}).items()),
    )


def _feedback(heard: Heard) -> Feedback:
    word = heard.word
    return Feedback(thumb=word.thumb, score=word.score, correction=word.correction or "", label=word.label, created=heard.created)
