"""A held call as people and programs are shown it: on the command line, on the admin plane, and to the tenant who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rung.registry.held_states import shown_call

if TYPE_CHECKING:
    from rung.registry.held_states import HeldCall
    from rung.registry.home import Home


def told(home: Home, held: HeldCall) -> dict[str, Any]:
    """All that whoever decides needs to know."""
    wanted = held.wanted
    question = next((turn.get("content") for turn in reversed(wanted.messages) if turn.get("role") == "user"), "")
    return {
        **told_to_tenant(home, held),
        "by": home.keys.called(held.by) if held.by else "",
        "reason": held.reason,
        "before": [shown_call(call) for call in wanted.calls if call not in wanted.waiting],
        "tenant": wanted.tenant,
        "requester": wanted.requester,
        "user": wanted.user,
        "ref": wanted.ref,
        "question": question if isinstance(question, str) else str(question),
        "results": [str(call.get("result", call.get("reason"))) for call in held.outcomes],
    }


def told_to_tenant(home: Home, held: HeldCall) -> dict[str, Any]:
    """What whoever asked may know: not who decides."""
    return {
        "id": held.id,
        "object": "held_call",
        "state": home.held.standing(held),
        "calls": [shown_call(call) for call in held.wanted.waiting],
        "model": held.wanted.model,
        "answer": held.wanted.asked,
        "expires": held.expires,
        "created": held.created,
    }
