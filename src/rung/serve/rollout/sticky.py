"""Which arm somebody meets: always the same one, by a keyed hash of what tells them apart.

What an arm is sticky to, the first of these that a question has:

    user      the client's word for its own user
    session   X-Rung-Session, or the conversation's id
    question  the beginning of the conversation, up to the first thing that the user says: its later turns meet the same version

each within its tenant: a word of another tenant's is another person. The hash is keyed by the rollout's own secret, so that nobody
can choose an arm, and that no name can be read from what is kept.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from rung.json_form import canonical_json
from rung.serve.types import Asked

DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Who asks, as far as a rollout knows: a name without a meaning, and the place in [0, 1) where they lie in the draw."""

    name: str
    place: float


def unit_of(asked: Asked, secret: str) -> Unit:
    """Whom the arm of a question is sticky to."""
    said = canonical_json([asked.tenant.id, *_told_apart(asked)])
    name = hmac.new(secret.encode("ascii"), said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:DIGITS]
    return Unit(name=name, place=int(name, 16) / 16**DIGITS)


def _told_apart(asked: Asked) -> list[str]:
    if asked.user:
        return ["user", asked.user]
    if asked.session:
        return ["session", asked.session]
    first = next((place for place, turn in enumerate(asked.messages) if turn.get("role") == "user"), len(asked.messages))
    return ["question", canonical_json([dict(turn) for turn in asked.messages[: first + 1]])]
