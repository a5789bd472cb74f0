"""A client that says exactly the bytes that it is told to, as no well-behaved one does."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

CHAT = "/v1/chat/completions"


@dataclass(frozen=True, kw_only=True)
class Came:
    """What came back: 0 where the line was closed without a reply."""

    status: int
    head: str = ""
    body: bytes = b""

    @property
    def error(self) -> dict[str, Any]:
        """OpenAI's error body; {} where there is none."""
        try:
            said = json.loads(self.body).get("error")
        except (ValueError, AttributeError):
            return {}
        return said if isinstance(said, dict) else {}

    @property
    def text(self) -> str:
        """What a chat completion says."""
        return str(json.loads(self.body)["choices"][0]["message"]["content"])


@dataclass(frozen=True, kw_only=True)
class Wire:
    """Lines to one server."""

    port: int
    key: str = ""

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, data: bytes, *, half: bool = False) -> Came:
        """Says these bytes and reads what comes; `half` closes this side after them."""
        with self.open() as line:
            try:
                line.sendall(data)
                if half:
                    line.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it had heard enough
            return read(line)

    def post(self, body: Any, path: str = CHAT, **headers: str) -> Came:
        """A body, as JSON where it is no bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.raw(request("POST", path, data, self._headers(headers)) + data)

    def get(self, path: str, method: str = "GET", **headers: str) -> Came:
        return self.raw(request(method, path, b"", self._headers(headers)))

    def chat(self, model: str, text: str = "hello", **fields: Any) -> Came:
        return self.post({"model": model, "messages": [{"role": "user", "content": text}], **fields})

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {**key, **{name.replace("_", "-"): value for name, value in more.items()}}


def request(method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The head of a request; what `headers` say counts more than what is usual."""
    usual = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines = [f"{name}: {value}" for name, value in {**usual, **headers}.items() if value != "-"]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def read(line: socket.socket, seconds: float = 20.0) -> Came:
    """One reply, to the end of the line."""
    data, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        line.settimeout(max(0.05, until - time.monotonic()))
        try:
            part = line.recv(65536)
        except OSError:
            break
        if not part:
            break
        data += part
        if _is_whole(data):
            break
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.decode("latin-1").split(" ", 2)
    status = int(words[1]) if len(words) > 1 and words[0].startswith("HTTP/") and words[1].isdecimal() else 0
    return Came(status=status, head=head.decode("latin-1"), body=body)


def _is_whole(data: bytes) -> bool:
    """Whether a reply that says how long it is has come."""
    head, gap, body = data.partition(b"\r\n\r\n")
    for name in head.lower().split(b"\r\n"):
        if gap and name.startswith(b"content-length:"):
            return len(body) >= int(name.partition(b":")[2])
    return False
