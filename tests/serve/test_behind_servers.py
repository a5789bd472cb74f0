"""A Candidate whose base is a server, behind this one: pieces pass through, who leaves frees it, and its limits are told on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from played_vllm import BASE, PlayedVllm
from serving_home import Running, plain, register, serving
from streaming_server import Out, StreamingServer
from tiny_adapter import make_tiny_adapter

from rung.engine.bases.resolve import resolve
from rung.registry.home import Home, open_home
from rung.serve.opening import Settings, open_door


@pytest.fixture(scope="module")
def server() -> Iterator[StreamingServer]:
    made = StreamingServer(lambda body, out: out.said("a"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(server: StreamingServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
            patched.delenv(name, raising=False)
        with open_home(tmp_path_factory.mktemp("behind") / "home", write=True) as home:
            register(home, "remote", plain(resolve(f"{server.address}#x", home.path).pinned))
            with serving(open_door(home, Settings())) as made:
                yield made


def ask(running: Running, model: str = "remote", **fields: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
    line = HTTPConnection("127.0.0.1", running.port, timeout=30)
    line.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return line.getresponse()


def text_of(reply: Any) -> str:
    rows = [row[6:] for row in reply.read().decode().splitlines() if row.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for row in rows for choice in json.loads(row)["choices"])


def test_pieces_pass_through(server: StreamingServer, running: Running) -> None:
    server.play = lambda body, out: out.said("Hé", "l", "lo")
    assert text_of(ask(running, stream=True)) == "Héllo"
    assert json.loads(ask(running).read())["choices"][0]["message"]["content"] == "Héllo"


def test_who_leaves_frees_the_server_behind(server: StreamingServer, running: Running) -> None:
    left: list[bool] = []

    def play(body: dict[str, Any], out: Out) -> None:
        out.said("a", finish=None)
        left.append(out.is_left(10))

    server.play = play
    body = json.dumps({"model": "remote", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as line:
        line.sendall(head.encode() + b"\r\n\r\n" + body)
        assert b"200 OK" in line.recv(65536)
    assert _soon(lambda: left == [True])


def test_a_server_behind_that_is_full(server: StreamingServer, running: Running) -> None:
    server.play = lambda body, out: out.reply(429, {"error": {"message": "busy"}}, {"Retry-After": "2"})
    reply = ask(running)
    assert reply.status == 503 and int(reply.headers["Retry-After"]) >= 1
    assert ask(running).status == 503
    time.sleep(2.1)
    server.play = lambda body, out: out.said("again")
    assert ask(running).status == 200


def test_half_an_answer_behind_is_told(server: StreamingServer, running: Running) -> None:
    server.play = lambda body, out: (out.said("half", finish=None), out.cut())
    assert ask(running).status == 503
    told = ask(running, stream=True).read().decode()
    assert "error" in told and "[DONE]" not in told.partition("error")[0]


def test_a_vllm_in_the_place_of_a_base(tmp_path: Path, tiny_base: Path) -> None:
    """Two adapters of a base are answered by the vLLM that has it, each under its digest."""
    behind = PlayedVllm(root=str(tiny_base))
    try:
        with open_home(tmp_path / "home", write=True) as home:
            _adapted(home, tiny_base)
            engines = (f"{tiny_base}={behind.address}#{BASE}",)
            with serving(open_door(home, Settings(engines=engines))) as running:
                replies = [json.loads(ask(running, model).read()) for model in ("one", "two", "one")]
                said = [reply["choices"][0]["message"]["content"] for reply in replies]
                assert len({reply["system_fingerprint"] for reply in replies}) == 2
                assert said[0] == said[2] != said[1] and len(behind.adapters) == 2
                stream = ask(running, "two", stream=True)
                assert text_of(stream) == said[1]
    finally:
        behind.close()


def _adapted(home: Home, tiny: Path) -> None:
    base = resolve(str(tiny), home.path)
    for rank, name in ((2, "one"), (3, "two")):
        digest = home.blobs.put_tree(make_tiny_adapter(tiny, home.path / name, facts={"of": name}, rank=rank))
        register(home, name, plain(base.pinned, base.template_digest, rung="r4_adapter", adapters=(digest,)))


def _soon(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not is_so() and time.monotonic() < until:
        time.sleep(0.02)
    return is_so()
