"""Conversations that go on: what `previous_response_id` and `conversation` stand for. In memory, bounded, each tenant's own.

A server that starts anew knows none of them and says so: a conversation that lost its beginning would be answered as another one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from rung.json_form import canonical_json
from rung.serve.openai.answers import new_id
from rung.serve.types import Refused, Tenant
from rung.types import Message

KEPT_BYTES = 64 << 20
LONGEST = 4 << 20


class Conversations:
    """Turns by the id of a response or a conversation; those used last."""

    def __init__(self, most: int = KEPT_BYTES) -> None:
        self._lock, self._most, self._bytes = threading.Lock(), most, 0
        self._kept: OrderedDict[tuple[str, str], tuple[tuple[Message, ...], int]] = OrderedDict()

    def begin(self, tenant: Tenant, turns: Sequence[Message] = ()) -> str:
        """A new conversation's id."""
        id = new_id("conv_")
        self.keep(tenant, id, turns)
        return id

    def keep(self, tenant: Tenant, id: str, turns: Sequence[Message]) -> None:
        """What was said up to here, under an id. What is too long for it is not kept."""
        size = len(canonical_json(list(turns)).encode("utf-8", "surrogatepass"))
        with self._lock:
            self._forget((tenant.id, id))
            if size > LONGEST:
                return
            self._kept[tenant.id, id] = (tuple(turns), size)
            self._bytes += size
            while self._bytes > self._most:
                self._forget(next(iter(self._kept)))

    def turns(self, tenant: Tenant, id: str, param: str) -> tuple[Message, ...]:
        """Raises Refused (404) for what is not known here, or is another tenant's."""
        with self._lock:
            kept = self._kept.get((tenant.id, id))
            if kept is None:
                problem = f"'{id[:80]}' is not known here (any more). Send the whole conversation as the input."
                raise Refused(404, problem, type="not_found_error", param=param, code=f"{param}_not_found")
            self._kept.move_to_end((tenant.id, id))
            return kept[0]

    def forget(self, tenant: Tenant, id: str) -> None:
        """It is known no more."""
        with self._lock:
            self._forget((tenant.id, id))

    def _forget(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key, None)
        self._bytes -= gone[1] if gone else 0
