"""Tenants, keys and the journal as JSON: the same on the command line and on the admin plane. A key's secret is in none of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rung.registry.scopes import SETTINGS

if TYPE_CHECKING:
    from rung.registry.api_keys import ApiKey
    from rung.registry.feedback import Heard
    from rung.registry.home import Home
    from rung.registry.served import ServedRow
    from rung.registry.tenants import TenantRecord


def tenant_told(record: TenantRecord) -> dict[str, Any]:
    """A tenant with all its settings."""
    settings = {name: getattr(record.scope, name) for name in SETTINGS}
    told = {"id": record.id, "name": record.name, "ended": record.has_ended, "number": record.number, "who": record.who}
    return told | {
        "changed": record.created,
        "settings": {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()},
    }


def tenant_whole(home: Home, record: TenantRecord) -> dict[str, Any]:
    """A tenant with its keys, what it has taken, and every change."""
    day, month = home.budgets.now(record.id)
    return tenant_told(record) | {
        "keys": [key_told(home, key) for key in home.api_keys.of(record.id)],
        "taken": {"today": asdict(day), "this_month": asdict(month)},
        "changes": [tenant_told(change) | {"kind": change.kind} for change in home.tenants.history(record.id)],
    }


def key_told(home: Home, key: ApiKey) -> dict[str, Any]:
    """A key without its secret, and whether it holds now."""
    return asdict(key) | {"begins": key.begins, "holds": key.holds(home.audit.moment())}


def served_told(row: ServedRow) -> dict[str, Any]:
    """A row of the journal."""
    begun = asdict(row.begun)
    making = begun.pop("making")
    end = asdict(row.end) if row.end else {}
    told = {"cursor": row.cursor, **begun, "ending": row.ending, "made_with": making}
    told |= {name: end.get(name) for name in _END}
    return told | {"server": row.server, "created": row.created, "ended": row.ended or None}


def heard_told(heard: Heard) -> dict[str, Any]:
    """What was said of an answer."""
    said = {**asdict(heard.word), "said": dict(heard.word.said)}
    return {**said, "cursor": heard.cursor, "ref": heard.ref, "rollout": heard.rollout, "arm": heard.arm, "created": heard.created}


def served_whole(home: Home, row: ServedRow) -> dict[str, Any]:
    """A row of the journal with what was said of it, and the words that are kept of it."""
    feedback = [heard_told(heard) for heard in home.feedback.of(row.begun.id)]
    return served_told(row) | {"feedback": feedback, "texts": dict(home.served.texts(row.begun.id))}


_END = (
    *("status", "reason", "fallback", "answer", "prompt_tokens", "cached_tokens", "completion_tokens"),
    *("usd", "first_s", "latency_s"),
)
