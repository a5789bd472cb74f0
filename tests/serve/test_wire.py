"""What comes over the wire that is no question: half requests, slow ones, huge ones, pages of other origins, clients that leave."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import replace

import httpx
import pytest
from serving_home import register, serving

from rung.engine.bases.resolve import resolve
from rung.registry.home import open_home
from rung.serve.idle import NoJournal
from rung.serve.limits import Limits
from rung.serve.opening import Settings, open_door
from rung.types import Candidate

SLOW = """
import threading, time

began, gone = threading.Event(), threading.Event()


def says(request):
    said = request["messages"][-1]["content"]
    if said.startswith("sleep "):
        time.sleep(float(said.removeprefix("sleep ")))
    if said.startswith("long "):
        return "x" * int(said.removeprefix("long "))
    return said
"""
CHAT = "/v1/chat/completions"


class Endings(NoJournal):
    def __init__(self):
        self.ended = []

    def end(self, id, outcome):
        self.ended.append((outcome.ending, outcome.status))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    limits = Limits(body_bytes=4000, body_s=0.4, header_s=0.4, read_s=0.5, answer_s=0.6, depth=20, connections=600)
    with open_home(tmp_path_factory.mktemp("wire") / "home", write=True) as home:
        (home.path / "slow.py").write_text(SLOW)
        base = resolve(f"scripted:{home.path / 'slow.py'}#says", home.path).pinned
        register(home, "slow", Candidate(rung="r1_prompt", base=base, max_tokens=50))
        door = replace(open_door(home, Settings(limits=limits)), journal=Endings())
        with serving(door) as running:
            yield running


def body(text="hello", **fields):
    return {"model": "slow", "messages": [{"role": "user", "content": text}], **fields}


def raw(running, data, *, wait=3.0, half_close=False):
    """What the server sends back for these bytes, until it ends the connection."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=wait) as line:
        line.sendall(data)
        if half_close:
            line.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := line.recv(65536):
                parts.append(part)
        except TimeoutError:
            parts.append(b"TIMEOUT")
        except ConnectionResetError:
            parts.append(b"RESET")
    return b"".join(parts)


