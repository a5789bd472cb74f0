"""Which bases are answered by a vLLM server: `BASE=http://host:port/v1#model`, as `rung serve --engine` takes it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rung.engine.backend import Backend
from rung.engine.bases.resolve import resolve
from rung.engine.http.refusals import Asked
from rung.engine.http.vllm.driver import Vllm, VllmSettings
from rung.engine.runtime import Runtime
from rung.errors import UserError
from rung.sources.address import ServerAddress
from rung.sources.base import BaseReference
from rung.storage import Blobs

FORM = "Write BASE=http://127.0.0.1:8000/v1#model: the base as its Candidates name it, then the server that has it loaded."
Answers = TypeVar("Answers", bound=Runtime)
_SETTING = re.compile(r"(?P<base>.+?)=(?P<server>https?://.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A base, and the server in its place."""

    base: str
    asked: Asked

    @classmethod
    def read(cls, text: str) -> Engine:
        """Raises UserError for what is none, and for a server that strangers reach: who reaches it can load adapters there."""
        found = _SETTING.fullmatch(text.strip())
        if found is None:
            raise UserError(f"'{text}' does not say which server answers for which base", hint=FORM)
        server = BaseReference.read(found["server"])
        address = server.address
        refuse_public(address)
        return cls(base=found["base"], asked=Asked(address=address, model=server.member))


def with_engines(runtime: Answers, engines: Sequence[Engine], place: Path, blobs: Blobs) -> Answers:
    """The runtime, with these servers in the place of their bases. Others answer as before.

    Raises UserError for a base that is none, that is no model here, or that is named twice.
    """
    opened: dict[str, Vllm] = {}
    for engine in engines:
        base = resolve(engine.base, place, blobs=blobs)
        if base.digest in opened:
            raise UserError(f"two servers are named for {base.reference.bare}", hint="Put a balancer before them, or name one.")
        opened[base.digest] = Vllm(base, VllmSettings(asked=engine.asked))

    def backend_for(reference: str) -> Backend:
        named = BaseReference.read(reference)
        # Weights of int8 are not those that the server has.
        served = None if named.weights else opened.get(named.pin)
        return served if served is not None else runtime.backend_for(reference)

    return replace(runtime, backend_for=backend_for) if opened else runtime


def refuse_public(address: ServerAddress) -> None:
    """Raises UserError for an address that strangers could reach: whoever reaches vLLM can load adapters into it."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(address.name, None, type=socket.SOCK_STREAM)}
    except OSError:
        raise UserError(f"no such host: {address.name}", where=str(address), hint=FORM) from None
    public = sorted(str(one) for one in found if not _is_private(str(one)))
    if public:
        raise UserError(
            f"the server is reached under {public[0]}, which is no private address",
            where=str(address),
            hint="Bind it to 127.0.0.1 or a private network: whoever reaches it can load adapters into it.",
        )


def _is_private(address: str) -> bool:
    number = ipaddress.ip_address(address.partition("%")[0])
    return number.is_private and not number.is_unspecified
