"""When texts are a closed set of labels: told by how they repeat, however many there are."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST_LABEL = 80
MANY = 100  # from here on a class must show itself more often
LEAST_TWICE = 2
MANY_TIMES = 10
MANY_MEDIAN = 5


def is_closed_set(counts: Mapping[str, int]) -> bool:
    """Whether these texts, with how often each stands, are labels: short, and repeated (`are_repeated`)."""
    return are_repeated(counts) and max(map(len, counts)) <= LONGEST_LABEL


def are_repeated(counts: Mapping[str, int]) -> bool:
    """Whether these texts, however long, stand twice on average.

    Of more than a hundred it is asked that they stand ten times on average and half of them five times at least: 151 intents in
    9,000 rows do, the names of people and places do not.
    """
    if not 2 <= len(counts) <= sum(counts.values()) // LEAST_TWICE:
        return False
    if len(counts) <= MANY:
        return True
    ordered = sorted(counts.values())
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return sum(ordered) >= MANY_TIMES * len(ordered) and middle >= MANY_MEDIAN
