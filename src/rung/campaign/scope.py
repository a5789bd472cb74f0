"""Which names a campaign is about: those that answer on the former base, and why the others are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.campaign.standing import Standing, called, same_base
from rung.errors import UserError, did_you_mean
from rung.report.text import plural
from rung.sources.base import BaseReference

SHORTEST_DIGEST = 6


@dataclass(frozen=True, kw_only=True)
class LeftAlone:
    """A name that the campaign does not touch, and why."""

    name: str
    version: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The names that stand on the former base (`called` so), and the rest."""

    former: tuple[str, ...]
    affected: tuple[Standing, ...]
    left_alone: tuple[LeftAlone, ...]


def scope(standings: Sequence[Standing], new: BaseReference, former: str = "") -> Scope:
    """Those of the names whose version rests on `former` (a reference or digest, or the beginning of one).

    Without `former`: on the one other base that there is; where the new base is a former one under the same name, that one.

    Raises UserError where there are several others and none is named, and where no name rests on the one that is named.
    """
    others = [one for one in standings if not _why_alone(one, new)]
    wanted = _on(others, former) if former else _on_the_only_one(others, new)
    if former and not wanted:
        raise _nothing_on(former, standings, new)
    chosen = {one.name for one in wanted}
    rest = nothing_more([one for one in standings if one.name not in chosen], new)
    return replace(rest, former=tuple(dict.fromkeys(called(one.base) for one in wanted)), affected=tuple(wanted))


def nothing_more(standings: Sequence[Standing], new: BaseReference) -> Scope:
    """All of these left alone."""
    alone = [
        LeftAlone(name=one.name, version=one.ref, why=_why_alone(one, new) or f"it rests on {called(one.base)}")
        for one in standings
    ]
    return Scope(former=(), affected=(), left_alone=tuple(alone))


def _why_alone(standing: Standing, new: BaseReference) -> str:
    """Why no change of base concerns a name; "" where it does."""
    if standing.candidate.base_reference.is_linear:
        return "it is a linear model: it rests on no base"
    return "it answers on this base already" if same_base(standing.base, new) else ""


def _on(others: Sequence[Standing], former: str) -> list[Standing]:
    """Those whose base is called so; where none is, those whose base's name or digest begins so."""
    digest = former.removeprefix("sha256:")
    exact = [one for one in others if former in _names(one.base)]
    return exact or [
        one
        for one in others
        if any(name.startswith(former) for name in _names(one.base))
        or (len(digest) >= SHORTEST_DIGEST and one.base.pin.startswith(digest))
    ]


def _names(base: BaseReference) -> tuple[str, ...]:
    return called(base), base.bare, str(base)


def _on_the_only_one(others: Sequence[Standing], new: BaseReference) -> list[Standing]:
    by_base: dict[str, list[Standing]] = {}
    for one in others:
        by_base.setdefault(called(one.base), []).append(one)
    if called(new) in by_base:  # the files under this name are others now
        return by_base[called(new)]
    if len(by_base) > 1:
        told = "; ".join(f"--from {base} ({plural(len(held), 'name')})" for base, held in sorted(by_base.items()))
        raise UserError(f"names rest on {len(by_base)} other bases: say which is left", hint=f"Say one: {told}.")
    return [one for held in by_base.values() for one in held]


def _nothing_on(former: str, standings: Sequence[Standing], new: BaseReference) -> UserError:
    known = {called(one.base) for one in standings if not one.candidate.base_reference.is_linear and not same_base(one.base, new)}
    hint = did_you_mean(former, known) if known else "No name rests on another base than the new one."
    return UserError(f"no name rests on '{former}'", hint=hint)
