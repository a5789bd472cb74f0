"""Which rows are computed together: pure functions of the questions, so that a repeated call forms the same batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

# A shared prefix pays from here on; below it, a second pass over the weights costs more than it saves.
SHARED_TOKENS_AT_LEAST = 16
# Rows at least this long, as a share of the longest, are padded to it: each group of rows costs calls of its own at every step.
ALIKE = 0.6
# Rows join when so large a part of a full batch's places is free.
JOINED_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one batch may hold: rows, tokens in its first pass (padding counted), tokens kept as keys and values."""

    rows: int
    tokens: int
    kept_tokens: int


def common_length(rows: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all rows have in common."""
    return next((place for place, tokens in enumerate(zip(*rows)) if len(set(tokens)) > 1), min(map(len, rows)))  # noqa: B905


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """How many tokens all prompts begin with, one left over for each; 0 where sharing would not pay."""
    if len(prompts) < 2:
        return 0
    shared = min(common_length(prompts), min(map(len, prompts)) - 1)
    return shared if shared >= SHARED_TOKENS_AT_LEAST else 0


def plan(lengths: Sequence[int], kept: Sequence[int], budget: Budget) -> list[list[int]]:
    """Indices of the rows of each batch, the longest rows first.

    lengths  tokens that each row computes in the first pass
    kept     tokens that each row may come to keep
    """
    groups: list[list[int]] = []
    room = 0
    for index in _longest_first(lengths):
        fits = groups and (len(groups[-1]) + 1) * max(1, lengths[groups[-1][0]]) <= budget.tokens
        if fits and len(groups[-1]) < budget.rows and kept[index] <= room:
            groups[-1].append(index)
            room -= kept[index]
        else:
            groups.append([index])
            room = budget.kept_tokens - kept[index]
    return groups


def alike(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """Indices of rows of like lengths, the longest rows first: at most `tokens` in a group, padding to its longest counted."""
    groups: list[list[int]] = []
    for index in _longest_first(lengths):
        longest = lengths[groups[-1][0]] if groups else 0
        if groups and (len(groups[-1]) + 1) * longest <= tokens and lengths[index] >= ALIKE * longest:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


class Waiting:
    """Rows that wait for room in a batch, the longest first: they are padded least, and what is left for the end is short.

    lengths  tokens that each row computes in its first pass
    kept     tokens that each row may come to keep
    """

    def __init__(self, lengths: Sequence[int], kept: Sequence[int], budget: Budget) -> None:
        self._kept, self._rows, self._tokens = kept, budget.rows, budget.kept_tokens
        self._left = deque(_longest_first(lengths))
        self._inside: set[int] = set()

    def __len__(self) -> int:
        return len(self._left)

    def join(self) -> list[int]:
        """Those that join now: several at a time, for a pass over their prompts costs the others a pause. One always may."""
        free = self._rows - len(self._inside)
        if self._inside and free < min(len(self._left), max(1, self._rows // JOINED_AT_ONCE)):
            return []
        joining: list[int] = []
        while self._left and free > len(joining) and (self._kept[self._left[0]] <= self._tokens or not self._inside):
            index = self._left.popleft()
            joining.append(index)
            self._inside.add(index)
            self._tokens -= self._kept[index]
        return joining

    def leave(self, index: int) -> None:
        self._inside.remove(index)
        self._tokens += self._kept[index]


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
