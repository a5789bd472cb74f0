"""`POST /v1/feedback`: what a tenant says of an answer of its own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Protocol

from rung.serve.tenants.voices import read_feedback, refused_field
from rung.serve.types import Feedback, Journal, Quotas, Refused, Router, Tenant

if TYPE_CHECKING:
    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES = 1_000_000


class Door(Protocol):
    """What feedback needs of a door."""

    @property
    def journal(self) -> Journal: ...

    @property
    def quotas(self) -> Quotas: ...

    @property
    def router(self) -> Router: ...

    def tenant(self, authorization: str | None, address: str) -> Tenant: ...


def router(door: Door) -> APIRouter:
    """The route of feedback."""
    from fastapi import APIRouter
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    routes = APIRouter()

    async def feedback(request: Request) -> Response:
        body = await read_body(request)
        address = request.client.host if request.client else ""
        told = await run_in_threadpool(_said, door, request.headers.get("authorization"), address, body)
        return JSONResponse(told)

    routes.add_route("/v1/feedback", feedback, methods=["POST"])
    return routes


async def read_body(request: Request) -> bytes:
    """A body of at most a megabyte. Raises Refused (413) for a larger one before it is read to its end."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(413, f"The body is larger than {MOST_BYTES:,} bytes.", code="body_too_large")
        parts.append(part)
    return b"".join(parts)


def _said(door: Door, authorization: str | None, address: str, body: bytes) -> dict[str, Any]:
    tenant = door.tenant(authorization, address)
    _count(door, tenant)
    said = read_feedback(read_json(body))
    id = door.journal.say(tenant, said)
    door.router.heard(said)
    return {"id": id, "object": "feedback", "created": int(time.time()), **_told(said)}


def _count(door: Door, tenant: Tenant) -> None:
    """Feedback is a request among a tenant's others, and takes no tokens. Raises Refused (429)."""
    try:
        door.quotas.admit(tenant, prompt_tokens=0, max_tokens=0).settle(None)
    except Refused as refused:
        door.journal.refuse(tenant, "feedback", refused)
        raise


def read_json(body: bytes) -> Any:
    """The JSON of a body. Raises Refused (400) for what is none, NaN and infinities included."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise refused_field(None, "The body is not JSON.") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(word)


def _told(said: Feedback) -> dict[str, Any]:
    return {"answer": said.answer, "thumb": said.thumb, "score": said.score}
