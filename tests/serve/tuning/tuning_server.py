"""A server with the routes of files and fine-tuning jobs alone, two tenants, and faults that are injected before or behind it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rung.registry.home import Home
from rung.serve.limits import Limits
from rung.serve.tuning.routes import router
from rung.serve.types import Refused, Served, Tenant
from rung.types import Candidate

# What happens to a request, given its method and path: a response in its place, "lost" (done, and its answer dropped), or None.
Fault = Callable[[str, str], tuple[int, dict[str, str], dict[str, Any]] | str | None]


class Names:
    """Knows the bare base, and what is registered."""

    def __init__(self, home: Home, base: Path | str) -> None:
        self._home, self._base = home, str(base)

    def resolve(self, model: str, tenant: Tenant) -> Served:
        owner = self._home.tunings.owner(model)
        if model == "base":
            return Served(ref="base", name="", version=0, candidate=Candidate(rung="base", base=self._base))
        version = self._home.names.find(model) if owner in (None, tenant.id) else None
        if version is None:
            raise Refused(404, f"The model `{model}` does not exist", param="model", code="model_not_found")
        candidate = self._home.candidates.get(version.candidate)
        return Served(ref=version.ref, name=version.name, version=version.version, candidate=candidate)


@dataclass
class Refusals:
    """What a journal would keep: who was refused what."""

    told: list[tuple[str, str, int]] = field(default_factory=list)

    def refuse(self, tenant: Tenant, what: str, refused: Refused) -> None:
        self.told.append((tenant.id, what, refused.status))


@dataclass
class Door:
    home: Home
    names: Names
    limits: Limits = field(default_factory=Limits)
    journal: Refusals = field(default_factory=Refusals)

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        if not authorization:
            raise Refused(401, "no key", type="authentication_error")
        name = authorization.removeprefix("Bearer ")
        return Tenant(id=name, name=name)


@dataclass
class TuningServer:
    """`faults` are asked in turn; the first that says something is what happens."""

    url: str
    home: Home
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    journal: Refusals = field(default_factory=Refusals)

    def client(self, key: str = "anna", **options: Any) -> Any:
        from openai import OpenAI

        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=options.pop("max_retries", 0), **options)


class Faulty:
    """An ASGI application before another."""

    def __init__(self, app: Any) -> None:
        self.app, self.server = app, TuningServer(url="", home=None)  # type: ignore[arg-type]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        query = scope["query_string"].decode()
        method, path = scope["method"], scope["path"] + (f"?{query}" if query else "")
        self.server.asked.append((method, path))
        found = next((said for fault in list(self.server.faults) if (said := fault(method, path)) is not None), None)
        if found is None:
            await self.app(scope, receive, send)
        elif found == "lost":

            async def nowhere(_message: Any) -> None:
                """The answer is dropped."""

            await self.app(scope, receive, nowhere)
            await _answer(send, 500, {}, {"error": {"message": "The server had an error", "type": "server_error"}})
        else:
            assert isinstance(found, tuple)
            while (await receive()).get("more_body"):
                pass
            await _answer(send, *found)


async def _answer(send: Any, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
    named = [(name.encode(), value.encode()) for name, value in {"content-type": "application/json", **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@contextmanager
def tuning_server(home: Home, base: Path | str) -> Iterator[TuningServer]:
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    app = FastAPI()

    @app.exception_handler(Refused)
    async def refused(_request: Any, error: Refused) -> JSONResponse:
        return JSONResponse(error.body, status_code=error.status)

    door = Door(home, Names(home, base))
    app.include_router(router(door))  # type: ignore[arg-type]
    faulty = Faulty(app)
    faulty.server.journal = door.journal
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(faulty, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    faulty.server.url, faulty.server.home = f"http://127.0.0.1:{listening.getsockname()[1]}", home
    try:
        yield faulty.server
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def once(fault: Fault, times: int = 1) -> Fault:
    """The fault, so often."""
    left = [times]

    def asked(method: str, path: str) -> Any:
        if not left[0]:
            return None
        said = fault(method, path)
        left[0] -= said is not None
        return said

    return asked


def at(method: str, path: str, said: Any) -> Fault:
    """What happens to a request of this method whose path ends so."""
    return lambda asked, place: said if asked == method and place.partition("?")[0].endswith(path) else None


def lines(count: int, **more: Any) -> bytes:
    """So many conversations about whether a message is good or bad."""
    words = (("great", "positive"), ("broken", "negative"), ("love it", "positive"), ("late again", "negative"))
    made = [
        {
            "messages": [
                {"role": "system", "content": "Is it positive or negative?"},
                {"role": "user", "content": f"order {number}: {words[number % 4][0]}"},
                {"role": "assistant", "content": words[number % 4][1]},
            ],
            **more,
        }
        for number in range(count)
    ]
    return "".join(json.dumps(line) + "\n" for line in made).encode()
