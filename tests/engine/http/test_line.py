"""A line to a server over real sockets: redirects, web pages, proxies, certificates, errors under another status than theirs."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from stand_in import Server, completion

from rung.engine.http.line import Line
from rung.engine.http.refusals import Asked
from rung.engine.http.route import Route
from rung.errors import BrokenEnvironment, UserError
from rung.sources.address import ServerAddress

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, *map(str.upper, PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RUNG_API_KEY", "zq-17-verysecret-98")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def line(address: str) -> Line:
    return Line(Asked(address=ServerAddress.read(address), model="tiny"), 2.0)


def post(server: Server, *reply: Any) -> Any:
    server.script = [(*reply, *({}, 0)[len(reply) - 2 :])]
    with line(server.address) as open_line:
        return open_line.post({"model": "tiny"})


@pytest.mark.parametrize(
    ("status", "body", "read"),
    [
        (200, completion("x"), 200),
        (200, {"error": {"code": 429, "message": "slow down"}}, 429),
        (200, {"error": {"code": 400, "message": "context size exceeded"}}, 400),
        (200, {"error": {"message": "upstream"}}, 200),
        (200, {"choices": [], "prompt_feedback": {"block_reason": "PROHIBITED_CONTENT", "message": "content filter"}}, 400),
        (200, {"choices": []}, 200),
        (500, {"error": {"message": "the request exceeds the available context size"}}, 413),
        (500, {"error": {"message": "prompt blocked by content filter"}}, 400),
        (500, {"error": {"message": "oops"}}, 500),
        (429, {"error": {"message": "Request too large for tiny on tokens per min: 2 > 1. The input must be reduced"}}, 413),
        (429, {"error": {"message": "Rate limit reached on tokens per min, context window"}}, 429),
    ],
)
def test_a_reply_is_read_for_what_it_is(server: Server, status: int, body: Any, read: int) -> None:
    assert post(server, status, body).status_code == read


def test_json_is_utf8_whatever_is_said_of_it(server: Server) -> None:
    body = '\ufeff{"choices": [{"message": {"content": "Grüße, 日本"}}]}'.encode()
    assert "Grüße, 日本" in post(server, 200, body, {"Content-Type": "text/plain; charset=iso-8859-1"}, 0).text


def test_a_web_page_is_told_at_once(server: Server) -> None:
    with pytest.raises(UserError, match=r"a web page, no chat completion: Sign in Please"):
        post(server, 200, b"<!doctype html><html><title>Sign in</title><p>Please</p></html>")
    assert len(server.bodies) == 1


def test_a_redirect_is_told_and_the_key_stays(server: Server) -> None:
    other = Server()
    try:
        with pytest.raises(UserError, match=rf"sends on to {other.address} \(HTTP 307\)[\s\S]*{other.address}#tiny"):
            post(server, 307, b"", {"Location": f"{other.address}/chat/completions"}, 0)
        assert not other.bodies, "the key is not for that server"
    finally:
        other.http.shutdown()
        other.http.server_close()


@contextmanager
def proxy(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A proxy that answers each request itself, with a chat completion; and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(f"{self.path} {self.headers.get('Proxy-Authorization')}")
            data = b'{"choices": [{"message": {"content": "by proxy"}}]}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(status, "Proxy Authentication Required")

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"127.0.0.1:{http.server_port}", asked
    http.shutdown()
    http.server_close()


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def test_a_proxy_is_used_but_not_to_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy() as (place, asked):
        monkeypatch.setenv("HTTP_PROXY", f"http://me:hunter2@{place}")
        with line("http://models.example/v1") as open_line:
            assert "by proxy" in open_line.post({}).text
        assert asked == ["http://models.example/v1/chat/completions Basic bWU6aHVudGVyMg=="]
        post(server, 200, completion("near"))
        assert len(server.bodies) == 1 and len(asked) == 1


@pytest.mark.parametrize(
    ("no_proxy", "address", "passed_by"),
    [
        ("", "http://models.example/v1", False),
        ("*", "http://models.example/v1", True),
        ("models.example", "http://models.example/v1", True),
        (".example", "http://models.example/v1", True),
        ("example", "http://models.example/v1", True),
        ("odels.example", "http://models.example/v1", False),
        ("models.example:81", "http://models.example:81/v1", True),
        ("10.0.0.0/8, other", "http://10.1.2.3:8000/v1", True),
        ("10.0.0.0/8", "http://11.1.2.3/v1", False),
        ("fd00::/8", "http://[fd00::5]:8000/v1", True),
    ],
)
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, no_proxy: str, address: str, passed_by: bool) -> None:
    monkeypatch.setenv("all_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    found = Route.of(ServerAddress.read(address))
    assert found.proxy == ("" if passed_by else "http://proxy.example:3128")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named_at_once(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    port = free_port()
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:hunter2@127.0.0.1:{port}/")
    with line(f"{scheme}://models.example/v1") as open_line, pytest.raises(BrokenEnvironment) as caught:
        open_line.post({})
    said = caught.value.message
    assert f"the proxy http://127.0.0.1:{port} does not let through" in said and f"{scheme.upper()}_PROXY" in said
    assert "hunter2" not in said and "NO_PROXY=models.example" in said


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(407) as (place, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{place}")
        with line("https://models.example/v1") as open_line, pytest.raises(BrokenEnvironment, match="407 Proxy Auth"):
            open_line.post({})
        assert asked == ["models.example:443"]


@pytest.mark.parametrize(
    "written", ["socks://me:hunter2@p.example:1080", "socks4://p.example:1080", "http://:3128", "http://p:x", "ftp://p"]
)
def test_what_is_no_proxy_is_told(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("ALL_PROXY", written)
    with pytest.raises(UserError, match=r"ALL_PROXY[\s\S]*no proxy that can be used[\s\S]*socks5://host:port") as caught:
        Route.of(ServerAddress.read("http://models.example/v1"))
    assert "hunter2" not in caught.value.message
    Route.of(ServerAddress.read("http://127.0.0.1:1/v1"))


def test_a_socks_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name: it is the proxy that looks it up."""
    pytest.importorskip("socksio")
    asked: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        held, _ = listening.accept()
        with held, socket.create_connection(("127.0.0.1", server.http.server_port)) as beyond:
            held.recv(99)
            held.sendall(b"\x05\x00")
            asked.append(held.recv(999))
            held.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            threading.Thread(target=_pipe, args=(beyond, held), daemon=True).start()
            _pipe(held, beyond)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{listening.getsockname()[1]}")
        with line("http://models.example/v1") as open_line:
            assert "hello" in open_line.post({}).text
    assert b"models.example" in asked[0] and len(server.bodies) == 1


def _pipe(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass


def test_a_socks_proxy_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", "socks5://me:hunter2@p.example:1080")
    with pytest.raises(BrokenEnvironment, match=r"rung\[socks\]") as caught:
        line("http://models.example/v1")
    assert "hunter2" not in caught.value.message


def test_a_certificate_that_is_not_trusted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    try:
        subprocess.run(
            ["openssl", "req", *wanted, "-keyout", "key.pem", "-out", "own.pem"], cwd=tmp_path, check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    address = f"https://localhost:{server.http.server_port}/v1"
    with line(address) as open_line, pytest.raises(UserError, match=r"certificate is not trusted: self.signed[\s\S]*SSL_CERT_FILE"):
        open_line.post({})
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    with line(address) as open_line:
        assert "hello" in open_line.post({}).text
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(UserError, match=r"SSL_CERT_FILE: the certificates cannot be read"):
        line(address)


def test_tls_where_there_is_none(server: Server) -> None:
    address = server.address.replace("http:", "https:")
    with line(address) as open_line, pytest.raises(UserError, match=rf"speaks no TLS[\s\S]*write {server.address}"):
        open_line.post({})
