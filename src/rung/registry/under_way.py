"""What a climb that has not ended has found so far, for whoever watches it: read from its facts, and nothing is decided by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rung.json_form import Misfit, from_json
from rung.types import Verdict

if TYPE_CHECKING:
    from rung.registry.home import Home

SoFar = Literal["passed", "failed", "undecided", "skipped", "built", "ahead"]
_SAME: Mapping[str, SoFar] = {"pass": "passed", "fail": "failed", "undecided": "undecided"}


@dataclass(frozen=True, kw_only=True)
class RungSoFar:
    """A rung of a climb that goes on. `built` is one that waits for its verdict, `ahead` one that is not begun or not finished.

    skipped  why it is left out; "" where it is not
    verdict  on quality, once the gate has said it; `guards` on the rest
    dev      its mean score on `dev_n` dev rows, where that was measured
    """

    rung: str
    state: SoFar
    skipped: str = ""
    verdict: Verdict | None = None
    guards: tuple[Verdict, ...] = ()
    build_s: float | None = None
    gate_s: float | None = None
    artefact_bytes: int | None = None
    dev: float | None = None
    dev_n: int | None = None


@dataclass(frozen=True, kw_only=True)
class UnderWay:
    """A climb so far: `doing` says in words what comes next or is being done, `missing` what its diagnosis found, "" before it.

    usd  what it has paid, None where nothing says so
    """

    climb: str
    started: str
    doing: str
    rungs: tuple[RungSoFar, ...]
    missing: str
    version: str
    usd: float | None


def under_way(home: Home, climb: str) -> UnderWay:
    """What the facts of a climb say. A fact that this version cannot read is left out."""
    facts = home.climbs.facts(climb)
    lock, diagnosed = _map(facts.get("lock")), _map(_map(facts.get("diagnosed")).get("record"))
    skips = _map(diagnosed.get("skips"))
    places = [_map(one) for one in lock.get("rungs") or ()]
    rungs = tuple(_rung(str(one.get("name", "")), str(one.get("skipped") or ""), facts, skips) for one in places)
    spent = _map(facts.get("spent")).get("usd")
    return UnderWay(
        climb=climb,
        started=str(lock.get("started", "")),
        doing=_doing(rungs, facts),
        rungs=rungs,
        missing=str(diagnosed.get("sentence", "")),
        version=str(_map(facts.get("registered")).get("version", "")),
        usd=_number(spent),
    )


def _rung(name: str, skipped: str, facts: Mapping[str, Any], skips: Mapping[str, Any]) -> RungSoFar:
    built, judged = _map(facts.get(f"built/{name}")), _map(facts.get(f"judged/{name}"))
    measured = _map(facts.get(f"measured/{name}"))
    verdict = _verdict(judged.get("verdict"))
    why = skipped or ("" if built or judged else str(skips.get(name, "")))
    state: SoFar = _SAME.get(str(judged.get("status")), "built" if built else "skipped" if why else "ahead")
    size = built.get("artefact_bytes")
    return RungSoFar(
        rung=name,
        state=state,
        skipped=why,
        verdict=verdict,
        guards=tuple(found for one in judged.get("guards") or () if (found := _verdict(one))),
        build_s=_number(built.get("seconds")),
        gate_s=_number(judged.get("seconds")),
        artefact_bytes=size if isinstance(size, int) else None,
        dev=_number(measured.get("mean")),
        dev_n=measured.get("n") if isinstance(measured.get("n"), int) else None,
    )


def _doing(rungs: tuple[RungSoFar, ...], facts: Mapping[str, Any]) -> str:
    """What a climb is at, as far as what it has written down tells."""
    if "registered" in facts:
        return "writing its report"
    if not rungs:
        return "locking the task"
    if passed := next((one.rung for one in rungs if one.state == "passed"), None):
        return f"trying whether something cheaper than {passed} holds, which passed"
    waiting = next((one for one in rungs if one.state in ("built", "ahead")), None)
    if waiting is None:
        return "finishing"
    return f"the gate judges {waiting.rung}" if waiting.state == "built" else f"building {waiting.rung}"


def _verdict(stored: Any) -> Verdict | None:
    try:
        return from_json(Verdict, stored) if stored else None
    except Misfit:
        return None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
