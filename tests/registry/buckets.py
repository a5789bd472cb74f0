"""A server of buckets for the tests (moto's), on a port of this machine; and one that refuses everything as it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

KEY, SECRET = "AKIATESTTESTTEST", "not-a-secret-that-anybody-has"


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the tests use, and no others of this machine."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


@contextmanager
def server() -> Iterator[str]:
    """The address of a server that keeps what it is given in memory."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        running.stop()


def make(endpoint: str, bucket: str) -> None:
    """A bucket on a server that takes whoever comes."""
    import urllib.request

    request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT", headers={"Authorization": _AS})
    urllib.request.urlopen(request, timeout=20).close()


_AS = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@contextmanager
def refusing(status: int, code: str, *, silent_s: float = 0.0) -> Iterator[str]:
    """The address of a server that answers everything with an error of S3's form, or not at all for a while."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _refuse(self) -> None:
            time.sleep(silent_s)
            said = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no: {SECRET}</Message></Error>".encode()
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _refuse

        def log_message(self, *_args: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
