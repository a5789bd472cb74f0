"""The runtime that a task is answered with: over the home's store, at the task's prices, within its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rung.climb.record import keep_spent, spent
from rung.engine.backend import Budget, ServerUse
from rung.engine.runtime import Runtime, open_runtime
from rung.types import Task

if TYPE_CHECKING:
    from rung.registry.home import Home


def budget_of(task: Task, home: Home, climb: str | None = None) -> Budget:
    """What may be spent on a task. What a climb spends is a fact of it, and counts when it goes on."""
    budget = Budget(limit_usd=task.limits.usd)
    if climb is not None and budget.limit_usd is not None:
        budget.spent_usd, budget.batches = spent(home, climb)
        budget.keep = lambda usd: keep_spent(home, climb, usd, budget.batches)
        budget.together = home.together
    return budget


def runtime_for(task: Task, home: Home, climb: str | None = None) -> Runtime:
    """A task's runtime; in a climb, over what that has spent."""
    budget = budget_of(task, home, climb)
    use = ServerUse(in_flight=task.in_flight, batch=task.batch)
    return open_runtime(home.path, home.blobs, cache_answers=home.answers, prices=task.prices or None, budget=budget, use=use)
