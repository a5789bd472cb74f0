"""What a tenant may look up of its own held calls and sessions; and what the admin plane is told of all, and decides.

The admin plane's functions take a home and plain values, and give plain JSON: whoever serves that plane says who may ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

from rung.errors import UserError
from rung.registry.held_states import State
from rung.serve.rails.telling import told, told_to_tenant
from rung.serve.types import Refused, Tenant

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

    from rung.registry.home import Home
    from rung.registry.sessions import SessionChoice
    from rung.serve.door import Door

DECISIONS = {"approve": True, "refuse": False}


def router(door: Door) -> APIRouter:
    """On the data plane: a tenant's own, by its key."""
    from fastapi import APIRouter
    from starlette.responses import JSONResponse

    routes = APIRouter()

    async def answered(request: Request, make: Callable[[Tenant], Any]) -> Response:
        def work() -> Any:
            address = request.client.host if request.client else ""
            return make(door.tenant(request.headers.get("authorization"), address))

        return JSONResponse(await asyncio.get_running_loop().run_in_executor(None, work))

    async def held(request: Request) -> Response:
        return await answered(request, lambda tenant: held_of(door.home, request.path_params["id"], tenant.id))

    async def session(request: Request) -> Response:
        return await answered(request, lambda tenant: session_of(door.home, request.path_params["session"], tenant.id))

    routes.add_route("/v1/held/{id}", held, methods=["GET"])
    routes.add_route("/v1/sessions/{session}", session, methods=["GET"])
    return routes


def held_of(home: Home, id: str, tenant: str) -> dict[str, Any]:
    """A held call as its tenant sees it. Raises Refused (404) for another's, in the words for none."""
    try:
        return told_to_tenant(home, home.held.get(id, tenant))
    except UserError:
        raise _no_such(id) from None


def session_of(home: Home, session: str, tenant: str) -> dict[str, Any]:
    """What a tenant's session has on, by the model's name."""
    newest = {one.name: one for one in reversed(home.sessions.all(tenant)) if one.session == session}
    return {"object": "session", "id": session, "models": [_choice(one) for one in newest.values()]}


def approvals(home: Home, state: str = "") -> dict[str, Any]:
    """Held calls, the newest first: in a state, or all. Raises Refused (400) for what is no state."""
    states: tuple[State, ...] = get_args(State)
    if state and state not in states:
        raise Refused(400, f"'state' is one of {', '.join(states)}.", param="state", code="invalid_value")
    found = home.held.all([one for one in states if one == state] if state else None)
    return {"held": [told(home, one) for one in found]}


def approval(home: Home, id: str) -> dict[str, Any]:
    """One of them. Raises Refused (404)."""
    try:
        return told(home, home.held.get(id))
    except UserError:
        raise _no_such(id) from None


def decide(home: Home, id: str, decision: str, *, identity: str, reason: str = "") -> dict[str, Any]:
    """A person decides: `identity` of this home, whose key is here, signs. Raises Refused: 404, 400, 409 where it is settled."""
    if decision not in DECISIONS:
        raise Refused(400, "'decision' is approve or refuse.", param="decision", code="invalid_value")
    if not identity:
        raise Refused(400, "Say which identity of this home decides: 'as'.", param="as", code="missing")
    approval(home, id)
    held = home.held.get(id)
    if home.held.standing(held) not in ("waiting", "approved"):
        raise Refused(409, f"{held.id} is {home.held.standing(held)}.", code="settled")
    try:
        signer = home.keys.me(identity)
        return told(home, home.held.decide(held, approve=DECISIONS[decision], signer=signer, reason=reason.strip()[:500]))
    except UserError as error:
        raise Refused(400, f"{error.problem}. {error.hint}".strip(), param="as", code="cannot_decide") from None


def sessions(home: Home, tenant: str = "") -> dict[str, Any]:
    """The newest choices of sessions, of a tenant or of all."""
    return {
        "sessions": [{"tenant": one.tenant, "session": one.session, **_choice(one)} for one in home.sessions.all(tenant or None)]
    }


def _choice(one: SessionChoice) -> dict[str, Any]:
    stack = [{"id": name, "weight": weight} for name, weight in one.chosen.stack]
    return {"model": one.name or "base", "mode": one.chosen.mode, "adapters": stack, "since": one.created}


def _no_such(id: str) -> Refused:
    return Refused(404, f"No call is held as '{id[:80]}'.", type="not_found_error", code="not_held")
