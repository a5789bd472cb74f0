"""The key that a server asks for: from the environment only, and never shown."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import quote

from rung.errors import UserError
from rung.sources.address import ServerAddress

_NAMES = ("RUNG_API_KEY", "OPENAI_API_KEY")
_MASK = "[key]"
# What stands before a key in a header: a value that brings it along is sent as it is.
_SCHEME = re.compile(r"(?:Bearer|Basic|Token|ApiKey) +(?=\S)", re.IGNORECASE)
# Keys by their own look, which servers show the beginning or the end of: sk-..., AIza..., gsk_..., xai-..., a header's value.
_LOOKS = re.compile(
    r"\b(?:(?:sk|pk|rk)[-_]|(?:gsk|xai|hf|nvapi|csk|r8)[-_](?=\S*[\d*]))[\w*.-]{6,}|\bAIza[\w-]{20,}"
    r"|\b(?:Bearer|Basic) +(?=\S*[\d*])[\w.~+/*=-]{8,}"
)


def headers(address: ServerAddress) -> dict[str, str]:
    """The key goes to a server named in the task file: OpenAI's own key never in clear text over a network.

    Raises UserError for a key that no header can carry.
    """
    for name in _NAMES[: 2 if address.is_safe else 1]:
        if key := _read(name):
            if _SCHEME.match(key):
                return {"Authorization": key}
            return {"api-key": key} if address.is_azure else {"Authorization": f"Bearer {key}"}
    return {}


def masked(text: str) -> str:
    """A text, without the keys of the environment and what else looks like a key."""
    for name in _NAMES:
        key = _bare(os.environ.get(name, ""))
        for said in {key, quote(key, safe="", errors="replace"), json.dumps(key)[1:-1], _SCHEME.sub("", key)} if key else ():
            text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)" if len(said) < 8 else re.escape(said), _MASK, text)
    return _LOOKS.sub(_MASK, text)


def _read(name: str) -> str:
    key = _bare(os.environ.get(name, ""))
    odd = next((place for place, letter in enumerate(key, 1) if not " " <= letter <= "~"), None)
    inner = re.search(r"\s", _SCHEME.sub("", key))
    if odd is None and inner is None:
        return key
    what = "white space" if inner or key[(odd or 1) - 1].isspace() else "a character that no key has"
    place = f"character {odd} of {len(key)}" if odd else "between its ends"
    raise UserError(
        f"the key cannot be sent: it holds {what} ({place})",
        where=f"environment variable {name}",
        hint="Copy it again, as one line of letters, digits and signs.",
    )


def _bare(key: str) -> str:
    """Without the white space and the quotes that shells, files and copies leave around a key."""
    key = key.strip().strip("\ufeff\u200b").strip()
    return key[1:-1].strip() if len(key) > 1 and key[0] == key[-1] and key[0] in "'\"" else key
