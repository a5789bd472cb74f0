"""What one client may ask of the server: sizes, counts, seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on what comes in; what goes beyond is refused before anything is computed.

    body_bytes   of a question; body_s the seconds within which all of it must have come
    header_s     seconds within which a connection must have sent its headers
    read_s       seconds that a client may read nothing of an answer while more of it waits
    depth        how deep a body's JSON may be nested
    messages     of a conversation
    tools        that a client may offer
    schema_bytes of a response_format's schema, or of a tool's parameters
    answers      that one question may ask for (`n`)
    texts        that one question may have embedded or completed
    answer_s     seconds after which an answer is given up
    at_once      questions under way; more are refused with Retry-After
    connections  that may be open
    """

    body_bytes: int = 8 << 20
    body_s: float = 30.0
    header_s: float = 20.0
    read_s: float = 60.0
    depth: int = 64
    messages: int = 2000
    tools: int = 128
    schema_bytes: int = 128 << 10
    answers: int = 16
    texts: int = 256
    answer_s: float = 600.0
    at_once: int = 256
    connections: int = 12_000
