"""A server of chat completions for `benchmarks/http_bases.py`, in a process of its own: slow, faulty, exact about what it bills.

    python benchmarks/http_server.py '{"latency_s": 0.05}'

prints its port. What it was asked, answered and billed stands under GET /bill; POST /faults sets other faults.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# What one answer is billed, whatever is asked: tokens in, tokens out.
PROMPT_TOKENS, COMPLETION_TOKENS = 100, 10


@dataclass(kw_only=True)
class Faults:
    """What goes wrong, each with its chance.

    latency_s  how long an answer takes; slow_s how long one of the `slow` ones
    refused    429, with Retry-After; broken 500; dropped: billed, and the line closed before a word of the answer
    at_once    how many are answered at a time; more are refused (429). None for any number
    load_s     what each question that is under way adds to the time of all
    """

    latency_s: float = 0.05
    refused: float = 0.0
    broken: float = 0.0
    dropped: float = 0.0
    slow: float = 0.0
    slow_s: float = 1.0
    at_once: int | None = None
    load_s: float = 0.0


@dataclass(kw_only=True)
class Book:
    """What was asked, billed and sent, by the last line of the question."""

    asked: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    most: int = 0


class Line(asyncio.Protocol):
    """One connection, kept open."""

    book, faults, under_way = Book(), Faults(), 0
    chance = random.Random(4)

    def connection_made(self, transport: Any) -> None:
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        while (end := self.waiting.find(b"\r\n\r\n")) >= 0:
            head = self.waiting[:end].decode("latin-1")
            size = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
            if len(self.waiting) < end + 4 + size:
                return
            body, self.waiting = self.waiting[end + 4 : end + 4 + size], self.waiting[end + 4 + size :]
            self.asked(*head.split(" ", 2)[:2], body)

    def asked(self, method: str, path: str, body: bytes) -> None:
        """One request, whole."""
        if path.endswith("/chat/completions"):
            self.question(json.loads(body))
        elif path == "/bill":
            book = self.book
            told = {name: dict(getattr(book, name)) for name in ("asked", "billed", "delivered", "dropped")}
            self.say(200, told | {"requests": book.requests, "most": book.most})
        elif path == "/faults":
            type(self).faults = Faults(**json.loads(body))
            self.say(200, {})
        else:
            self.say(404, {"detail": "Not Found"})

    def question(self, body: dict[str, Any]) -> None:
        """Refused, broken, or answered after a while."""
        cls, faults, chance = type(self), self.faults, self.chance.random()
        self.book.requests += 1
        self.book.asked[body["messages"][-1]["content"].rsplit("\n", 1)[-1]] += 1
        if faults.at_once is not None and cls.under_way >= faults.at_once:
            self.say(429, {"error": {"message": "too many at once"}}, "retry-after: 0\r\n")
            return
        if chance < faults.refused:
            self.say(429, {"error": {"message": "slow down"}}, "retry-after: 0.1\r\n")
            return
        if chance < faults.refused + faults.broken:
            self.say(500, {"error": {"message": "oops"}})
            return
        cls.under_way += 1
        self.book.most = max(self.book.most, cls.under_way)
        slow = self.chance.random() < faults.slow
        seconds = faults.slow_s if slow else faults.latency_s + faults.load_s * cls.under_way
        asyncio.get_running_loop().call_later(seconds, self.answer, body["messages"][-1]["content"])

    def answer(self, question: str) -> None:
        """Billed, and sent unless the line drops."""
        type(self).under_way -= 1
        name = question.rsplit("\n", 1)[-1]
        self.book.billed[name] += 1
        if self.chance.random() < self.faults.dropped or self.transport.is_closing():
            self.book.dropped[name] += 1
            self.transport.abort()
            return
        self.book.delivered[name] += 1
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS, "total_tokens": 110}
        message = {"role": "assistant", "content": '{"answer": "positive"}'}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.say(200, {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": usage})

    def say(self, status: int, content: dict[str, Any], more: str = "") -> None:
        data = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n{more}\r\n"
        self.transport.write(head.encode() + data)


async def serve(faults: Faults) -> None:
    """Until the process ends."""
    Line.faults = faults
    server = await asyncio.get_running_loop().create_server(Line, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Faults(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))))
