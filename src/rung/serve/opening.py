"""A home -> the door of a server over it, every part opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.errors import UserError, did_you_mean
from rung.serve.blobs import CheckedBlobs
from rung.serve.door import Door
from rung.serve.limits import Limits
from rung.serve.metrics import Meters
from rung.serve.names import Names, matches
from rung.serve.rails.line import open_rails
from rung.serve.rollout import open_router
from rung.serve.spans import NoSpans, OpenTelemetry, Spans
from rung.serve.stacks.line import open_stacks
from rung.serve.standing import Standing
from rung.serve.tenants.once import OnceThereAreTenants
from rung.serve.tenants.tenancy import open_tenancy
from rung.sources.base import WEIGHTS

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a server is to be.

    names    shell patterns of what it serves; all that is registered where there are none
    engines  servers in the place of bases, as `Engine.read` takes them
    limits   on what comes in
    takes    what each base in this process may take, as the engine's `Limits.read` has it; `int8` among them has all answer from
             weights of int8 that their own check admits
    traces   whether spans go to OpenTelemetry's exporter
    keep_text_days  how long the journal keeps the words of questions and answers; None: only their digests
    """

    names: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    takes: tuple[str, ...] = ()
    traces: bool = False
    keep_text_days: float | None = None


def open_door(home: Home, settings: Settings) -> Door:
    """Raises UserError where a pattern fits no name, and for an engine that is none."""
    from rung.engine.http.vllm.engines import Engine, with_engines
    from rung.engine.live import Limits as EngineLimits
    from rung.engine.live import open_live_runtime, totals

    blobs = CheckedBlobs(home.blobs)
    engines = [Engine.read(one) for one in settings.engines]
    names = Names(home, only=settings.names)
    _refuse_fitting_none(home, settings.names)
    standing = Standing()
    spans: Spans = OpenTelemetry() if settings.traces else NoSpans()
    limits = EngineLimits.read([word for word in settings.takes if word not in WEIGHTS])
    weights = next((word for word in settings.takes if word in WEIGHTS), "")
    runtime = open_live_runtime(home.path, blobs, limits, weights=weights)
    answers = with_engines(runtime, engines, home.path, blobs)

    def figures() -> Mapping[str, float]:
        own = {"rung_questions_under_way": float(standing.now), "rung_ready": float(standing.ready)}
        return {**own, **totals(runtime.figures())}

    engine = answers.engine
    tenancy = open_tenancy(home, engine=lambda served: engine(served.candidate.base), keep_text_days=settings.keep_text_days)
    tenants = OnceThereAreTenants(home.tenants.any, tenancy.keys, tenancy.quotas)
    rails = open_rails(home)
    return Door(
        home=home,
        runtime=answers,
        router=open_router(home, answers, rails),
        names=names,
        limits=settings.limits,
        meters=Meters(figures),
        spans=spans,
        rails=rails,
        stacks=open_stacks(home, names, rails.rules),
        standing=standing,
        engine=engine,
        keys=tenants,
        quotas=tenants,
        journal=tenancy.journal,
    )


def chosen(door: Door, words: Sequence[str]) -> list[Version]:
    """The versions that some words name. Raises UserError for a word that names none here."""
    found = []
    for word in words:
        served = door.names.find(word)
        version = door.home.names.find(word) if served and served.name else None
        if version is None:
            known = {one.name for one in door.names.served()}
            raise UserError(f"nothing that is served is called '{word}'", hint=did_you_mean(word, known))
        found.append(version)
    return found


def _refuse_fitting_none(home: Home, patterns: Sequence[str]) -> None:
    known = {one.name for one in home.names.all()}
    for pattern in patterns:
        if not any(matches(name, (pattern,)) for name in known):
            raise UserError(
                f"no registered name fits '{pattern}'",
                hint=did_you_mean(pattern, known) if known else "`rung ls` lists what there is.",
            )
