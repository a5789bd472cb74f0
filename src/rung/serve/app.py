"""The data plane: what clients reach. Nothing here loads, changes or tells of anything but their own questions and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rung.serve.door import Door, asks_for_keys
from rung.serve.faults import refusal
from rung.serve.openai.asking import Desk
from rung.serve.openai.errors import response_of
from rung.serve.openai.routes import router as openai_routes
from rung.serve.types import Refused

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger("rung.serve")

# Parts with routes of their own on the data plane: each module has `router(door) -> APIRouter`. A line each.
ROUTES: tuple[str, ...] = ("rung.serve.rails.routes", "rung.serve.tuning.routes", "rung.serve.tenants.routes")
QUICK_THREADS = 16
HEADER_BYTES = 32 << 10
SAFE_HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


def build_app(door: Door) -> FastAPI:
    """The server over a door: OpenAI's API, health and metrics, and the routes of other parts."""
    from fastapi import FastAPI

    desk = Desk(
        door=door,
        questions=ThreadPoolExecutor(max_workers=2 * door.limits.at_once, thread_name_prefix="question"),
        quick=ThreadPoolExecutor(max_workers=QUICK_THREADS, thread_name_prefix="quick"),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.questions.shutdown(wait=False, cancel_futures=True)
        desk.quick.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False)
    app.state.door = door
    _tell_errors(app)
    app.include_router(openai_routes(desk))
    app.include_router(_health(door, desk))
    for module in ROUTES:
        app.include_router(_router_of(module)(door))
    app.add_middleware(_Guard, door=door)
    return app


def _router_of(module: str) -> Callable[[Door], APIRouter]:
    made: Callable[[Door], APIRouter] = import_module(module).router
    return made


def _tell_errors(app: FastAPI) -> None:
    """Whatever is raised goes out as OpenAI's error body, without a trace or a path."""
    from starlette.exceptions import HTTPException

    async def refused(_request: Request, error: Exception) -> Response:
        return response_of(refusal(error))

    async def unrouted(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code in (404, 405):
            problem = f"Invalid URL ({request.method} {request.url.path[:200]})."
            return response_of(Refused(error.status_code, problem, code="unknown_url"))
        return response_of(Refused(error.status_code, "The request was refused.", code="refused"))

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, unrouted)
    app.add_exception_handler(Exception, refused)


def _health(door: Door, desk: Desk) -> APIRouter:
    """Whether it lives, whether it takes questions, what it counts."""
    from fastapi import APIRouter
    from starlette.responses import JSONResponse, Response

    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @routes.get("/readyz")
    async def readyz() -> Response:
        standing = door.standing
        state = "ready" if standing.ready else "stopping" if standing.draining else "warming"
        return JSONResponse({"status": state, "waits_for": len(standing.cold)}, status_code=200 if standing.ready else 503)

    @routes.get("/metrics")
    async def metrics() -> Response:
        if asks_for_keys(door):
            # They tell what every tenant's models are called and how much each is asked.
            raise Refused(403, "The metrics are on the admin plane.", type="permission_error", code="not_here")
        text = await asyncio.get_running_loop().run_in_executor(desk.quick, door.meters.text)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


class _Guard:
    """Around everything: who may call a server without keys, and headers that every answer has.

    A server without keys trusts whoever reaches it. A page in a browser on this machine reaches it too, under a name of its own
    that it lets point here: so only the names of this machine are answered to.
    """

    def __init__(self, app: Any, door: Door) -> None:
        self._app, self._door = app, door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        if _is_said_twice(scope):
            # What stands before this server may go by the one, and this server by the other: a second request would hide in it.
            response = response_of(Refused(400, "How long the body is is said twice.", code="ambiguous_length"))
            response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES:
            too_large = Refused(431, f"The headers have more than {HEADER_BYTES:,} bytes.", code="headers_too_large")
            await response_of(too_large)(scope, receive, send)
            return
        if not asks_for_keys(self._door) and not _is_of_this_machine(scope):
            refused = Refused(403, "This server has no keys and answers to names of this machine only.", type="permission_error")
            await response_of(refused)(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                has = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in SAFE_HEADERS.items() if name.encode() not in has]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, guarded)


def _is_said_twice(scope: Any) -> bool:
    names = [name for name, _ in scope["headers"] if name in (b"content-length", b"transfer-encoding")]
    return len(names) > 1


def _is_of_this_machine(scope: Any) -> bool:
    """Whether the Host that was asked for, and the page that asked, are of this machine."""
    headers = dict(scope["headers"])
    asked = [headers.get(b"host", b"localhost"), headers.get(b"origin", b"http://localhost").partition(b"://")[2]]
    return all(_host(name) in (b"localhost", b"127.0.0.1", b"[::1]") for name in asked)


def _host(name: bytes) -> bytes:
    """Without the port."""
    return name[: name.index(b"]") + 1].lower() if name.startswith(b"[") and b"]" in name else name.partition(b":")[0].lower()
