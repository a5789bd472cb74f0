"""Passages that speak to the model and not to a reader. They are told, and kept: what they hold may still be wanted.

A list of patterns finds the plain cases alone. What protects is that retrieved text has no authority (`engine.retrieval.context`).
"""

from __future__ import annotations

import re

PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules|directions|told)\b",
        r"\byou are (?:now|no longer)\b[^.\n]{0,60}",
        r"\b(?:new|real|actual) (?:system )?(?:instructions?|prompt)\s*:",
        r"(?:^|\n)\s*(?:#+\s*)?(?:system|assistant)\s*:\s*\S",
        r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<<SYS>>",
        r"\b(?:do not|don't|never) (?:tell|inform|mention (?:this|it) to|reveal (?:this|it) to) the (?:user|reader|customer)\b",
        r"\b(?:call|invoke|execute|run|use) (?:the )?(?:tool|function)\b|\bcall [a-z]+_[a-z_]+\b",
        r"\b(?:reveal|print|repeat|output)\b[^.\n]{0,30}\bsystem prompt\b",
    )
)


def instruction_in(text: str) -> str:
    """The first words of a text that instruct a model; "" where there are none."""
    found = [match for pattern in PATTERNS if (match := pattern.search(text))]
    return min(found, key=lambda match: match.start())[0].strip()[:80] if found else ""
