"""A home that has never had a tenant asks nobody for a key, and there are no quotas; from its first tenant on there are both."""

from __future__ import annotations

import time
from collections.abc import Callable

from rung.serve.idle import NoKeys, NoQuotas
from rung.serve.types import Admission, Keys, Quotas, Tenant

KEPT_S = 1.0


class OnceThereAreTenants:
    """Keys and quotas of a server that was started before there was a tenant, or after. `any` says whether there is one."""

    def __init__(self, any: Callable[[], bool], keys: Keys, quotas: Quotas) -> None:
        self._any, self._keys, self._quotas = any, keys, quotas
        self._asks, self._until = False, 0.0

    @property
    def asks(self) -> bool:
        """Whether keys are asked for: once they are, they are for as long as the server runs."""
        if not self._asks and time.monotonic() >= self._until:
            self._asks = self._any()
            self._until = time.monotonic() + KEPT_S
        return self._asks

    def tenant(self, authorization: str | None, address: str) -> Tenant:
        """Raises Refused (401), where keys are asked for."""
        return (self._keys if self.asks else NoKeys()).tenant(authorization, address)

    def forget(self) -> None:
        """Asks the registry anew."""
        self._until = 0.0
        self._keys.forget()

    def admit(self, tenant: Tenant, *, prompt_tokens: int, max_tokens: int) -> Admission:
        """Raises Refused (429), where there are quotas."""
        quotas = self._quotas if self.asks else NoQuotas()
        return quotas.admit(tenant, prompt_tokens=prompt_tokens, max_tokens=max_tokens)
