"""Keys and values of conversations that may go on: a tenant's next question is read from where one of its own before left off.

What is kept is named by its tenant, by the digests and weights of the adapters that it was computed under, and by its tokens; the
base is the engine's own. No question meets what another tenant's left, nor is answered sooner for it: what a prompt begins with,
its Candidate's own demonstrations included, is kept for each tenant by itself. Where room is short, whoever keeps most gives way,
so that nobody's beginnings are pushed out by another's flood.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rung.engine.local.adapters import Key
from rung.engine.local.attention import KeyValues
from rung.engine.local.batching import SHARED_TOKENS_AT_LEAST
from rung.engine.local.prefix import Prefix

# Of those that begin alike, the newest are compared.
COMPARED = 16
# A Candidate's own beginning of so many tokens is not copied for each row that begins with it, but attended by all of them
# together: below that, a block of their own costs more than it saves.
TOGETHER_FROM = 256

Whose = tuple[str, Key]


@dataclass(kw_only=True, eq=False)
class _Kept:
    """`together`: it is a Candidate's own beginning, and long enough for rows to share it."""

    whose: Whose
    prefix: Prefix
    ids: Tensor
    bytes: int
    together: bool
    names: tuple[tuple[Whose, int, int], ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What is known of a prompt: its first `length` tokens, out of `prefix`; `together` where rows are to share all of that."""

    prefix: Prefix
    length: int
    together: bool


class Conversations:
    """What is kept, up to so many bytes."""

    def __init__(self, most_bytes: int, token_bytes: int) -> None:
        self._most, self._token_bytes = most_bytes, token_bytes
        self._by_name: dict[tuple[Whose, int, int], OrderedDict[_Kept, None]] = {}
        self._of: dict[str, OrderedDict[_Kept, None]] = {}
        self._bytes: dict[str, int] = {}

    @property
    def bytes(self) -> int:
        return sum(self._bytes.values())

    def find(self, whose: Whose, tokens: Sequence[int]) -> tuple[Begun | None, Begun | None]:
        """(the longest beginning that rows share, the longest of all) of a prompt; one token of it is left to be read."""
        ids, best, shared = torch.tensor(tokens[:-1]), None, None
        for kept in self._alike(whose, tokens):
            length = common(ids, kept.ids)
            if length >= SHARED_TOKENS_AT_LEAST and (best is None or length > best.length):
                best = Begun(prefix=kept.prefix, length=length, together=False)
                self._use(kept)
            if kept.together and length == len(kept.ids) and (shared is None or length > shared.length):
                shared = Begun(prefix=kept.prefix, length=length, together=True)
                self._use(kept)
        return shared, best

    def keep(self, whose: Whose, tokens: Sequence[int], taken: Callable[[], list[KeyValues]], *, together: bool = False) -> None:
        """Keep these tokens' keys and values; what they go on from is then no longer kept by itself.

        taken     copies them, where they are not known already
        together  they stand before every question of their Candidate
        """
        size = len(tokens) * self._token_bytes
        if len(tokens) < SHARED_TOKENS_AT_LEAST or size > self._most:
            return
        together = together and len(tokens) >= TOGETHER_FROM
        ids = torch.tensor(tokens)
        for other in list(self._alike(whose, tokens)):
            length = common(ids, other.ids)
            if length == len(ids) and (other.together or not together):
                self._use(other)
                return
            if length == len(other.ids) and not other.together:
                self._drop(other)
        prefix = Prefix(tokens=tuple(tokens), stack=whose[1], layers=taken())
        kept = _Kept(whose=whose, prefix=prefix, ids=ids, bytes=size, together=together, names=tuple(_names(whose, tokens)))
        for name in kept.names:
            self._by_name.setdefault(name, OrderedDict())[kept] = None
        tenant = whose[0]
        self._of.setdefault(tenant, OrderedDict())[kept] = None
        self._bytes[tenant] = self._bytes.get(tenant, 0) + size
        while self.bytes > self._most:
            largest = max(self._bytes, key=lambda name: self._bytes[name])
            self._drop(next(iter(self._of[largest])))

    def clear(self) -> None:
        """Keep nothing."""
        self._by_name, self._of, self._bytes = {}, {}, {}

    def _alike(self, whose: Whose, tokens: Sequence[int]) -> Iterator[_Kept]:
        """Those that share the longest beginning whose name is known, and of the shorter ones those that rows share."""
        found = 0
        for name in reversed(list(_names(whose, tokens))):
            some = list(reversed(self._by_name.get(name, ())))[:COMPARED]
            yield from (kept for kept in some if not found or kept.together)
            found += len(some)

    def _use(self, kept: _Kept) -> None:
        self._of[kept.whose[0]].move_to_end(kept)
        for name in kept.names:
            self._by_name[name].move_to_end(kept)

    def _drop(self, kept: _Kept) -> None:
        tenant = kept.whose[0]
        del self._of[tenant][kept]
        self._bytes[tenant] -= kept.bytes
        if not self._of[tenant]:
            del self._of[tenant], self._bytes[tenant]
        for name in kept.names:
            del self._by_name[name][kept]
            if not self._by_name[name]:
                del self._by_name[name]


def common(one: Tensor, other: Tensor) -> int:
    """How many leading tokens two texts have in common."""
    length = min(len(one), len(other))
    differ = one[:length] != other[:length]
    return int(differ.int().argmax()) if bool(differ.any()) else length


def _names(whose: Whose, tokens: Sequence[int]) -> Iterator[tuple[Whose, int, int]]:
    """Of beginnings of 16 tokens, of 32, and so on: what texts that begin alike have in common. What is found so is compared."""
    length = SHARED_TOKENS_AT_LEAST
    while length <= len(tokens):
        yield whose, length, hash(tuple(tokens[:length]))
        length *= 2
