"""Where a server's chat completions are, by the address in a task file."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def completions_url(address: str) -> str:
    """What a question is posted to."""
    return f"{address}/chat/completions"


def is_safe(address: str) -> bool:
    """Whether what is sent there crosses no network in clear text."""
    where = urlsplit(address)
    return where.scheme == "https" or where.hostname in _LOOPBACK
