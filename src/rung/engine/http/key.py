"""The key that a server asks for, from the environment only."""

from __future__ import annotations

import os

from rung.engine.http.address import is_safe


def headers(address: str) -> dict[str, str]:
    """The key goes to a server named in the task file: OpenAI's own key never in clear text over a network."""
    key = os.environ.get("RUNG_API_KEY") or (os.environ.get("OPENAI_API_KEY") if is_safe(address) else None)
    return {"Authorization": f"Bearer {key}"} if key else {}
