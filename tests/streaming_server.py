"""A server of OpenAI's API whose answers come as events, over a real socket, as each test plays it."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Play = Callable[[dict[str, Any], "Out"], None]


class Out:
    """What goes out for one question."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler, self._begun, self.path = handler, False, handler.path

    def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(data))}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._handler.send_response(200)
            self._handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self._handler.send_header("Transfer-Encoding", "chunked")
            self._handler.end_headers()

    def raw(self, data: bytes) -> None:
        self.begin()
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self._handler.wfile.flush()

    def event(self, event: Any) -> None:
        self.raw(b"data: " + json.dumps(event).encode() + b"\n\n")

    def said(self, *texts: str, finish: str | None = "stop", usage: bool = True, **more: Any) -> None:
        """An answer of these pieces, whole where `finish` says why it ended."""
        for text in texts:
            self.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more})
        if finish is None:
            return
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **more})
        if usage:
            self.event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(texts)}, **more})
        self.raw(b"data: [DONE]\n\n")

    def end(self) -> None:
        if self._begun:
            self._handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """The line breaks off."""
        self._handler.connection.close()

    def is_left(self, seconds: float) -> bool:
        """Whether the client closes the line within so long."""
        ready, _, _ = select.select([self._handler.connection], [], [], seconds)
        try:
            return bool(ready) and self._handler.connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True


class StreamingServer:
    """Plays `play` for each question; `pages` is what may be looked at, by path; `bodies` what was sent, with its path."""

    def __init__(self, play: Play) -> None:
        self.play, self.pages, self.bodies, self.paths = play, dict[str, Any](), list[dict[str, Any]](), list[str]()
        self.ports = set[int]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = outer.pages.get(self.path)
                page = page() if callable(page) else page
                Out(self).reply(404 if page is None else 200, {"detail": "Not Found"} if page is None else page)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.paths.append(self.path)
                outer.ports.add(self.client_address[1])
                out = Out(self)
                try:
                    outer.play(body, out)
                    out.end()
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Http(ThreadingHTTPServer):
            request_queue_size, daemon_threads = 256, True

            def handle_error(self, *_: object) -> None:
                pass

        self.http = Http(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
