"""Which field of a question a server's refusal is about, where it can be asked without: it is left out, or put in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rung.engine.http.body import OPTIONAL, OWN_CHOICE
from rung.engine.http.error_text import read_error
from rung.engine.http.signs import is_too_long

# In the words of vLLM, llama.cpp's server, Ollama, OpenRouter, and of those who refuse every field that they do not know.
_NO_TOOLS = re.compile(
    r"tool.{0,20} requires? --|tools? param requires|not support (?:tool|function)|support(?:s|ing)? tool use"
    r"|tools?.{0,20} (?:is|are) not supported|(?:unexpected|unknown|unrecognized|extra).{0,40}\btools\b",
    re.IGNORECASE,
)
_NEVER = re.compile(r"requires? --\w|not implemented|not supported|unsupported", re.IGNORECASE)


def unknown_field(body: Mapping[str, Any], status: int, text: str) -> str | None:
    """Its name; None where the refusal is about something else."""
    if status not in (400, 404, 422, 500, 501) or is_too_long(status, read_error(text)):
        return None
    if "tools" in body and _NO_TOOLS.search(text):
        return "tools"
    if status >= 500:
        return None
    return next((name for name in (*OPTIONAL, *OWN_CHOICE) if name in body and _names(text, name)), None)


def _names(text: str, name: str) -> bool:
    """`stop` is a word of every refusal: there it is a field's name between marks only."""
    return name in text if name != "stop" else re.search(r"""['"`]stop\b['"`\\]""", text) is not None


def is_lasting(status: int, text: str) -> bool:
    """Whether a server that says it failed says as well that it always will."""
    return status in (500, 501) and _NEVER.search(text) is not None
