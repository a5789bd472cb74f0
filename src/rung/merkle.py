"""Merkle trees (RFC 6962, section 2.1): the root of a list, and salted sets of which one can prove what is in them and what is not.

In a set the entries are sorted, each is there once, and every leaf has a salt of its own. Who is shown that one entry is in it
learns nothing that a guess at another could be checked by; who is shown that one is not learns the digests of the two beside its
place.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_DIGEST = re.compile("[0-9a-f]{64}")


def merkle_root(digests: Sequence[str]) -> str:
    """The root of the Merkle tree over `digests` in their order, as 64 hex digits.

    The tree of RFC 6962, section 2.1: leaves and nodes are hashed with different prefixes, and an uneven list is cut at the largest
    power of two below its length, so that no two lists share a root. The empty list has the digest of nothing.
    """
    return _levels([hashlib.sha256(b"\x00" + entry.encode("ascii")).digest() for entry in digests])[-1][0].hex()


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A leaf of a set: its number in the order of digests, its digest and salt (hex), and the hashes beside its way to the root."""

    index: int
    digest: str
    salt: str
    path: tuple[str, ...]


class SaltedSet:
    """Digests (64 hex digits each) under one secret, from which every leaf's own salt is made."""

    def __init__(self, digests: Iterable[str], secret: bytes) -> None:
        self._digests = sorted(set(digests))
        self._secret = secret
        self._tree = _levels([_leaf(bytes.fromhex(digest), self._salt(digest)) for digest in self._digests])

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self._digests)

    @property
    def root(self) -> str:
        """The root, 64 hex digits: of the tree and of how many leaves it has."""
        return _of_size(self._tree[-1][0], self.n)

    def prove(self, digest: str) -> tuple[Leaf, ...]:
        """Its own leaf; where it is not there, those beside its place: two, one at either end, none of an empty set."""
        place = bisect_left(self._digests, digest)
        if place < self.n and self._digests[place] == digest:
            return (self._proved(place),)
        return tuple(self._proved(index) for index in (place - 1, place) if 0 <= index < self.n)

    def _proved(self, index: int) -> Leaf:
        digest, path, at = self._digests[index], list[str](), index
        for level in self._tree[:-1]:
            if at ^ 1 < len(level):
                path.append(level[at ^ 1].hex())
            at //= 2
        return Leaf(index=index, digest=digest, salt=self._salt(digest).hex(), path=tuple(path))

    def _salt(self, digest: str) -> bytes:
        return hmac.digest(self._secret, bytes.fromhex(digest), "sha256")


def is_in(digest: str, leaves: Sequence[Leaf], root: str, n: int) -> bool:
    """Whether these leaves show that a digest is in the set of n entries with this root, or that it is not.

    Raises ValueError, with why, where they show neither.
    """
    for name in (digest, *[leaf.digest for leaf in leaves]):
        if not _DIGEST.fullmatch(name):
            raise ValueError(f"'{name[:20]}' is no digest")
    for leaf in leaves:
        if _way_up(leaf, n) != root:
            raise ValueError(f"leaf {leaf.index} does not lead to the root {root[:12]}")
    if len(leaves) == 1 and leaves[0].digest == digest:
        return True
    if any(leaf.digest == digest for leaf in leaves):
        raise ValueError("one leaf is enough to show that it is there")
    below = [leaf.index for leaf in leaves if leaf.digest < digest]
    above = [leaf.index for leaf in leaves if leaf.digest > digest]
    # Beside its place: a leaf right below it, or none is below; and the one right behind that, or none is behind.
    place = below[0] + 1 if below else 0
    if len(below) > 1 or above != ([place] if place < n else []):
        raise ValueError("the leaves are not those beside its place")
    return False


def _way_up(leaf: Leaf, n: int) -> str:
    """The root that a leaf leads to in a tree of n leaves; "" where it leads to none."""
    if not 0 <= leaf.index < n:
        return ""
    node, index, path = _leaf(bytes.fromhex(leaf.digest), bytes.fromhex(leaf.salt)), leaf.index, list(leaf.path)
    size = n
    while n > 1:
        if index ^ 1 < n:
            if not path:
                return ""
            beside = bytes.fromhex(path.pop(0))
            node = _node(beside, node) if index % 2 else _node(node, beside)
        index, n = index // 2, (n + 1) // 2
    return "" if path else _of_size(node, size)


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """The tree, level by level, the root last."""
    levels = [leaves or [hashlib.sha256(b"").digest()]]
    while len(levels[-1]) > 1:
        level = levels[-1]
        pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        levels.append(pairs + level[2 * len(pairs) :])
    return levels


def _leaf(digest: bytes, salt: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + salt + digest).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _of_size(root: bytes, n: int) -> str:
    """A way up can be the same in trees of two sizes: what is signed is of one."""
    return hashlib.sha256(b"\x02" + n.to_bytes(8, "big") + root).hexdigest()
