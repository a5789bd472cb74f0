"""What was said of answers: a thumb, a score, a correction, a comment. Nothing of it is taken back; the last word counts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select

from rung.json_form import canonical_json
from rung.registry.db import Database
from rung.registry.segments import Head, Segments
from rung.registry.served_tables import feedback, served
from rung.registry.servers import IN_ONE_SELECT
from rung.types import batches


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody said of an answer. `thumb` is `up`, `down` or ""; `score` is in [0, 1]; None where nothing was said of it.

    id       of what was said: `fb-...`; `answer` is the answer's
    tenant, key   whose word it is
    said     what the client says beside
    """

    id: str
    answer: str
    tenant: str
    key: str
    thumb: str = ""
    score: float | None = None
    correction: str | None = None
    label: str = ""
    comment: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A word with what it is of: the ref that answered, and the rollout and arm that had chosen it. `cursor` is for following."""

    cursor: int
    word: Word
    ref: str
    rollout: str
    arm: str
    created: str


class FeedbackShelf:
    """What was said of the answers of one RUNG_HOME's servers."""

    def __init__(self, database: Database, segments: Segments) -> None:
        self._database, self._segments = database, segments

    def add(self, head: Head, word: Word) -> Head:
        """Adds a word, in a transaction of the caller's."""
        row: dict[str, Any] = {"id": word.id, "answer": word.answer, "tenant": word.tenant, "key": word.key, "thumb": word.thumb}
        row |= {"score": float(word.score) if word.score is not None else None, "correction": word.correction}
        row |= {"label": word.label, "comment": word.comment, "said": canonical_json(dict(word.said))}
        return self._segments.add(head, feedback, row)

    def of(self, answer: str) -> list[Heard]:
        """All that was said of an answer; the first word first."""
        return self._found(_JOINED.where(feedback.c.answer == answer))

    def of_all(self, answers: Sequence[str]) -> dict[str, list[Heard]]:
        """All that was said of each of some answers."""
        found: dict[str, list[Heard]] = {}
        for some in batches(list(answers), IN_ONE_SELECT):
            for heard in self._found(_JOINED.where(feedback.c.answer.in_(some))):
                found.setdefault(heard.word.answer, []).append(heard)
        return found

    def after(self, cursor: int = 0, *, rollout: str = "", ref: str = "", tenant: str = "", limit: int = 500) -> list[Heard]:
        """What was said behind a cursor, the first word first: of a rollout, a ref (`tone`: any of its versions) or by a tenant."""
        wanted = _JOINED.where(feedback.c.seq > cursor)
        wanted = wanted.where(served.c.rollout == rollout) if rollout else wanted
        wanted = wanted.where(feedback.c.tenant == tenant) if tenant else wanted
        if ref:
            wanted = wanted.where((served.c.ref == ref) | served.c.ref.startswith(f"{ref}@", autoescape=True))
        return self._found(wanted.limit(limit))

    def newest(self, *, ref: str = "", limit: int = 50) -> list[Heard]:
        """What was said last, the last word first."""
        wanted = _JOINED.order_by(None).order_by(feedback.c.seq.desc()).limit(limit)
        if ref:
            wanted = wanted.where((served.c.ref == ref) | served.c.ref.startswith(f"{ref}@", autoescape=True))
        return self._found(wanted)

    def _found(self, wanted: Select[Any]) -> list[Heard]:
        return [_heard(row) for row in self._database.rows(wanted)]


def new_id() -> str:
    """An id for what is said."""
    return "fb-" + secrets.token_hex(12)


_JOINED: Select[Any] = (
    select(feedback, served.c.ref, served.c.rollout, served.c.arm)
    .join(served, served.c.id == feedback.c.answer)
    .order_by(feedback.c.seq)
)


def _heard(row: Any) -> Heard:
    word = Word(
        id=row.id,
        answer=row.answer,
        tenant=row.tenant,
        key=row.key,
        thumb=row.thumb,
        score=row.score,
        correction=row.correction,
        label=row.label,
        comment=row.comment,
        said=json.loads(row.said),
    )
    return Heard(cursor=row.seq, word=word, ref=row.ref, rollout=row.rollout, arm=row.arm, created=row.created)
