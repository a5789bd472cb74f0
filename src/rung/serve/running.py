"""A server while it runs: its sockets, its signals, its end. A first SIGTERM lets what is under way end; a second does not wait."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from rung.errors import BrokenEnvironment, UserError
from rung.serve.bases import expect, warm
from rung.serve.door import Door, asks_for_keys

if TYPE_CHECKING:
    from rung.registry.names import Version

BACKLOG = 4096
KEEP_ALIVE_S = 30
STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Plane:
    """An application and the socket that it is reached by."""

    app: Any
    listens: socket.socket

    @property
    def address(self) -> str:
        """`http://127.0.0.1:8000`."""
        host, port = self.listens.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int, *, keys: bool) -> socket.socket:
    """A socket on this address. Raises UserError beyond this machine without keys, and for an address that cannot be had."""
    if not keys and not is_loopback(host):
        hint = "Make a key first (`rung tenant`), or listen on 127.0.0.1 and let a proxy of yours ask for its own."
        raise UserError(f"without keys a server is for this machine alone, and {host} is reached from others", hint=hint)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", hint="Choose another with --port.") from error


def listen_behind(data: Plane, port: int | None) -> socket.socket:
    """A socket of this machine for the admin plane: on a port, or by itself on the one behind the data plane's, else on a free
    one."""
    if port is not None:
        return listen("127.0.0.1", port, keys=True)
    behind = data.listens.getsockname()[1] + 1
    try:
        return listen("127.0.0.1", behind if behind < 65536 else 0, keys=True)
    except UserError:
        return listen("127.0.0.1", 0, keys=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def run(door: Door, planes: Sequence[Plane], versions: Sequence[Version] = (), started: Callable[[], None] = lambda: None) -> None:
    """Serves until a signal says to stop. `started` is called once it listens; `versions` are warmed with the bases."""
    _allow_many_connections(door.limits.connections)
    expect(door, versions)
    stop = threading.Event()
    warming = threading.Thread(target=warm, args=(door, versions, stop), name="warm", daemon=True)
    warming.start()
    try:
        door.router.start()
        asyncio.run(_serve(door, planes, started))
    finally:
        stop.set()
        door.router.close()
        for plane in planes:
            plane.listens.close()


async def _serve(door: Door, planes: Sequence[Plane], started: Callable[[], None]) -> None:
    servers = [server_for(plane.app, door) for plane in planes]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True
        door.standing.drain()

    for sent in STOPS:
        loop.add_signal_handler(sent, stop)
    runs = [asyncio.ensure_future(server.serve(sockets=[plane.listens])) for server, plane in zip(servers, planes, strict=True)]
    while not all(server.started for server in servers) and not any(run.done() for run in runs):
        await asyncio.sleep(0.01)
    started()
    await asyncio.gather(*runs)


def server_for(app: Any, door: Door) -> Any:
    """uvicorn's server for an application; signals are left to who runs it. Raises BrokenEnvironment without the extra."""
    try:
        import uvicorn
    except ImportError as error:
        raise BrokenEnvironment("the server is not installed", hint="pip install 'rung[serve]'") from error

    from rung.serve.wire import HEADER_BYTES, patient

    class Server(uvicorn.Server):
        def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
            """Several servers stop together, by one handler."""
            return nullcontext()

    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # a stranger's noise fills no log
    return Server(
        uvicorn.Config(
            app,
            http=patient(door.limits.header_s, door.limits.read_s),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=HEADER_BYTES,
            limit_concurrency=door.limits.connections,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(door.limits.answer_s) + 1,
        )
    )


def has_keys(door: Door) -> bool:
    """Whether who asks must show a key."""
    return asks_for_keys(door)


def _allow_many_connections(connections: int) -> None:
    """Each is an open file; the usual bound of 1,024 is far below what a server holds idle."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + 1024
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))
