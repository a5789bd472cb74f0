"""Digests of data: one Merkle root per split, over the rows' own digests in their order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rung.types import SPLITS, Example


def merkle_root(digests: Sequence[str]) -> str:
    """The root of the Merkle tree over `digests` in their order, as 64 hex digits.

    The tree of RFC 6962, section 2.1: leaves and nodes are hashed with different prefixes, and an uneven list is cut at the largest
    power of two below its length, so that no two lists share a root. The empty list has the digest of nothing.
    """
    if not digests:
        return hashlib.sha256(b"").hexdigest()
    level = [hashlib.sha256(b"\x00" + entry.encode("ascii")).digest() for entry in digests]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]
    return level[0].hex()


def data_digests(examples: Sequence[Example]) -> dict[str, str]:
    """Split -> Merkle root of its rows, for the splits that have rows."""
    rows = {name: [example.digest for example in examples if example.split == name] for name in SPLITS}
    return {name: merkle_root(digests) for name, digests in rows.items() if digests}
