"""What a version rests on, by digest: its base, template, adapters, task and data, written down beside it to be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert

from rung.registry import tables
from rung.types import Candidate

Kind = Literal["base", "template", "adapter", "task", "data"]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One thing that a version rests on; of a base the reference, with and without its pin, and the pin."""

    kind: Kind
    digest: str


def grounds_of(candidate: Candidate, task: str, data: Mapping[str, str]) -> list[Ground]:
    """What a Candidate that was built for a task (digest), on splits of these digests, rests on."""
    reference = candidate.base_reference
    bases = [str(reference), str(replace(reference, weights="")), reference.bare, reference.pin, reference.stored]
    found: dict[Kind, Iterable[str]] = {
        "base": bases,
        "template": [candidate.template],
        "adapter": candidate.adapters,
        "task": [task],
        "data": data.values(),
    }
    return [Ground(kind=kind, digest=digest) for kind, digests in found.items() for digest in dict.fromkeys(digests) if digest]


def enter(connection: Connection, named: int, grounds: Iterable[Ground]) -> None:
    """Writes down what the version with this running number rests on."""
    rows = [{"digest": ground.digest, "kind": ground.kind, "named": named} for ground in grounds]
    if rows:
        connection.execute(insert(tables.grounds), rows)


def beginning_with(column: Any, beginning: str) -> ColumnElement[bool]:
    """Whether a column begins so: as a range, which an index serves whatever the database makes of LIKE."""
    within: ColumnElement[bool] = (column >= beginning) & (column < beginning + "\U0010ffff")
    return within
