"""Where a text stands in what was said: as itself, not as a part of a longer word or number, and not denied."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.choice_words import apart

_DENIED = re.compile(
    r"(?:\b(?:not|never|nor|nicht|keine?[nmrs]?|pas|non|не)|n['’]t)\s+(?:(?:an?|the|eine?|une?)\s+)?\Z", re.IGNORECASE
)
_LOOKED_BACK = 24


def places(text: str, said: str) -> Iterator[int]:
    """Each place where the text begins. Both in the same case, if case is not to be heeded."""
    at = said.find(text)
    while at >= 0 and text:
        if apart(said, at, at + len(text)) and not _DENIED.search(said, max(0, at - _LOOKED_BACK), at):
            yield at
        at = said.find(text, at + 1)
