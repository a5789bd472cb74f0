"""The adapters that a vLLM server holds: loaded from their digests' paths, under names that hold the digest, never in place."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rung.disk import tree_digest
from rung.engine.backend import ADAPTER_FILES, AdapterUse
from rung.engine.caller import Full
from rung.engine.http.completion import json_object
from rung.engine.http.line import Line
from rung.engine.http.refusals import complaint
from rung.errors import BrokenEnvironment, UserError

# What stands before the digest in a name: never a base's, nor a tenant's.
ALIAS = "adapter"
_DIGITS = 12
# What the server was seen to hold is believed for so long.
_SEEN_S = 10.0
_SOON_S = 1.0
_START = "Start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, on an address that nobody else reaches."


@dataclass(kw_only=True)
class _Held:
    """An adapter that the server holds. `users` are answered with it now, `seen` is when it was last in the server's list."""

    name: str
    users: int = 0
    seen: float = 0.0


@dataclass(kw_only=True)
class HeldAdapters:
    """At most `most` adapters at a time, the one that was used longest ago goes first.

    line    a line to the server; `model` is what it calls its base
    clock   as time.monotonic
    """

    line: Line
    where: str
    model: str
    most: int = 64
    clock: Callable[[], float] = time.monotonic
    _held: OrderedDict[str, _Held] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def used(self, uses: Sequence[AdapterUse]) -> Iterator[str]:
        """The name under which the server answers with these adapters; the base's own where there are none.

        It is in the server's list, from the digest's path, within the last seconds: an adapter that is not is never answered for by
        the base. Raises UserError for a stack, which vLLM cannot add up, and for an adapter that it refuses; Full where all that it
        may hold are in use; BrokenEnvironment.
        """
        if not uses:
            yield self.model
            return
        (use,) = _one(uses, self.where)
        held = self._take(use)
        try:
            yield held.name
        finally:
            with self._lock:
                held.users -= 1

    def forget(self, use: AdapterUse) -> None:
        """The server says that it does not hold it: it may have been started anew."""
        with self._lock:
            if (held := self._held.get(use.digest)) is not None:
                held.seen = float("-inf")

    def _take(self, use: AdapterUse) -> _Held:
        with self._lock:
            held = self._held.get(use.digest)
            if held is None:
                self._make_room()
                held = _Held(name=self._name(use.digest), seen=float("-inf"))
            if self.clock() - held.seen > _SEEN_S and not self._is_listed(held.name, use):
                self._load(held.name, use)
                if not self._is_listed(held.name, use):
                    problem = f"the server says that it loaded {held.name} and does not list it"
                    raise BrokenEnvironment(problem, where=self.where, hint="Ask again; nothing was answered by the base.")
            held.seen = self.clock()
            held.users += 1
            self._held[use.digest] = held
            self._held.move_to_end(use.digest)
            return held

    def _name(self, digest: str) -> str:
        """Twelve digits tell adapters apart, but not from those that somebody made to look alike: then it is the whole digest."""
        short = f"{ALIAS}@{digest[:_DIGITS]}"
        return f"{ALIAS}@{digest}" if any(held.name == short for held in self._held.values()) else short

    def _make_room(self) -> None:
        while len(self._held) >= self.most:
            idle = next((digest for digest, held in self._held.items() if not held.users), None)
            if idle is None:
                raise Full(f"all {self.most} adapters that the server may hold are in use", retry_after_s=_SOON_S)
            status, text = self._posted("/unload_lora_adapter", {"lora_name": self._held[idle].name})
            if status not in (200, 404):
                raise BrokenEnvironment(f"the server does not let an adapter go ({status}: {complaint(text)})", where=self.where)
            del self._held[idle]

    def _is_listed(self, name: str, use: AdapterUse) -> bool:
        """Raises UserError where other bytes, or those of another base, go by the name."""
        entry = next((one for one in self._listed() if one.get("id") == name), None)
        if entry is None:
            return False
        if entry.get("root") != str(use.folder) or entry.get("parent") not in (None, self.model):
            raise UserError(
                f"the server holds other bytes under the name {name}: {entry.get('root')}",
                where=self.where,
                hint="Nobody but this program may load adapters there: start the server anew.",
            )
        return True

    def _listed(self) -> list[Mapping[str, Any]]:
        import httpx

        try:
            reply = self.line.get("/models")
        except httpx.TransportError as error:
            raise _away(error, self.where) from None
        data = (json_object(reply.text) or {}).get("data")
        return [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []

    def _load(self, name: str, use: AdapterUse) -> None:
        refuse_changed(use)
        sent = {"lora_name": name, "lora_path": str(use.folder), "load_inplace": False}
        status, text = self._posted("/load_lora_adapter", sent)
        said = complaint(text)
        if status == 200 or (status == 400 and "already" in said):
            return
        if status == 404 and "adapter" not in said.casefold():
            raise UserError("the server loads no adapters while it runs", where=self.where, hint=_START)
        if status == 404:
            hint = "Let it see the store of this home under the same path, read-only."
            raise UserError(f"the server does not find {use.folder}: {said}", where=self.where, hint=hint)
        if status == 400:
            raise UserError(f"the server refuses the adapter {use.digest[:_DIGITS]}: {said}", where=self.where)
        hint = "Where it says that a rank is too large: start it with a larger --max-lora-rank."
        raise BrokenEnvironment(f"the server does not load the adapter ({status}: {said})", where=self.where, hint=hint)

    def _posted(self, end: str, sent: Mapping[str, Any]) -> tuple[int, str]:
        import httpx

        try:
            reply = self.line.call("POST", end, json=dict(sent))
        except httpx.TransportError as error:
            raise _away(error, self.where) from None
        return reply.status_code, reply.text


def refuse_changed(use: AdapterUse) -> None:
    """Raises BrokenEnvironment for a folder that is not (or no longer) what its digest says, or that holds anything but tensors."""
    names = {path.name for path in use.folder.iterdir()} if use.folder.is_dir() else set()
    if missing := set(ADAPTER_FILES) - names:
        raise BrokenEnvironment(f"the adapter has no {min(missing)}", where=str(use.folder), hint="`rung home` checks the store.")
    known = (tree_digest(use.folder), AdapterUse.of(use.folder).digest)
    if use.digest not in known:
        problem = "the adapter's bytes are not those that its digest names"
        raise BrokenEnvironment(problem, where=str(use.folder), hint="`rung home` finds what was changed.")


def _one(uses: Sequence[AdapterUse], where: str) -> tuple[AdapterUse]:
    if len(uses) > 1 or uses[0].weight != 1.0:
        raise UserError(
            "vLLM answers with one adapter in full: it adds none up and weighs none",
            where=where,
            hint="Serve the stack with the engine of this program, or register the sum as one adapter.",
        )
    return (uses[0],)


def _away(error: Exception, where: str) -> BrokenEnvironment:
    problem = f"the server does not answer ({type(error).__name__}: {error})".rstrip(": )") + ")"
    return BrokenEnvironment(problem, where=where, hint="Ask again.")
