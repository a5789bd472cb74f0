"""Where a text stands in what was said: as itself, not as a part of a longer word or number, and not denied."""

from __future__ import annotations

import re
from collections.abc import Iterator

# From Hebrew on, scripts join to a word what others write apart, or write no spaces: there any place will do.
_APART = 0x0590
_DENIED = re.compile(
    r"(?:\b(?:not|never|nor|nicht|keine?[nmrs]?|pas|non|не)|n['’]t)\s+(?:(?:an?|the|eine?|une?)\s+)?\Z", re.IGNORECASE
)
_LOOKED_BACK = 24


def places(text: str, said: str) -> Iterator[int]:
    """Each place where the text begins. Both in the same case, if case is not to be heeded."""
    at = said.find(text)
    while at >= 0 and text:
        if _is_itself(said, at, at + len(text)) and not _DENIED.search(said, max(0, at - _LOOKED_BACK), at):
            yield at
        at = said.find(text, at + 1)


def _is_itself(said: str, start: int, end: int) -> bool:
    """Whether what stands between is no part of a longer word or number."""
    if (start and _joined(said[start - 1], said[start])) or (end < len(said) and _joined(said[end - 1], said[end])):
        return False
    if said[start].isdigit() and re.search(r"\d[.,]\Z|(?:\A|[^\w)\]])[-−]\Z", said[max(0, start - 2) : start]):
        return False
    # 310.00 is 310, 310.5 and 310,000 are not.
    more = re.compile(r"[.,]\d").match(said, end) if said[end - 1].isdigit() else None
    return more is None or re.compile(r"[.,]0{1,2}(?!\d)").match(said, end) is not None


def _joined(before: str, after: str) -> bool:
    """Whether two characters are of one word or number: 310g is the number and its unit, B12 is one name."""
    if ord(before) >= _APART or ord(after) >= _APART:
        return False
    if after.isdigit():
        return before.isalnum()
    return after.isalpha() and before.isalpha()