def head(length=None, **headers):
    told = {"host": "127.0.0.1", "content-type": "application/json", **headers} | (
        {"content-length": str(length)} if length else {}
    )
    return (f"POST {CHAT} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in told.items()) + "\r\n").encode()


@pytest.mark.parametrize("data", [b"", b"GET /heal", head(10)[:-2], b"POST / HTTP/1.1\r\nx: y\r\n"])
def test_headers_that_do_not_come_end_the_connection(running, data):
    began = time.monotonic()
    assert b"TIMEOUT" not in raw(running, data) and time.monotonic() - began < 2.5


def test_a_body_that_does_not_come_is_408_and_one_that_trickles_too(running):
    assert raw(running, head(500) + b'{"model"').startswith(b"HTTP/1.1 408")
    with socket.create_connection(("127.0.0.1", running.port), timeout=3) as line:
        line.sendall(head(500))
        for _ in range(12):
            time.sleep(0.05)
            try:
                line.sendall(b" ")
            except OSError:
                break
        assert line.recv(64).startswith(b"HTTP/1.1 408")


def test_who_does_not_read_an_answer_is_let_go_and_who_reads_slowly_is_not(running):
    long = 24_000_000  # more than the system keeps between the two
    asked = json.dumps(body(f"long {long}")).encode()
    for pause_s, whole in ((2.0, False), (0.15, True)):  # twelve of the short ones: far longer than read_s in all
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            line.settimeout(5)
            line.connect(("127.0.0.1", running.port))
            line.sendall(head(len(asked), connection="close") + asked)
            time.sleep(pause_s)
            read = pauses = 0
            try:
                while part := line.recv(1 << 20):
                    read += len(part)
                    if whole and read > (pauses + 1) * 2_000_000:
                        pauses += 1
                        time.sleep(pause_s)
            except ConnectionResetError:
                assert not whole
        assert (read > long) is whole


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head(5000) + b"x" * 100, 413),
        (
            head(**{"transfer-encoding": "chunked"}) + b"fff\r\n" + b"x" * 4095 + b"\r\nfff\r\n" + b"x" * 4095 + b"\r\n0\r\n\r\n",
            413,
        ),
        (head(3) + b"{]}", 400),
        (head(2) + b"[]", 400),
        (head(3) + b'"\xff"', 400),
        (head(7) + b'{"a":\n}', 400),
        (head(8) + b'{"a":NaN', 400),
        (head(60) + b'{"model":' + b"[" * 51, 400),
        (head(2, **{"content-type": "text/plain"}) + b"{}", 415),
        (head(2, **{"content-encoding": "gzip"}) + b"{}", 415),
        (head(2, host="evil.example") + b"{}", 403),
        (head(2, origin="https://evil.example") + b"{}", 403),
        (head(2, origin="null") + b"{}", 403),
        (b"GET /v1/nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 404),
        (b"DELETE /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 405),
        (b"GET /v1/models/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", 404),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_question_is_refused_in_words(running, data, status):
    said = raw(running, data.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1) if b"connection" not in data else data)
    assert said.startswith(f"HTTP/1.1 {status} ".encode()), said[:200]
    assert b"Traceback" not in said and b"/rung/" not in said


def test_deep_and_many_and_half_characters_are_refused(running):
    client = httpx.Client(base_url=running.url)
    deep = {"model": "slow", "messages": []}
    for _ in range(30):
        deep = {"model": "slow", "messages": [deep]}
    assert client.post(CHAT, json=deep).status_code == 400
    half = client.post(CHAT, content=json.dumps(body("\ud800")).encode(), headers={"content-type": "application/json"})
    assert half.status_code == 400 and half.json()["error"]["code"] == "invalid_text"
    assert client.post(CHAT, json=body(), headers={"x-rung-session": "a\tb"}).status_code == 400
    good = client.post(CHAT, json=body())
    assert good.status_code == 200 and good.headers["x-content-type-options"] == "nosniff" and "server" not in good.headers


def test_who_half_closes_has_left(running):
    """A client that closes its side is not to be told from one that is gone: its place is free."""
    sent = json.dumps(body("half")).encode()
    assert raw(running, head(len(sent), connection="close") + sent, half_close=True) == b""
    assert httpx.post(f"{running.url}{CHAT}", json=body("next")).status_code == 200


def test_an_answer_that_does_not_come_in_time_is_given_up(running):
    threads = [
        threading.Thread(target=httpx.post, args=(f"{running.url}{CHAT}",), kwargs={"json": body("sleep 1.2")}) for _ in range(1)
    ]
    for thread in threads:
        thread.start()
    late = httpx.post(f"{running.url}{CHAT}", json=body("sleep 1.2"), timeout=20)
    assert late.status_code in (200, 408)
    for thread in threads:
        thread.join()


def test_who_leaves_is_written_down_as_gone(running):
    journal = running.door.journal
    journal.ended.clear()
    first = threading.Thread(target=httpx.post, args=(f"{running.url}{CHAT}",), kwargs={"json": body("sleep 0.4"), "timeout": 20})
    first.start()
    time.sleep(0.1)
    sent = json.dumps(body("left")).encode()
    with socket.create_connection(("127.0.0.1", running.port)) as line:
        line.sendall(head(len(sent)) + sent)
        time.sleep(0.05)
    first.join()
    for _ in range(100):
        if len(journal.ended) == 2:
            break
        time.sleep(0.02)
    assert len(journal.ended) == 2 and {ending for ending, _ in journal.ended} <= {"answered", "gone", "late"}


def test_many_idle_connections_keep_nobody_from_an_answer(running):
    idle = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(300)]
    try:
        assert (
            httpx.post(f"{running.url}{CHAT}", json=body("still here")).json()["choices"][0]["message"]["content"] == "still here"
        )
    finally:
        for line in idle:
            line.close()


def test_health_and_metrics(running):
    assert httpx.get(f"{running.url}/healthz").status_code == 200
    assert httpx.get(f"{running.url}/readyz").json()["status"] == "ready"
    assert "rung_questions_total" in httpx.get(f"{running.url}/metrics").text
