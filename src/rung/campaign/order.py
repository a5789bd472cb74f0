"""In which order names are climbed again: what others are built on first, then by traffic, then by what a wrong answer risks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.campaign.facts import Entry

RISK = ("high", "medium", "low")


def ordered(entries: Sequence[Entry]) -> list[Entry]:
    """The names with the most traffic first. Of those that say none, and of equals: the graver consequence, then the one that
    stood the closest over its bar, which is the likeliest to fall.

    A name whose traffic is not said comes after those that say theirs: it is not known to have none. Whatever is built on another
    name comes after that.
    """
    by_name = {entry.name: entry for entry in entries}
    return sorted(entries, key=lambda entry: (_depth(entry, by_name), *_urgency(entry)))


def _urgency(entry: Entry) -> tuple[bool, float, int, bool, bool, float, str]:
    """What is not known of a risk is taken for the graver one."""
    risk = RISK.index(entry.consequence) if entry.consequence in RISK else 0
    unsaid, unmeasured = entry.traffic is None, entry.margin is None
    return unsaid, -(entry.traffic or 0.0), risk, not entry.served, not unmeasured, entry.margin or 0.0, entry.name


def _depth(entry: Entry, by_name: Mapping[str, Entry]) -> int:
    """How many names it is built on, one upon the other."""
    seen = {entry.name}
    while (below := by_name.get(entry.built_on)) is not None and below.name not in seen:
        seen.add(below.name)
        entry = below
    return len(seen) - 1
