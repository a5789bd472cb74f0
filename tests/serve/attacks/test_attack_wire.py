"""Requests as no client sends them: cut short, dragged out, said twice, one hidden in another."""

from __future__ import annotations

import json
import os
import resource
import socket
import time

import pytest
from attack_wire import CHAT, read, request
from attacked import Attacked

GOOD = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hi"}]}).encode()
HEAD = request("POST", CHAT, GOOD, {})


def test_half_closed(attacked: Attacked) -> None:
    """Who has said all and closes that side only is answered."""
    assert attacked.wire.raw(HEAD + GOOD, half=True).status in (0, 200)
    assert attacked.wire.raw(HEAD + GOOD[:-5], half=True).status in (0, 400)
    assert attacked.wire.raw(HEAD[:-10], half=True).status in (0, 400)
    assert attacked.wire.chat("echo").status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,  # TLS
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n" + b"",
        b"GET /healthz HTTP/1.1\r\n Host: folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX\xff: a\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n\n",
        b"GET " + b"/x" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 500_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
    ],
    ids=range(13),
)
def test_heads_that_are_none(attacked: Attacked, data: bytes) -> None:
    came = attacked.wire.raw(data, half=True)
    assert came.status in (0, 200, 400, 403, 404, 414, 431, 505) and b"Traceback" not in came.body
    assert attacked.wire.get("/healthz").status == 200


HIDDEN = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: {length}\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: {length}",
        "Transfer-Encoding: xchunked\r\nContent-Length: {length}",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length: 0\r\nContent-Length: {length}",
        "Content-Length: +{length}",
        "Content-Length: -1",
        "Content-Length: 0x10",
        "Content-Length: {length}, 0",
    ],
)
def test_a_request_hidden_in_another(attacked: Attacked, head: str) -> None:
    """However long its body is said to be, one request has one answer: what is hidden behind it is never asked."""
    body = b"0\r\n\r\n" + HIDDEN
    sent = f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{head.format(length=len(body))}\r\n\r\n"
    with attacked.wire.open() as line:
        line.sendall(sent.encode() + body)
        came = _all(line)
    assert came.count(b"HTTP/1.1 200") == 0 or b'"object": "list"' not in came.replace(b'":"', b'": "'), came


def test_a_chunk_that_lies(attacked: Attacked) -> None:
    for chunk in (
        b"zz\r\n",
        b"ffffffffffffffffff\r\n",
        b"-1\r\n",
        b"5\r\nab\r\n0\r\n\r\n",
        b"5;" + b"x" * 100_000 + b"\r\nhello\r\n",
    ):
        head = request("POST", CHAT, b"", {"Transfer-Encoding": "chunked", "Content-Length": "-"})
        assert attacked.wire.raw(head + chunk, half=True).status in (0, 400, 413, 431)
    assert attacked.wire.chat("echo").status == 200


def test_what_goes_out_in_headers_is_ours(attacked: Attacked) -> None:
    """Neither a model's name, nor a session, nor an id brings a line of its own."""
    for name in ("X-Rung-Session", "X-Request-Id", "Origin", "Authorization"):
        came = attacked.wire.post(GOOD, **{name.replace("-", "_"): "a\r\nX-Evil: 1"})
        assert "x-evil" not in came.head.lower()
    for value in ("a b", "\x7f", "é", "x" * 5000):
        assert attacked.wire.post(GOOD, X_Rung_Session=value).status == 400
    assert "x-evil" not in attacked.wire.get("/v1/models/a%0d%0aX-Evil:%201").head.lower()


def test_another_host_is_not_answered_without_keys(attacked: Attacked) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Host": "127.0.0.1.evil.example"}):
        assert attacked.wire.post(GOOD, **headers).status == 403


def test_who_says_nothing_holds_nobody_up(attacked: Attacked) -> None:
    """Lines that stay silent, or say a byte now and then, while others are answered: 500 of them, all 10,000 where asked for."""
    wanted = 10_000 if "RUNG_ALL_ATTACKS" in os.environ else 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 3 * wanted + 500)), hard))
    lines: list[socket.socket] = []
    try:
        for number in range(wanted):
            line = socket.create_connection(("127.0.0.1", attacked.wire.port), timeout=20)
            line.sendall([b"", b"POST ", HEAD[:-2], HEAD + GOOD[:7]][number % 4])
            lines.append(line)
        began = time.monotonic()
        for _ in range(5):
            assert attacked.wire.chat("echo").status == 200
        assert time.monotonic() - began < 10
    finally:
        for line in lines:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_body_that_is_dragged_out_is_given_up(attacked: Attacked) -> None:
    """The server waits for `body_s` in all, not for each byte."""
    with attacked.wire.open() as line:
        line.sendall(HEAD)
        until = time.monotonic() + attacked.limits.body_s + 8
        while time.monotonic() < until:
            try:
                line.sendall(b" ")
            except OSError:
                break
            line.settimeout(0.1)
            try:
                if line.recv(1, socket.MSG_PEEK):
                    break
            except OSError:
                pass
        assert read(line, 5).status in (0, 408)
        assert time.monotonic() < until


def _all(line: socket.socket) -> bytes:
    line.settimeout(1.0)
    data = b""
    try:
        while part := line.recv(65536):
            data += part
    except OSError:
        pass
    return data
