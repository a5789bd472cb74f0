"""A request's body, read within its bounds; and who sent it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from rung.serve.limits import Limits
from rung.serve.types import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

SESSION = re.compile(r"[\x21-\x7e]{1,200}")
SESSION_HEADER = "x-rung-session"


async def read_raw(request: Request, limits: Limits) -> bytes:
    """The body's bytes. Raises Refused for what is not JSON, too large, or does not come."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # A page of another origin can send forms and plain text without being asked; JSON it cannot.
        raise Refused(415, "The body must be sent as application/json.", code="unsupported_media_type")
    if request.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise Refused(415, "A compressed body is not taken.", code="unsupported_media_type")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:19]) > limits.body_bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.body_s):
            return await _whole(request, limits)
    except TimeoutError:
        raise Refused(408, f"The body did not come within {limits.body_s:g} seconds.", code="body_timeout") from None


async def _whole(request: Request, limits: Limits) -> bytes:
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > limits.body_bytes:
            raise _too_large(limits)
        parts.append(part)
    return b"".join(parts)


def session_of(request: Request) -> str:
    """The client's X-Rung-Session; "" where it has none."""
    session = request.headers.get(SESSION_HEADER, "")
    if session and not SESSION.fullmatch(session):
        raise Refused(400, f"{SESSION_HEADER} has 1 to 200 visible characters.", param=SESSION_HEADER, code="invalid_value")
    return session


def address_of(request: Request) -> str:
    """Where the request came from."""
    return request.client.host if request.client else ""


def _too_large(limits: Limits) -> Refused:
    return Refused(413, f"The body has more than {limits.body_bytes:,} bytes.", code="body_too_large")
