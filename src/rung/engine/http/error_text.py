"""A server's error, read: its words for a person, and its codes. No key stands in either."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any

from rung.engine.http.key import masked

_LONGEST = 300
# Where servers put what they have to say, the nearest first; and what they wrap it in.
_WORDS = ("message", "detail", "msg", "error_description", "title", "reason", "error_msg", "errorMessage", "Message")
_WRAPPED = ("error", "errors", "detail", "details", "body", "response", "exception", "Error")
_CODES = ("code", "type", "error_type", "status", "param", "innererror")


@dataclass(frozen=True, kw_only=True)
class ErrorText:
    """What a server says went wrong.

    words   for a person, on one line, shortened
    whole   all of it, for whoever looks for a sign in it
    codes   its codes, types and the parameters that it names, in lower case
    status  the HTTP status that it names itself, 0 where it names none: some send their errors with 200
    """

    words: str
    whole: str
    codes: frozenset[str] = frozenset()
    status: int = 0


def read_error(text: str) -> ErrorText:
    """Takes JSON of any of the forms that servers have, HTML, and plain text."""
    text = masked(text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        words = _plain(text)
        return ErrorText(words=_short(words), whole=words)
    said = "; ".join(dict.fromkeys(_said(content)))
    codes = frozenset(str(code).lower() for code in _found(content, _CODES) if isinstance(code, str | int))
    status = next((code for code in _found(content, ("code", "status", "status_code")) if isinstance(code, int | str)), 0)
    return ErrorText(
        words=_short(said or text),
        # Not the text itself: some servers send the question back with what is wrong with it.
        whole=" ".join((said, *sorted(codes))) if said or codes else text,
        codes=codes,
        status=int(status) if str(status).isdecimal() and 400 <= int(status) < 600 else 0,
    )


def is_web_page(text: str) -> bool:
    """Whether a body is HTML."""
    return re.match(r"\s*<(?:!doctype html|html|head|body)\b", text, re.IGNORECASE) is not None


def _said(content: Any, depth: int = 0) -> Iterator[str]:
    """The words in an error, from the outside in. Providers behind a router are quoted within its own error, as text or as JSON."""
    if depth > 5 or content in (None, "", [], {}):
        return
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content[:5]:
            yield from _said(part, depth + 1)
    elif isinstance(content, Mapping):
        place = (
            ".".join(str(part) for part in content.get("loc", ()) if part != "body") if isinstance(content.get("loc"), list) else ""
        )
        words = next((content[name] for name in _WORDS if isinstance(content.get(name), str) and content[name]), "")
        if words:
            yield f"{place}: {words}" if place else words
        inner = next((content[name] for name in _WRAPPED if content.get(name) not in (None, "", words)), None)
        yield from _said(inner, depth + 1)
        raw = content["metadata"].get("raw") if isinstance(content.get("metadata"), Mapping) else None
        if raw:
            yield from _said(_unpacked(raw), depth + 1)


def _unpacked(raw: Any) -> Any:
    try:
        return json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        return raw


def _found(content: Any, names: tuple[str, ...], depth: int = 0) -> Iterator[Any]:
    """What stands under these names, the outermost first."""
    if depth > 5:
        return
    if isinstance(content, list):
        for part in content[:5]:
            yield from _found(part, names, depth + 1)
    elif isinstance(content, Mapping):
        yield from (content[name] for name in names if content.get(name) not in (None, ""))
        for part in content.values():
            if isinstance(part, Mapping | list):
                yield from _found(part, names, depth + 1)


def _plain(text: str) -> str:
    """HTML without its marks, scripts and styles; other text as it is."""
    if not is_web_page(text):
        return text
    return unescape(re.sub(r"<[^<>]*>", " ", re.sub(r"(?is)<(script|style)\b.{0,20000}?</\1>", " ", text[:50_000])))


def _short(words: str) -> str:
    return " ".join(words.split())[:_LONGEST]
