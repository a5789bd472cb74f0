"""All that a server knows of its tenants, opened at once: their keys, quotas and journal, written by one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rung.registry.home import Home
from rung.serve.tenants.journal import ServedJournal
from rung.serve.tenants.keys import TenantKeys
from rung.serve.tenants.quotas import TenantQuotas
from rung.serve.tenants.scopes import Scopes
from rung.serve.tenants.writer import Writer
from rung.serve.types import Served


@dataclass(frozen=True, kw_only=True)
class Tenancy:
    """What one server knows of its tenants. Close it when no question comes any more."""

    keys: TenantKeys
    quotas: TenantQuotas
    journal: ServedJournal

    def close(self) -> None:
        """Writes what waits, and seals this server's part of the journal."""
        self.journal.close()


def open_tenancy(
    home: Home,
    *,
    engine: Callable[[Served], str] = lambda _: "",
    keep_text_days: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Tenancy:
    """The tenancy of a server on a home that is opened to write.

    engine          the name and version of the engine that answers, as fingerprints tell it
    keep_text_days  how long the journal keeps words of questions and answers; None: only their digests
    clock           seconds, steadily growing
    """
    writer = Writer(home, clock)
    scopes = Scopes(home, clock)
    journal = ServedJournal(home, writer, engine=engine, keep_text_days=keep_text_days, clock=clock)
    return Tenancy(
        keys=TenantKeys(home, scopes, clock),
        quotas=TenantQuotas(home, writer, scopes, clock),
        journal=journal,
    )
