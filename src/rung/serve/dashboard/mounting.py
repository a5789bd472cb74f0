"""A door -> what the dashboard shows and does of it, mounted behind the admin plane's own routes."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from rung.engine.caller import Caller, Piece, Sampling
from rung.errors import UserError
from rung.report.text import sentence
from rung.serve.dashboard.app import build_dashboard
from rung.serve.dashboard.data import Admins, Controls, Said, Trial
from rung.serve.dashboard.journal import KeptJournal
from rung.serve.dashboard.people import KeptHolds, KeptTenants
from rung.serve.dashboard.rolling import KeptRollouts
from rung.serve.tenants.keys import AdminKeys, refused_key
from rung.serve.types import Asked, Refused, Tenant

if TYPE_CHECKING:
    from rung.serve.door import Door
    from rung.types import Answer

# Who asks in the playground: no tenant's quota is taken, and the journal says who it was.
PLAYGROUND = Tenant(id="playground", name="playground")
LONGEST_S = 120.0


def mount(admin: Any, door: Door) -> None:
    """Puts the pages at `/` of the admin plane's application, behind what it has itself."""
    admin.mount("/", build_dashboard(controls_of(door)))


def controls_of(door: Door) -> Controls:
    """What the pages of a server show and do."""
    home = door.home
    admins: Admins = AdminKeys(home)
    return Controls(
        home=home,
        admins=admins,
        refused=lambda: door.journal.refuse(None, "admin key", refused_key("shown")),
        journal=KeptJournal(home),
        rollouts=KeptRollouts(home),
        holds=KeptHolds(home),
        tenants=KeptTenants(home, door.keys.forget),
        asks=DoorAsks(door),
    )


class DoorAsks:
    """The playground's questions go the way of a client's: through rollouts, rails, and into the journal."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def ask(self, trial: Trial) -> Said:
        """The whole answer. Raises UserError where there is none, in the words that a client would be told."""
        messages = [{"role": "system", "content": trial.instruction}] if trial.instruction else []
        asked = Asked(
            id=f"chatcmpl-{secrets.token_hex(12)}",
            tenant=PLAYGROUND,
            endpoint="chat",
            model=trial.ref,
            messages=(*messages, {"role": "user", "content": trial.question}),
            user=trial.who,
            stream=True,
        )
        began, first = time.monotonic(), list[float]()

        def hear(piece: Piece) -> None:
            first[:] = first or [time.monotonic() - began]
            trial.hear(piece.text)

        sampling = Sampling(temperature=trial.temperature, max_tokens=trial.max_tokens)
        caller = Caller(sampling=sampling, hear=hear, deadline=began + LONGEST_S, gone=trial.gone)
        try:
            delivered = self._door.answer(asked, caller)
        except Refused as refused:
            raise UserError(refused.message.rstrip("."), hint=_again(refused)) from None
        took = time.monotonic() - began
        return _said(asked.id, delivered.answer, delivered.ending, delivered.reason, (first[0] if first else took, took))


def _said(id: str, answer: Answer, ending: str, reason: str, times: tuple[float, float]) -> Said:
    shown = answer.text if ending in ("answered", "fallback") else sentence(reason)
    return Said(
        text=shown,
        ending=ending,
        reason=reason,
        id=id,
        first_s=times[0],
        latency_s=times[1],
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        calls=tuple({"name": call.get("name"), "outcome": call.get("outcome")} for call in answer.calls),
        sources=tuple(str(passage.get("source", "")) for passage in answer.passages),
    )


def _again(refused: Refused) -> str:
    return f"Try again in {refused.retry_after_s:g} s." if refused.retry_after_s else ""
