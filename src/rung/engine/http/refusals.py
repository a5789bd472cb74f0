"""What a server's refusal means: one question's own fault, the user's, or the server's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rung.engine.backend import ContextTooLong
from rung.engine.http.body import OPTIONAL, OWN_CHOICE
from rung.engine.http.completion import json_object
from rung.errors import RungError, UserError
from rung.types import REFUSED, WITHHELD

_TOO_LONG = re.compile(r"context.{0,20}(length|window|size)|maximum context|too long|too many tokens", re.IGNORECASE)
_FILTERED = ("content_filter", "ResponsibleAIPolicyViolation", "content management policy")


# In the words of vLLM, llama.cpp's server, Ollama, OpenRouter.
_NO_TOOLS = re.compile(
    r"tool.{0,20} requires? --|tools? param requires|not support (?:tool|function)|support(?:s|ing)? tool use"
    r"|tools?.{0,20} (?:is|are) not supported|(?:unexpected|unknown|unrecognized|extra).{0,40}\btools\b",
    re.IGNORECASE,
)
_NEVER = re.compile(r"requires? --\w|not implemented|not supported|unsupported", re.IGNORECASE)


class NoAnswer(Exception):
    """A question came to no answer. Whether that is its own fault or the server's shows in what comes of others.

    error   what to raise where it is the server's
    reason  the Answer's finish_reason where it is its own: FAILED, REFUSED or WITHHELD, and `fault` in words
    """

    def __init__(self, error: RungError, reason: str, fault: str) -> None:
        super().__init__(fault)
        self.error, self.reason, self.fault = error, reason, fault


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who was asked: what a refusal names."""

    address: str
    model: str


def refused_for(status: int, text: str, asked: Asked) -> Exception:
    """What a refusal is: one question's own (NoAnswer), where it may be that, else the user's to mend."""
    refusal = _refusal(status, text, asked)
    if status in (400, 403, 422) and is_filtered(text):
        return NoAnswer(refusal, WITHHELD, "a filter withheld it")
    own = status in (400, 413, 422) and not isinstance(refusal, ContextTooLong)
    return NoAnswer(refusal, REFUSED, f"the server refused it (HTTP {status}: {complaint(text)})") if own else refusal


def is_too_long(text: str) -> bool:
    """Whether a refusal says that the question is longer than the model's context."""
    return bool(_TOO_LONG.search(text))


def unknown_field(body: Mapping[str, Any], status: int, text: str) -> str | None:
    """The field of a question that its refusal is about, where it can be asked without: it is left out, or put in words."""
    if status not in (400, 404, 422, 500, 501) or is_too_long(text):
        return None
    if "tools" in body and _NO_TOOLS.search(text):
        return "tools"
    if status >= 500:
        return None
    return next((name for name in (*OPTIONAL, *OWN_CHOICE) if name in body and name in text), None)


def is_lasting(text: str) -> bool:
    """Whether a server that says it failed says as well that it always will."""
    return bool(_NEVER.search(text))


def is_filtered(text: str) -> bool:
    """Whether a refusal says that a filter withheld the question or the answer."""
    return any(sign in text for sign in _FILTERED)


def complaint(text: str) -> str:
    """The server's own words, shortened."""
    error = (json_object(text) or {}).get("error")
    said = error.get("message") if isinstance(error, Mapping) else error
    return " ".join(str(said or text).split())[:300]


def _refusal(status: int, text: str, asked: Asked) -> UserError:
    said = complaint(text)
    if status in (401, 403):
        return UserError(
            f"the server refuses the key (HTTP {status}): {said}",
            where=asked.address,
            hint="Put a valid key into the environment variable RUNG_API_KEY (or OPENAI_API_KEY).",
        )
    if is_too_long(text):
        return ContextTooLong({0: f"the question is longer than the model's context: {said}"}, where=asked.address)
    if status == 404:
        hint = "Check the address (it usually ends in /v1) and the model's name after '#'."
        return UserError(f"the server knows no such address or model '{asked.model}': {said}", where=asked.address, hint=hint)
    return UserError(f"the server refuses the request (HTTP {status}): {said}", where=asked.address)
