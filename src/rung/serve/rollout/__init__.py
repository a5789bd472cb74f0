"""Canary, A/B and shadow: a second version answers a part of those who ask, and is rolled back once it is shown to do harm."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rung.engine.runtime import Runtime
    from rung.registry.home import Home
    from rung.serve.rollout.router import RolloutRouter
    from rung.serve.types import Asked, Rails, Served
    from rung.types import Answer, Task

# After which a shadow's answer is given up.
SHADOW_S = 120.0


def open_router(home: Home, runtime: Runtime | None = None, rails: Rails | None = None) -> RolloutRouter:
    """The router of a server; `start` has it look and judge. `runtime` answers shadows within `rails`, where there are both."""
    from rung.serve.rollout.router import RolloutRouter

    ask = partial(shadow_answer, runtime, rails) if runtime and rails else None
    return RolloutRouter(home, lambda lock: kept_rows(home, lock), ask)


def kept_rows(home: Home, lock: str) -> Task | None:
    """A locked task with its test rows as the home kept them, for what promotion compares on; None where it cannot."""
    from dataclasses import replace

    from rung.errors import RungError
    from rung.serve.rollout.measures import kept_settings

    task, record = kept_settings(home, lock), home.locks.record(lock) if lock else None
    if task is None or record is None:
        return None
    try:
        return replace(task, examples=tuple(home.locks.rows(record)))
    except RungError:
        return None


def shadow_answer(runtime: Runtime, rails: Rails, asked: Asked, served: Served) -> Answer:
    """What the candidate answers to a copy of a question, under the tenant that asked, without anybody hearing it.

    Raises what the engine raises, Refused for what this candidate cannot be asked, and NotAsked where it would cost too much, or
    where what it costs cannot be read or written down.
    """
    from dataclasses import replace

    from rung.engine.answer import answer
    from rung.engine.caller import Caller
    from rung.errors import BrokenEnvironment
    from rung.serve.question import question_of
    from rung.serve.rollout.shadow import NotAsked

    try:
        admitted = rails.admits_shadow(served)
    except BrokenEnvironment as error:
        raise NotAsked from error
    if not admitted:
        raise NotAsked
    question = question_of(asked, served, rails.caller(asked, served, Caller(deadline=time.monotonic() + SHADOW_S)))
    beside = replace(runtime, caller=question.caller, live=True, cache=None, asker="shadow")
    [said] = answer(question.candidate, [question.example], beside)
    try:
        rails.shadowed(served, said)
    except BrokenEnvironment as error:
        raise NotAsked from error
    return said
