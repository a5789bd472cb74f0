"""Names and their versions, each with what it rests on; a name's history is kept."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from sqlalchemy import insert, select

from rung.errors import UserError
from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.db import Database, now

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a version rests on: the climb (id) that passed it, on which rung, and the task's digest.

    claimed  what it says of itself, of a version that was brought in from outside and that no task has judged
    """

    climb: str = ""
    rung: str = ""
    task: str = ""
    claimed: str = ""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a name. `rung` is the one that built the Candidate."""

    name: str
    version: int
    candidate: str
    rung: str
    evidence: Evidence
    created: str

    @property
    def ref(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def is_claimed(self) -> bool:
        """Whether nothing but its own word speaks for it."""
        return bool(self.evidence.claimed)


class Names:
    """The names of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, name: str, candidate: str, evidence: Evidence) -> str:
        """Gives a Candidate (id) the next version of a name; returns `name@version`.

        The same Candidate on the same evidence as the newest version is that version again, so that a climb killed between
        registering and writing it down registers once, and what is imported twice is there once. Raises UserError for what cannot
        be a name and for an unknown Candidate.
        """
        check_name(name)
        names, candidates = tables.names, tables.candidates
        with self._database.writing() as connection:
            if not connection.execute(select(candidates.c.id).where(candidates.c.id == candidate)).first():
                raise UserError(f"no candidate {candidate[:12]} is stored", where=str(self._database.path.parent))
            wanted = select(names).where(names.c.name == name).order_by(names.c.version.desc()).limit(1)
            newest = connection.execute(wanted).first()
            if newest and newest.candidate == candidate and _same(_evidence(newest.evidence), evidence):
                return f"{name}@{newest.version}"
            version = newest.version + 1 if newest else 1
            row = {"name": name, "version": version, "candidate": candidate, "evidence": canonical_json(_told(evidence))}
            connection.execute(insert(names), row | {"created": now()})
        return f"{name}@{version}"

    def all(self) -> list[Version]:
        """Every version of every name; by name, oldest version first."""
        names, candidates = tables.names, tables.candidates
        wanted = select(names, candidates.c.fields).join(candidates, candidates.c.id == names.c.candidate)
        return [
            Version(
                name=row.name,
                version=row.version,
                candidate=row.candidate,
                rung=json.loads(row.fields)["rung"],
                evidence=_evidence(row.evidence),
                created=row.created,
            )
            for row in self._database.rows(wanted.order_by(names.c.name, names.c.version))
        ]


def check_name(name: str) -> None:
    """Raises UserError for what cannot be a name."""
    if not NAME.fullmatch(name):
        hint = "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
        raise UserError(f"'{name}' cannot be a name", hint=hint)


def _same(one: Evidence, other: Evidence) -> bool:
    """One climb passes a Candidate once, whatever else is said of it."""
    return one.climb == other.climb if one.climb else one == other


def _told(evidence: Evidence) -> dict[str, str]:
    """As it is stored: a version that claims nothing reads as it did before there were claims."""
    return {key: value for key, value in asdict(evidence).items() if value or key != "claimed"}


def _evidence(text: str) -> Evidence:
    return Evidence(**json.loads(text))
